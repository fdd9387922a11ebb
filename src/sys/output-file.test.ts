import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkWritable, unwritable, writeWhole } from './output-file.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-output-file-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (...names: string[]): string => join(folder, ...names)
const failure = (action: () => void): string => {
  try {
    action()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code} ${message}`
  }
  return 'none'
}

describe('writeWhole', () => {
  it('writeWhole makes the folder and replaces what was there', () => {
    writeWhole(at('new', 'deep', 'a'), 'one')
    writeWhole(at('new', 'deep', 'a'), 'two')
    expect(readFileSync(at('new', 'deep', 'a'), 'utf8')).toBe('two')
    expect(readdirSync(at('new', 'deep'))).toEqual(['a'])
  })

  it('writeWhole writes to a device and leaves it one', () => {
    writeWhole('/dev/null', 'gone')
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
    expect(failure(() => writeWhole('/dev/full', 'x'))).toBe(
      'SYSCALL /dev/full: cannot be written (ENOSPC): the disk is full',
    )
  })

  it('writeWhole says what is wrong in one form, and leaves nothing', () => {
    mkdirSync(at('dir'))
    writeFileSync(at('plain'), '')
    expect(failure(() => writeWhole(at('dir'), 'x'))).toMatch(/^USAGE .*\/dir: .* \(EISDIR\): it is a folder/)
    expect(failure(() => writeWhole(at('plain', 'x'), 'x'))).toMatch(/^USAGE .*\/plain\/x: .*no folder$/)
    expect(readdirSync(folder).toSorted()).toEqual(['dir', 'new', 'plain'])
  })
})

describe('checkWritable', () => {
  it('checkWritable lets pass what can be written, folders still to be made included', () => {
    checkWritable(at('x'))
    checkWritable(at('no', 'such', 'x'))
    checkWritable('/dev/null')
    expect(existsSync(at('no'))).toBe(false)
  })

  it('checkWritable throws what writing would', () => {
    expect(failure(() => checkWritable(folder))).toMatch(/^USAGE .*it is a folder/)
    expect(failure(() => checkWritable(at('plain', 'x')))).toMatch(/^USAGE .*no folder$/)
    chmodSync(at('plain'), 0o400)
    if (process.getuid?.() !== 0)
      expect(failure(() => checkWritable(at('plain')))).toMatch(/^PERMISSION .*\(EACCES\)/)
  })
})

it('unwritable knows a kind for each reason', () => {
  const kind = (code: string) => unwritable('f', Object.assign(new Error(code), { code })).code
  expect(['EACCES', 'EROFS', 'ENOENT', 'ENOSPC', 'EIO'].map(kind)).toEqual([
    ...['PERMISSION', 'PERMISSION', 'NOT_FOUND', 'SYSCALL', 'SYSCALL'],
  ])
})

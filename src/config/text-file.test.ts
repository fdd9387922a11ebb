import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MAX_TEXT_BYTES, readTextFile } from './text-file.js'

describe('readTextFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rft-text-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const file = (content: string | Buffer): string => {
    const path = join(folder, 'file.yaml')
    writeFileSync(path, content)
    return path
  }

  it('readTextFile gives the text up to the largest size', () => {
    expect(readTextFile(file('ports: [] # ä'), 'file')).toBe('ports: [] # ä')
    expect(readTextFile(file('a'.repeat(MAX_TEXT_BYTES)), 'file')).toHaveLength(MAX_TEXT_BYTES)
  })

  it.each([
    ['/dev/zero', 'CONFIG', /^\/dev\/zero: is larger than 512 KiB/],
    [folder, 'USAGE', /is a folder; give a configuration file$/],
    [join(folder, 'none.yaml'), 'NOT_FOUND', /there is no such configuration file$/],
    ['/dev/null/none.yaml', 'NOT_FOUND', /there is no such configuration file$/],
  ])('readTextFile refuses %s in one line', (path, code, message) => {
    expect(() => readTextFile(path, 'configuration file')).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  it('readTextFile refuses what is no text', () => {
    expect(() => readTextFile(file(Buffer.from([0x70, 0xff])), 'study file')).toThrow(
      /is not UTF-8 text; give a study file$/,
    )
  })
})

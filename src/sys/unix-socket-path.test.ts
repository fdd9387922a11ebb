import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeFd, listenUnix } from './unix-socket.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringferry-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('listenUnix', () => {
  it.each([
    [
      'a link to nothing',
      'BUSY',
      /link to a file that is not there/,
      (path: string) => symlinkSync('nowhere', path),
    ],
    [
      'a link to itself',
      'BUSY',
      /link to a file that is not there/,
      (path: string) => symlinkSync(path, path),
    ],
    ['a folder', 'BUSY', /is no socket/, (path: string) => mkdirSync(path)],
    ['a file', 'BUSY', /is no socket/, (path: string) => writeFileSync(path, '')],
    ['a live socket', 'BUSY', /another program listens/, (path: string) => listenUnix(path)],
  ])('says what is in the way when %s is at the path, and leaves it there', (_, code, text, make) => {
    const path = join(folder, 'socket')
    make(path)
    expect(() => listenUnix(path)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(text) }),
    )
    expect(existsSync(path) || readlinkSync(path)).toBeTruthy()
  })

  it.each([
    ["longer than a socket's path", 'USAGE', /at most 107 bytes/, () => join(folder, 'x'.repeat(120))],
    ['in no folder', 'NOT_FOUND', /folder does not exist/, () => join(folder, 'none', 'socket')],
    [
      'below a file',
      'NOT_FOUND',
      /is a file/,
      () => {
        writeFileSync(join(folder, 'file'), '')
        return join(folder, 'file', 'socket')
      },
    ],
  ])('says what is wrong when the path is %s', (_, code, text, path) => {
    expect(() => listenUnix(path())).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(text) }),
    )
  })

  it('takes the place of a socket that nobody listens on, behind a link, too', () => {
    const path = join(folder, 'socket')
    closeFd(listenUnix(path))
    closeFd(listenUnix(path))
    symlinkSync(path, join(folder, 'link'))
    closeFd(listenUnix(join(folder, 'link')))
  })
})

import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asOrdinaryUser, expectError } from '../../test/support/expect-error.js'
import { EAGAIN } from './libc.js'
import { checkReachable, whyUnreachable } from './socket-reach.js'
import { acceptUnix, closeFd, listenUnix } from './unix-socket.js'

const NOBODY = 65534
const isRoot = process.getuid?.() === 0
let folder: string
let socket: string
const open: number[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringferry-unix-'))
  socket = join(folder, 's')
})
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd)
  rmSync(folder, { recursive: true, force: true })
})

function listen(...args: Parameters<typeof listenUnix>): number {
  const fd = listenUnix(...args)
  open.push(fd)
  return fd
}
const permissions = (): string => (statSync(socket).mode & 0o777).toString(8)

describe('listenUnix', () => {
  it.each([
    '0600',
    '660',
    '0666',
    '0777',
    '000',
  ])('listenUnix gives its file the mode, whatever the umask says, when it is %s', (socketMode) => {
    listen(socket, { socketMode })
    expect(Number.parseInt(permissions(), 8)).toBe(Number.parseInt(socketMode, 8))
  })

  it.skipIf(!isRoot)('listenUnix gives its file owner and group when they are names or numbers', () => {
    listen(socket, { socketOwner: 'nobody', socketGroup: '123', socketMode: '0660' })
    expect({ ...statSync(socket), mode: permissions() }).toMatchObject({ uid: NOBODY, gid: 123, mode: '660' })
  })

  it('listenUnix says so in one line and leaves no file when an account is not known', () => {
    expectError(
      () => listen(socket, { socketOwner: 'nosuch' }),
      'NOT_FOUND',
      /socketOwner "nosuch": .*passwd/,
    )
    expectError(() => listen(socket, { socketGroup: 'nosuch' }), 'NOT_FOUND', /socketGroup "nosuch": .*group/)
    expect(readdirSync(folder)).toEqual([])
  })

  it.skipIf(!isRoot)('listenUnix says so in one line and leaves no file when it may not give it away', () => {
    rmSync(folder, { recursive: true })
    asOrdinaryUser(() => {
      folder = mkdtempSync(join(tmpdir(), 'ringferry-unix-'))
      socket = join(folder, 's')
      expectError(() => listen(socket, { socketOwner: 'root' }), 'PERMISSION', /may not give the socket away/)
    })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('whyUnreachable', () => {
  it('whyUnreachable finds a listener without a connection when there is one', () => {
    const fd = listen(socket)
    expect(whyUnreachable(socket)).toBeUndefined()
    expect(acceptUnix(fd)).toBe(-EAGAIN)
  })

  it('whyUnreachable tells apart what keeps a client away', () => {
    const words = (path: string) => whyUnreachable(path)?.join(': ')
    expect(words(socket)).toBe('NOT_FOUND: there is no such socket')
    symlinkSync(join(folder, 'nothing'), join(folder, 'link'))
    expect(words(join(folder, 'link'))).toBe('NOT_FOUND: a symbolic link to nothing')
    writeFileSync(join(folder, 'file'), '')
    expect(words(join(folder, 'file'))).toBe('USAGE: this is no socket')
    expect(words(folder)).toBe('USAGE: this is no socket')
    expect(words(join(folder, 'file', 's'))).toMatch(/^NOT_FOUND: .* no folder$/)
    closeFd(listenUnix(socket))
    expect(words(socket)).toBe('NOT_FOUND: the socket is there, but nobody listens any more')
  })

  it.skipIf(!isRoot)('checkReachable names owner and mode when permission is missing', () => {
    listen(socket, { socketMode: '0600' })
    asOrdinaryUser(() =>
      expectError(() => checkReachable(socket, 'x'), 'PERMISSION', /folder above it is closed.*socketGroup/),
    )
    rmSync(folder, { recursive: true })
    folder = mkdtempSync(join(tmpdir(), 'ringferry-unix-'))
    socket = join(tmpdir(), `ringferry-unix-${process.pid}`)
    try {
      listen(socket, { socketMode: '0600' })
      asOrdinaryUser(() =>
        expectError(() => checkReachable(socket, 'x'), 'PERMISSION', /\(user 0, group 0, mode 0600\)/),
      )
    } finally {
      rmSync(socket, { force: true })
    }
  })
})

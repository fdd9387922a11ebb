import { mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { expectError } from '../../test/support/expect-error.js'
import { libc } from './libc.js'
import { openListening, removeListening } from './listening-socket.js'
import { acceptUnix, closeFd, connectUnix, listenUnix, socketPair } from './unix-socket.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-passed-'))
const socket = join(folder, 'p.sock')
const fds: number[] = []
const open = (fd: number): number => {
  fds.push(fd)
  return fd
}
const keys = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'] as const

afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  for (const fd of fds.splice(0)) closeFd(fd)
  for (const key of keys) delete process.env[key]
})

describe('openListening', () => {
  it('takes a socket that is handed over, once at a time, and leaves its file', () => {
    const fd = open(listenUnix(socket))
    const own = openListening(`fd:${fd}`)
    expect(own).not.toBe(fd)
    // FD_CLOEXEC: no program that the switch starts gets it.
    expect(libc.fcntl(own, 1, 0)).toBe(1)
    expectError(() => openListening(`fd:${fd}`), 'BUSY', new RegExp(`descriptor ${fd} is in use already`))
    open(connectUnix(socket))
    expect(open(acceptUnix(own))).toBeGreaterThan(0)
    closeFd(own)
    removeListening(`fd:${fd}`)
    const again = open(openListening(`fd:${fd}`))
    expect(acceptUnix(again)).toBeLessThan(0)
    expect(connectUnix(socket)).toBeGreaterThan(0)
  })

  it('refuses in one line what is no listening Unix stream socket', () => {
    const file = open(openSync('/dev/null', 'r'))
    const [one, two] = socketPair()
    open(one)
    open(two)
    const udp = open(libc.socket(2, 2, 0))
    expectError(() => openListening('fd:9999'), 'NOT_FOUND', /descriptor 9999 is no socket/)
    expectError(() => openListening('fd:1'), 'NOT_FOUND', /descriptor 1 is no socket/)
    expectError(() => openListening(`fd:${file}`), 'NOT_FOUND', /is no socket/)
    expectError(() => openListening(`fd:${one}`), 'USAGE', /no listening Unix stream socket/)
    expectError(() => openListening(`fd:${udp}`), 'USAGE', /no listening Unix stream socket/)
  })

  it('says which names there are when the one that is wanted is missing', () => {
    expectError(() => openListening('fd:web'), 'NOT_FOUND', /LISTEN_FDS is not set/)
    Object.assign(process.env, { LISTEN_FDS: '2', LISTEN_PID: '1', LISTEN_FDNAMES: 'a:b' })
    expectError(() => openListening('fd:a'), 'NOT_FOUND', /are for process 1, and this is \d+/)
    process.env.LISTEN_PID = String(process.pid)
    expectError(() => openListening('fd:web'), 'NOT_FOUND', /called so; there are a, b/)
    process.env.LISTEN_FDNAMES = 'a:a'
    expectError(() => openListening('fd:a'), 'NOT_FOUND', /2 sockets are called so/)
    expectError(() => openListening('fd:'), 'NOT_FOUND', /called so/)
  })
})

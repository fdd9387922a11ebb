import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { NotifyListener } from '../../test/support/notify-listener.js'
import { sendNotice } from '../sys/notify-socket.js'
import { ServiceManager, statusLine, watchdogMs } from './service-manager.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-notify-'))
afterAll(() => rmSync(folder, { recursive: true }))
let listener: NotifyListener | undefined
// Closed once: its descriptor's number is soon another's.
afterEach(() => {
  listener?.close()
  listener = undefined
})

let made = 0
function listen(kind: 'path' | 'abstract'): string {
  const name = `notify-${process.pid}-${made++}`
  const address = kind === 'path' ? join(folder, name) : `@ringferry/${name}`
  listener = new NotifyListener(address)
  return address
}

describe('sendNotice', () => {
  it.each(['path', 'abstract'] as const)('reaches a socket that is %s', (kind) => {
    expect(sendNotice(listen(kind), 'READY=1\nSTATUS=ä')).toBe(true)
    expect(listener?.take()).toEqual(['READY=1\nSTATUS=ä'])
  })

  it.each([
    '',
    '@',
    '/',
    'relative',
    'vsock:2:1',
    '/nobody/is/here',
    '@nobody',
    `/${'x'.repeat(200)}`,
  ])('says false when nobody can be told at %j', (address) =>
    expect(sendNotice(address, 'READY=1')).toBe(false))
})

describe('watchdogMs', () => {
  it.each([
    [{ WATCHDOG_USEC: '30000000' }, 10_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 10_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, undefined],
    [{ WATCHDOG_USEC: '1' }, 1],
    [{ WATCHDOG_USEC: '0' }, undefined],
    [{ WATCHDOG_USEC: 'soon' }, undefined],
    [{}, undefined],
  ])('of %j is %s', (environment, expected) => {
    expect(watchdogMs(environment, 7)).toBe(expected)
  })
})

/** Between two notices to the watchdog. */
const WATCHDOG_MS = 20

describe('ServiceManager', () => {
  it('tells what the service does, a status only when it changes, and in one line', () => {
    const manager = new ServiceManager({ NOTIFY_SOCKET: listen('path') })
    manager.ready()
    manager.status('1 port\nREADY=1')
    manager.status('1 port\nREADY=1')
    manager.reloading()
    manager.stopping()
    expect(listener?.take()).toEqual([
      'READY=1',
      'STATUS=1 port READY=1',
      expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
      'STOPPING=1',
    ])
  })

  it('tells nobody without a socket', () => {
    const manager = new ServiceManager({})
    expect(manager.isThere).toBe(false)
    manager.ready()
  })

  it('quiets the watchdog while the service answers, and not when it hangs', async () => {
    // Rarely enough: a notice waits for room in the socket, which holds some ten, and here the reader is the same thread.
    const environment = { NOTIFY_SOCKET: listen('path'), WATCHDOG_USEC: String(3 * WATCHDOG_MS * 1_000) }
    let hangs = false
    let asked = 0
    const manager = new ServiceManager(environment)
    manager.watch(() => {
      asked++
      return hangs ? new Promise(() => {}) : Promise.resolve()
    })
    await listener?.heard('WATCHDOG=1', 3)
    hangs = true
    const before = asked
    while (asked === before) await new Promise((resolve) => setTimeout(resolve, 1))
    const told = listener?.take().length
    await new Promise((resolve) => setTimeout(resolve, 5 * WATCHDOG_MS))
    // One question is open; it is not asked again, and nothing is told.
    expect([asked, listener?.take().length]).toEqual([before + 1, told])
    manager.stopping()
  })
})

describe('statusLine', () => {
  it('counts ports and targets', () => {
    const daemon = {
      switch: { status: () => [{ state: 'up' }, { state: 'waiting' }] },
      promises: { verdicts: () => [{ state: 'met' }, { state: 'missed' }, { state: 'no-load' }] },
    } as unknown as Parameters<typeof statusLine>[0]
    expect(statusLine(daemon)).toBe('1 of 2 ports up; targets: 1 missed, 1 met')
  })
})

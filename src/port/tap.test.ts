import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { asOrdinaryUser, expectError } from '../../test/support/expect-error.js'
import { socketSide } from '../../test/support/far-sides.js'
import { deviceExists, enterPrivateNetwork, ip, whyNoDevices } from '../../test/support/private-network.js'
import { stepUntilState } from '../../test/support/step-until.js'
import { attach, broadcast, cleanUp, dropped, frame, newEngine } from '../../test/support/switch.js'
import { DROP_HOST_ERROR } from '../core/layout.js'
import type { ReceivedFrame } from '../driver/net-driver.js'
import { TapPort } from './tap.js'

const reason = whyNoDevices()
if (reason === undefined) enterPrivateNetwork()
else console.warn(`skipped: TAP tests: ${reason}`)

const DEVICE = 'rftap1'

describe.skipIf(reason !== undefined)('TapPort', () => {
  afterEach(cleanUp)

  it('makes a device that is up, has the MTU asked for and goes with the port', () => {
    const engine = newEngine()
    engine.addPort({ kind: 'tap', name: 't', device: DEVICE, mtu: 4321 })
    expect(ip(`link show ${DEVICE}`)).toMatch(/[<,]UP[,>].* mtu 4321/)
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'up', place: DEVICE })
    expect(engine.ports[0]?.status().negotiated).toEqual(
      expect.arrayContaining(['CSUM', 'TSO4', 'TSO6', 'ECN']),
    )
    engine.removePort('t')
    expect(deviceExists(DEVICE)).toBe(false)
  })

  it('uses a persistent device and leaves it', () => {
    ip(`tuntap add ${DEVICE} mode tap`)
    try {
      const engine = newEngine()
      engine.addPort({ kind: 'tap', name: 't', device: DEVICE })
      const far = socketSide(DEVICE)
      const guest = attach(engine, 'g')
      far.send(broadcast(1))
      expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
      far.close()
      engine.removePort('t')
      expect(deviceExists(DEVICE)).toBe(true)
    } finally {
      ip(`link del ${DEVICE}`)
    }
  })

  it('says in one line what is wrong and leaves nothing when it cannot open', () => {
    const engine = newEngine()
    const free = engine.memory.freeBytes
    const open = (device: string, queues = 1) => engine.addPort({ kind: 'tap', name: 't', device, queues })
    expectError(() => open('a-name-that-is-too-long'), 'USAGE', /1 to 15 bytes/)
    expectError(() => open('a/b'), 'USAGE', /device "a\/b"/)
    expectError(() => open('lo'), 'BUSY', /TAP lo: a device of this name exists/)
    expectError(() => open(DEVICE, 9), 'CONFIG', /1 to 8 queues, not 9/)
    asOrdinaryUser(() => expectError(() => open(DEVICE), 'PERMISSION', /run as root or give CAP_NET_ADMIN/))
    const other = newEngine()
    other.addPort({ kind: 'tap', name: 't', device: DEVICE })
    expectError(() => open(DEVICE), 'BUSY', /TAP rftap1: another program uses it/)
    expectError(
      () => engine.addPort({ kind: 'tap', name: 't', device: 'rftap2', mtu: 65_535 }),
      'SYSCALL',
      /device rftap2: setting its MTU to 65535/,
    )
    expect(deviceExists('rftap2')).toBe(false)
    expect(engine.memory.freeBytes).toBe(free)
    expect(engine.ports).toHaveLength(0)
  })

  it('counts what it cannot write when the device is set down, and goes on when it is up again', () => {
    const engine = newEngine()
    engine.addPort({ kind: 'tap', name: 't', device: DEVICE })
    const guest = attach(engine, 'g')
    // The write finds out, not a tick that may come before it.
    const tick = vi.spyOn(TapPort.prototype, 'tick').mockReturnValue()
    ip(`link set ${DEVICE} down`)
    guest.driver.send(broadcast(2))
    engine.step()
    tick.mockRestore()
    expect(dropped(engine, 0, DROP_HOST_ERROR)).toBe(1)
    expect(engine.ports[0]?.status().state).toBe('attached')
    guest.driver.send(broadcast(2))
    engine.step()
    expect(dropped(engine, 0, DROP_HOST_ERROR)).toBe(1)
    ip(`link set ${DEVICE} up`)
    stepUntilState(engine, 'up')
    const far = socketSide(DEVICE)
    guest.driver.send(frame(1, 2, 60))
    expect(collect(engine, () => far.receive(), 1)).toHaveLength(1)
    far.close()
  })

  it('gives its device the MTU that is set while it runs, and the old one back when the list is refused', () => {
    const engine = newEngine()
    const tap = { kind: 'tap', name: 't', device: DEVICE } as const
    engine.addPort(tap)
    const mtu = (): number => Number(/mtu (\d+)/.exec(ip(`link show dev ${DEVICE}`))?.[1])
    expect(mtu()).toBe(1500)
    engine.apply([{ change: 'set', config: { ...tap, mtu: 1280 } }])
    expect(mtu()).toBe(1280)
    const list = [
      { change: 'set', config: { ...tap, mtu: 9000 } },
      { change: 'remove', name: 'nobody' },
    ] as const
    expectError(() => engine.apply(list), 'NOT_FOUND', /port nobody/)
    const late = { change: 'add', config: { kind: 'vif', name: 'v', socket: '/nowhere/v' } } as const
    expectError(() => engine.apply([list[0], late]), 'NOT_FOUND', /\/nowhere\/v: its folder does not exist/)
    expect(mtu()).toBe(1280)
    const far = { change: 'set', config: { ...tap, mtu: 65_535 } } as const
    expectError(() => engine.apply([far]), 'SYSCALL', /setting its MTU to 65535 failed/)
    expect(engine.ports[0]?.config).toEqual({ ...tap, mtu: 1280 })
  })

  it('keeps working when the device moves into another namespace', async () => {
    const engine = newEngine()
    engine.addPort({ kind: 'tap', name: 't', device: DEVICE })
    const guest = attach(engine, 'g')
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 60'])
    try {
      await once(holder.stdout, 'data')
      const inside = (line: string): string =>
        execFileSync('nsenter', ['-t', `${holder.pid}`, '-n', 'ip', ...line.split(' ')], { encoding: 'utf8' })
      ip(`link set ${DEVICE} netns ${holder.pid}`)
      stepUntilState(engine, 'attached')
      inside(`link set ${DEVICE} address 02:00:00:00:00:01 up`)
      stepUntilState(engine, 'up')
      inside(`addr add 10.8.0.1/24 dev ${DEVICE}`)
      const request = new Uint8Array(60)
      request.set([
        255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 8,
        0, 2, 0, 0, 0, 0, 0, 0, 10, 8, 0, 1,
      ])
      guest.driver.send(request)
      // The new namespace has IPv6, whose own messages come too.
      const takeReply = (): ReceivedFrame | undefined => {
        for (let next = guest.driver.receive(); next; next = guest.driver.receive())
          if (next.frame[12] === 8 && next.frame[13] === 6 && next.frame[21] === 2) return next
        return undefined
      }
      expect(collect(engine, takeReply, 1, 400)).toHaveLength(1)
    } finally {
      holder.kill()
      await once(holder, 'exit')
    }
  })
})

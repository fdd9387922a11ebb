import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectError } from '../../test/support/expect-error.js'
import {
  asTcp,
  attach,
  broadcast,
  cleanUp,
  counter,
  dropped,
  frame,
  newEngine,
} from '../../test/support/switch.js'
import { readFdb } from '../core/fdb.js'
import {
  BUCKET_BYTES,
  BUCKET_TOKENS,
  C_EGRESS_FRAMES,
  DROP_SPOOFED,
  DROP_VLAN,
  P_BUCKETS,
  P_FDB_COUNT,
  PORT_BYTES,
} from '../core/layout.js'
import { PortRow } from '../core/port-row.js'
import { readPublication } from '../core/publication.js'
import { EmbeddedGuest } from '../embedded/guest.js'
import type { PortChange } from '../port/change.js'
import type { PortConfig, PortSettings, VifTargetSettings } from '../port/config.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../virtio/virtio.js'
import type { Engine } from './engine.js'

const LONG_US = 1e9
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringferry-change-'))
})
afterEach(() => {
  cleanUp()
  rmSync(folder, { recursive: true, force: true })
})

function configOf(engine: Engine, name: string): PortConfig {
  const port = engine.ports.find((each) => each.name === name)
  if (!port) throw new Error(`no port ${name}`)
  return port.config
}

/** The port with some settings changed, others as they are. */
function set(engine: Engine, name: string, settings: Partial<PortSettings & VifTargetSettings>): PortChange {
  return { change: 'set', config: { ...configOf(engine, name), ...settings } as PortConfig }
}

const vif = (name: string): PortConfig => ({ kind: 'vif', name, socket: join(folder, name) })
const addVif = (name: string): PortChange => ({ change: 'add', config: vif(name) })

function received(guest: EmbeddedGuest): number {
  let frames = 0
  while (guest.driver.receive()) frames++
  return frames
}

/** Sends one frame and says how many arrive. */
function sends(engine: Engine, from: EmbeddedGuest, to: EmbeddedGuest, data: Uint8Array): number {
  from.driver.send(data)
  engine.step()
  return received(to)
}

const known = (engine: Engine): string[] =>
  readFdb(engine.memory.u64)
    .map(({ mac, vlan }) => `${mac.slice(-2)} ${vlan}`)
    .sort()

/** All that is set of the ports, and what the engine keeps beside. */
const state = (engine: Engine) => ({
  rows: engine.ports.map(({ index }) =>
    Buffer.from(new PortRow(engine.memory, index).bytes(0, PORT_BYTES)).toString('base64'),
  ),
  names: engine.ports.map(({ name }) => name),
  configs: engine.ports.map(({ config }) => config),
  free: engine.memory.freeBytes,
})

describe('Engine.apply', () => {
  it('apply moves a port to another VLAN at once, its guest attached, when only that is set', () => {
    const engine = newEngine()
    const [a, b] = ['a', 'b'].map((name) => attach(engine, name, {}, { vlan: 10 })) as [
      EmbeddedGuest,
      EmbeddedGuest,
    ]
    expect(sends(engine, b, a, frame(1, 2, 60))).toBe(1)
    expect(sends(engine, a, b, frame(2, 1, 60))).toBe(1)
    engine.apply([set(engine, 'b', { vlan: 20 })])
    expect(sends(engine, a, b, frame(2, 1, 60))).toBe(0)
    engine.apply([set(engine, 'a', { vlan: 20 })])
    expect(sends(engine, a, b, frame(2, 1, 60))).toBe(1)
    expect(engine.ports.map((port) => port.status())).toMatchObject([
      { state: 'up', detachments: 0 },
      { state: 'up', detachments: 0 },
    ])
  })

  it('apply forgets addresses in VLANs that the port no longer carries, and no others', () => {
    const engine = newEngine()
    const tagged = (from: number, vlan: number): Uint8Array => {
      const plain = broadcast(from)
      return Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, 0, vlan, ...plain.subarray(12)])
    }
    const a = attach(engine, 'a', {}, { trunk: [10, 20], nativeVlan: 30 })
    const b = attach(engine, 'b', {}, { trunk: [10, 20] })
    for (const data of [tagged(1, 10), tagged(1, 20), broadcast(1)]) sends(engine, a, b, data)
    for (const vlan of [10, 20]) sends(engine, b, a, tagged(2, vlan))
    expect(known(engine)).toEqual(['01 10', '01 20', '01 30', '02 10', '02 20'])
    engine.apply([set(engine, 'a', { isolated: true })])
    expect(known(engine)).toHaveLength(5)
    engine.apply([set(engine, 'a', { trunk: [20, 40], nativeVlan: 50 })])
    expect(known(engine)).toEqual(['01 20', '02 10', '02 20'])
    expect(engine.ports.map(({ index }) => new PortRow(engine.memory, index).get(P_FDB_COUNT))).toEqual([
      1, 2,
    ])
  })

  it('apply forgets addresses that the port may not use any more, and drops what comes from them', () => {
    const engine = newEngine()
    const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
    for (const from of [1, 3]) sends(engine, a, b, broadcast(from))
    engine.apply([set(engine, 'a', { macs: ['02:00:00:00:00:01'] })])
    expect(known(engine)).toEqual(['01 0'])
    expect(sends(engine, a, b, broadcast(3))).toBe(0)
    expect(dropped(engine, 0, DROP_SPOOFED)).toBe(1)
    expect(sends(engine, a, b, broadcast(1))).toBe(1)
  })

  it('apply publishes nothing that is held when unrelated settings change, and all when publish does', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 1000 } })
    const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
    expect(sends(engine, a, b, broadcast(1))).toBe(0)
    const holdUs = (): number => readPublication(engine.memory.u64, 1).limits.holdUs
    const before = holdUs()
    engine.apply([set(engine, 'b', { isolated: true, maxAddresses: 7, stormFps: 5, sticky: true })])
    engine.step()
    expect(received(b)).toBe(0)
    expect(holdUs()).toBe(before)
    engine.apply([set(engine, 'b', { publish: 'per-packet' })])
    expect(received(b)).toBe(1)
    expect(sends(engine, a, b, broadcast(1))).toBe(1)
    const { publish: _, ...policy } = configOf(engine, 'b')
    engine.apply([{ change: 'set', config: policy as PortConfig }])
    expect(sends(engine, a, b, broadcast(1))).toBe(0)
  })

  it('apply keeps what waits for buffers, and the tokens of a limit that stays', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { fromVm: { framesPerSecond: 1000 } })
    const b = attach(engine, 'b', { ringSize: 4 })
    for (let sent = 0; sent < 12; sent++) a.driver.enqueue(asTcp(frame(2, 1, 60, sent)))
    a.driver.publish(1)
    engine.step()
    const tokens = (): bigint => new PortRow(engine.memory, 0).getU64(P_BUCKETS + BUCKET_TOKENS)
    const before = tokens()
    engine.apply([
      set(engine, 'a', { stormFps: 3, toVm: { averageKiB: 100 } }),
      set(engine, 'b', { reservedGroups: 'stp', fromVm: { averageKiB: 5 } }),
    ])
    expect(tokens()).toBe(before)
    let arrived = 0
    for (let tries = 0; tries < 20; tries++) {
      for (let each = b.driver.receive(); each; each = b.driver.receive())
        expect(each.frame[59]).toBe((59 + arrived++) & 0xff)
      engine.step()
    }
    expect(arrived).toBe(12)
  })

  it('apply begins a limit that changed with a full bucket, and leaves the other direction alone', () => {
    const engine = newEngine()
    const limits = { fromVm: { framesPerSecond: 100 }, toVm: { framesPerSecond: 100 } }
    const a = attach(engine, 'a', {}, limits)
    const b = attach(engine, 'b')
    for (let sent = 0; sent < 5; sent++) sends(engine, a, b, broadcast(1))
    const tokens = (index: number): bigint =>
      new PortRow(engine.memory, 0).getU64(P_BUCKETS + index * BUCKET_BYTES + BUCKET_TOKENS)
    sends(engine, b, a, broadcast(2))
    const to = tokens(3)
    engine.apply([set(engine, 'a', { fromVm: { framesPerSecond: 50 } })])
    expect([tokens(0), tokens(3)]).toEqual([5_000_000n, to])
  })

  it('apply sets target and weight to what is written, and keeps what was tuned when they are not', () => {
    const engine = newEngine({ policy: { name: 'adaptive' } })
    attach(engine, 'a')
    const target = () => engine.settings.target(0)
    engine.tune({ vif: 'a', targetUs: 77, weight: 3 })
    engine.apply([set(engine, 'a', { isolated: true })])
    expect(target()).toEqual({ targetUs: 77, weight: 3 })
    engine.apply([set(engine, 'a', { weight: 5 })])
    expect(target()).toEqual({ targetUs: 77, weight: 5 })
    engine.apply([set(engine, 'a', { weight: 1, targetUs: 200 })])
    expect(target()).toEqual({ targetUs: 200, weight: 1 })
  })

  it.each<[string, (engine: Engine) => PortChange, RegExp]>([
    ['a MAC is none', (engine) => set(engine, 'b', { macs: ['x'] }), /^port b: macs\[0\] is "x"/],
    [
      'a VLAN is out of range',
      (engine) => set(engine, 'b', { vlan: 5000 }),
      /^port b: vlan is 5000; .* 1 to 4094/,
    ],
    [
      'a weight is 0',
      (engine) => set(engine, 'b', { weight: 0 }),
      /^port b: weight is 0; it must be a number above 0/,
    ],
    ['a port is not there', () => ({ change: 'remove', name: 'x' }), /^port x: there is no such port/],
    ['a name is taken', () => addVif('a'), /^port a: the name is taken/],
    [
      'a new port cannot be opened',
      () => ({ change: 'add', config: { kind: 'vif', name: 'z', socket: '/nowhere/z' } }),
      /its folder does not exist/,
    ],
    [
      'the number of queues differs',
      (engine) => ({ change: 'set', config: { ...configOf(engine, 'b'), queues: 2 } as PortConfig }),
      /^port b: queues cannot change in an open port; remove the port and add it$/,
    ],
    [
      'the kind differs',
      () => ({ change: 'set', config: vif('b') }),
      /^port b: (kind|fd|socket) cannot change in an open port/,
    ],
  ])('apply changes nothing at all, and says why, when %s', (_, bad, message) => {
    const engine = newEngine()
    const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
    expect(sends(engine, a, b, broadcast(1))).toBe(1)
    const before = state(engine)
    const changes = [set(engine, 'a', { vlan: 10, fromVm: { averageKiB: 5 } }), addVif('n'), bad(engine)]
    expect(() => engine.apply(changes)).toThrow(message)
    expect(state(engine)).toEqual(before)
    expect(sends(engine, a, b, broadcast(1))).toBe(1)
  })

  it('apply refuses an MTU of which its guest was told, and takes one of which it was not', () => {
    const engine = newEngine()
    const features = VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MTU
    attach(engine, 'told', { features }, { mtu: 1500 })
    const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
    const apply = (name: string, mtu: number) => engine.apply([set(engine, name, { mtu })])
    expectError(() => apply('told', 9000), 'USAGE', /^port told: its guest was told mtu and keeps it; detach/)
    expect(sends(engine, a, b, frame(2, 1, 1000))).toBe(1)
    apply('b', 500)
    expect(sends(engine, a, b, frame(2, 1, 1000))).toBe(0)
    expect(sends(engine, a, b, frame(2, 1, 500))).toBe(1)
  })

  it('apply changes what a guest is told while none is attached, and the next one is told so', () => {
    const engine = newEngine()
    engine.apply([addVif('v')])
    const told = { ...vif('v'), mac: '02:00:00:00:00:42', withhold: ['MRG_RXBUF'] } as PortConfig
    engine.apply([{ change: 'set', config: told }])
    const features = VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MAC | VIRTIO_NET_F.MRG_RXBUF
    const guest = new EmbeddedGuest(join(folder, 'v'), { features, pump: () => engine.step() })
    try {
      expect(guest.features & (VIRTIO_NET_F.MAC | VIRTIO_NET_F.MRG_RXBUF)).toBe(VIRTIO_NET_F.MAC)
      expectError(
        () => engine.apply([{ change: 'set', config: vif('v') }]),
        'USAGE',
        /was told (mac|withhold)/,
      )
    } finally {
      guest.close()
    }
  })

  it('apply exchanges sockets of two ports in one list', () => {
    const engine = newEngine()
    engine.apply([addVif('a'), addVif('b')])
    const swapped: PortChange[] = ['a', 'b'].flatMap((name): PortChange[] => [
      { change: 'remove', name },
      {
        change: 'add',
        config: { ...vif(name), socket: join(folder, name === 'a' ? 'b' : 'a') } as PortConfig,
      },
    ])
    engine.apply(swapped)
    expect(engine.ports.map((port) => [port.name, port.status().place])).toEqual([
      ['a', join(folder, 'b')],
      ['b', join(folder, 'a')],
    ])
  })

  it('apply opens a port again, and says so, when the one that was to take its place cannot be', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    engine.apply([addVif('old')])
    const free = engine.memory.freeBytes
    const replace: PortChange[] = [
      set(engine, 'a', { vlan: 3 }),
      { change: 'remove', name: 'old' },
      { change: 'add', config: { kind: 'vif', name: 'old', socket: '/nowhere/old' } },
    ]
    expect(() => engine.apply(replace)).toThrow(
      /its folder does not exist.*; port old is open again, its peer must attach anew$/,
    )
    expect(configOf(engine, 'old')).toEqual(vif('old'))
    expect(engine.memory.freeBytes).toBe(free)
    expect(sends(engine, a, b, broadcast(1))).toBe(1)
  })

  it('apply leaves memory and rows as before when 128 ports came and went', () => {
    const engine = newEngine({ memoryBytes: 2 ** 30 })
    const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
    const names = Array.from({ length: 126 }, (_, n) => `p${n}`)
    const before = state(engine)
    engine.apply(names.map(addVif))
    expect(engine.ports).toHaveLength(128)
    engine.apply([addVif('last'), { change: 'remove', name: 'p5' }])
    engine.apply([{ change: 'remove', name: 'last' }, addVif('p5')])
    engine.apply(names.map((name) => ({ change: 'remove', name })))
    expect(state(engine)).toEqual(before)
    expect(sends(engine, a, b, broadcast(1))).toBe(1)
    expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(1)
  })

  it('apply drops frames for a VLAN that a guest left, counted on its port', () => {
    const engine = newEngine()
    const [a, b] = [attach(engine, 'a', {}, { vlan: 10 }), attach(engine, 'b', {}, { vlan: 10 })]
    engine.apply([set(engine, 'b', { vlan: 11 })])
    expect(sends(engine, a, b, broadcast(1))).toBe(0)
    expect(dropped(engine, 1, DROP_VLAN)).toBe(1)
  })
})

// The real engine against the reference model: after every step the memory of every guest must be equal,
// byte by byte: delivered frames, headers, used entries, used indices, and everything that nobody may touch.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import {
  C_CALLS,
  C_EGRESS_FRAMES,
  C_INGRESS_FRAMES,
  C_TX_CALLS,
  DROP_BAD_ADDRESS,
  DROP_BAD_CHAIN,
  DROP_REASONS,
  DROP_TOO_LONG,
} from '../../src/core/layout.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { TAG_TYPES } from '../model/bridge.js'
import { type Snapshot, snapshot } from '../model/chain.js'
import { FdbModel } from '../model/fdb.js'
import { start, stopGuests, type TestGuest } from '../model/guest.js'
import { type ModelPort, SwitchModel } from '../model/switch.js'
import { DeviceRing } from '../model/vring.js'
import { cleanUp, counter, dropped, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const TX_SLOT = 2048

interface Setup {
  ringSize: number
  buffer: number
  split: number
  base: number
  mergeable: boolean
  version1: boolean
  eventIdx: boolean
  indirect: boolean
  perPacket: boolean
  access: number
  isolated: boolean
}

const setup: fc.Arbitrary<Setup> = fc.record({
  ringSize: fc.constantFrom(2, 4, 8, 16, 64, 256),
  buffer: fc.constantFrom(64, 200, 1000, 2048),
  split: fc.constantFrom(1, 1, 2),
  base: fc.constantFrom(0, 0, 7, 32767, 65530, 65535),
  mergeable: fc.boolean(),
  version1: fc.boolean(),
  eventIdx: fc.boolean(),
  indirect: fc.boolean(),
  perPacket: fc.boolean(),
  access: fc.constantFrom(0, 0, 0, 1, 2),
  isolated: fc.boolean(),
})

type Damage = 'none' | 'writable' | 'loop' | 'far' | 'huge' | 'next' | 'nested' | 'flag'
interface Send {
  kind: 'send'
  guest: number
  to: number
  source: number
  tags: readonly (readonly [number, number])[]
  bytes: number
  descriptors: number
  indirect: boolean
  separateHeader: boolean
  damage: Damage
}
type Op = Send | { kind: 'receive'; guest: number; count: number } | { kind: 'step' }

const send: fc.Arbitrary<Op> = fc.record({
  kind: fc.constant('send' as const),
  guest: fc.nat(2),
  to: fc.nat(6),
  source: fc.nat(3),
  tags: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    {
      weight: 3,
      arbitrary: fc.array(
        fc.tuple(fc.constantFrom(0x8100, 0x8100, ...TAG_TYPES), fc.constantFrom(0, 0xa000, 0x2001, 2, 4095)),
        { maxLength: 3 },
      ),
    },
  ),
  bytes: fc.oneof(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 14, max: 2000 })),
  descriptors: fc.integer({ min: 1, max: 5 }),
  indirect: fc.boolean(),
  separateHeader: fc.boolean(),
  damage: fc.oneof(
    { weight: 6, arbitrary: fc.constant('none' as Damage) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Damage[]>('writable', 'loop', 'far', 'huge', 'next', 'nested', 'flag'),
    },
  ),
})
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: send },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('receive' as const),
      guest: fc.nat(2),
      count: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'step' as const }) },
)

function featuresOf(wish: Setup): bigint {
  return (
    (wish.version1 ? VIRTIO_F.VERSION_1 : 0n) |
    (wish.mergeable ? VIRTIO_NET_F.MRG_RXBUF : 0n) |
    (wish.eventIdx ? VIRTIO_F.EVENT_IDX : 0n) |
    (wish.indirect ? VIRTIO_F.INDIRECT_DESC : 0n)
  )
}

function memoryOf(wish: Setup): number {
  const bytes = wish.ringSize * (wish.buffer + TX_SLOT + 1024 + 128) + 65536
  return Math.ceil(bytes / 4096) * 4096
}

function modelPort(wish: Setup, guest: TestGuest, memory: Snapshot): ModelPort {
  const ring = (index: 0 | 1): DeviceRing => {
    const { desc, avail, used, size, eventIdx } = guest.driver.rings[index] as TestGuest['driver']['rings'][0]
    return new DeviceRing({ desc, avail, used, size, eventIdx, indirect: wish.indirect }, memory, wish.base)
  }
  return {
    trunk: wish.access === 0,
    transparent: wish.access === 0,
    native: wish.access,
    carries: () => true,
    isolated: wish.isolated,
    link: true,
    rx: ring(0),
    tx: ring(1),
    headerBytes: guest.driver.headerBytes as 10 | 12,
    mergeable: wish.mergeable,
    perPacket: wish.perPacket,
    backlog: [],
    drops: new Map(),
    from: 0,
    to: 0,
  }
}

function frameOf(wish: Send, fill: number): Uint8Array {
  const frame = new Uint8Array(wish.bytes)
  for (let at = 0; at < frame.length; at++) frame[at] = (at * 7 + fill) & 0xff
  const destination =
    wish.to === 3
      ? [255, 255, 255, 255, 255, 255]
      : wish.to === 4
        ? [1, 0x80, 0xc2, 0, 0, 2]
        : [2, 0, 0, 0, 0, wish.to]
  const source = wish.source === 3 ? [wish.bytes & 1, 0, 0, 0, 0, 0] : [2, 0, 0, 0, 0, wish.guest]
  const words = [...wish.tags.flat(), 0x88b5].flatMap((word) => [word >> 8, word & 0xff])
  frame.set([...destination, ...source, ...words].slice(0, frame.length))
  return frame
}

/** Spoils the chain that was just added, in the descriptor table or in its indirect table. */
function spoil(guest: TestGuest, damage: Damage): void {
  const ring = guest.driver.tx()
  const { data } = guest.memory
  const head = data.getUint16(ring.avail + 4 + (((ring.availIdx - 1) & 0xffff) % ring.size) * 2, true)
  let at = ring.desc + head * 16
  if ((data.getUint16(at + 12, true) & 4) !== 0) at = Number(data.getBigUint64(at, true))
  const flags = data.getUint16(at + 12, true)
  if (damage === 'writable') data.setUint16(at + 12, flags | 2, true)
  if (damage === 'loop') {
    data.setUint16(at + 12, flags | 1, true)
    data.setUint16(at + 14, at < ring.desc + ring.size * 16 && at >= ring.desc ? head : 0, true)
    data.setUint32(at + 8, 0, true)
  }
  if (damage === 'next') {
    data.setUint16(at + 12, flags | 1, true)
    data.setUint16(at + 14, 0x8000 | ring.size, true)
  }
  if (damage === 'far') data.setBigUint64(at, 0xffff_ffff_ffff_f000n, true)
  if (damage === 'huge') data.setUint32(at + 8, 0xffff_ffff, true)
  if (damage === 'nested') data.setUint16(at + 12, flags | 5, true)
  if (damage === 'flag') data.setUint8(Number(data.getBigUint64(at, true)), 1)
}

/** Event indices and suppression flags belong to the device's choice: everything else must be as predicted. */
function adoptHints(model: Snapshot, guest: TestGuest): void {
  for (const ring of guest.driver.rings)
    for (const at of [ring.used, ring.used + 4 + ring.size * 8])
      model.data.setUint16(at, guest.memory.data.getUint16(at, true), true)
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1
  let at = 0
  while (a[at] === b[at]) at++
  return at
}

function play(wishes: readonly Setup[], ops: readonly Op[]): { delivered: number; drops: Set<number> } {
  const engine = newEngine({ memoryBytes: 64 * 2 ** 20, schedule: false })
  const guests = wishes.map((wish, index) =>
    start(engine, `g${index}`, {
      features: featuresOf(wish),
      memory: memoryOf(wish),
      ringSize: wish.ringSize,
      bufferBytes: wish.buffer,
      bufferDescriptors: wish.split,
      txSlotBytes: TX_SLOT,
      base: wish.base,
      port: {
        publish: wish.perPacket ? 'per-packet' : 'natural',
        isolated: wish.isolated,
        ...(wish.access === 0 ? {} : { vlan: wish.access }),
      },
    }),
  )
  const take = (): Snapshot[] => guests.map((guest) => snapshot(guest.memory.u8.slice()))
  const first = take()
  const fdb = new FdbModel({ ageS: 300, limit: 16384, portLimit: () => 4096 })
  const ports = wishes.map((wish, index) =>
    modelPort(wish, guests[index] as TestGuest, first[index] as Snapshot),
  )
  const model = new SwitchModel(ports, fdb)
  for (const [count, action] of [...ops, { kind: 'step' } as Op].entries()) {
    if (action.kind === 'send') {
      const guest = guests[action.guest] as TestGuest
      const wish = wishes[action.guest] as Setup
      const layout = {
        indirect: action.indirect && wish.indirect,
        separateHeader: action.separateHeader,
        descriptors: Math.min(action.descriptors, wish.ringSize - (action.separateHeader ? 1 : 0)),
      }
      if (guest.driver.enqueue(frameOf(action, count), {}, 0, layout) && action.damage !== 'none')
        spoil(guest, action.damage)
    } else if (action.kind === 'receive') {
      const { driver } = guests[action.guest] as TestGuest
      for (let taken = 0; taken < action.count && driver.receive(); taken++);
      expect(driver.rxMalformed).toBe(0)
    } else {
      for (const guest of guests) guest.driver.publish(1)
      const snapshots = take()
      model.load(snapshots)
      model.run(0)
      engine.step()
      for (const [index, guest] of guests.entries()) {
        const expected = snapshots[index] as Snapshot
        adoptHints(expected, guest)
        expect(firstDifference(guest.memory.u8, expected.u8)).toBe(-1)
        const port = ports[index] as ModelPort
        const real = [C_INGRESS_FRAMES, C_EGRESS_FRAMES, C_CALLS, C_TX_CALLS].map((at) =>
          counter(engine, index, at),
        )
        expect(real).toEqual([port.from, port.to, port.rx.calls, port.tx.calls])
        for (let reason = 0; reason < DROP_REASONS; reason++)
          expect([reason, dropped(engine, index, reason)]).toEqual([reason, port.drops.get(reason) ?? 0])
      }
      for (const guest of guests) guest.driver.reapTx()
    }
  }
  expect(engine.ports.map((port) => port.status().state)).toEqual(wishes.map(() => 'up'))
  stopGuests()
  cleanUp()
  return {
    delivered: ports.reduce((sum, port) => sum + port.to, 0),
    drops: new Set(ports.flatMap((port) => [...port.drops.keys()])),
  }
}

describe('the engine and its reference model', () => {
  it('leave the same bytes in every guest whatever the guests send and however they lay it out', () => {
    let delivered = 0
    const seen = new Set<number>()
    fc.assert(
      fc.property(
        fc.tuple(setup, setup, setup),
        fc.array(op, { minLength: 10, maxLength: 120, size: 'max' }),
        (wishes, ops) => {
          const result = play(wishes, ops)
          delivered += result.delivered
          for (const reason of result.drops) seen.add(reason)
        },
      ),
      { numRuns: 60 },
    )
    expect(delivered).toBeGreaterThan(100)
    for (const reason of [DROP_BAD_CHAIN, DROP_BAD_ADDRESS, DROP_TOO_LONG]) expect(seen).toContain(reason)
  })
})

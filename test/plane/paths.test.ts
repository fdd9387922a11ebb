// Whichever path a frame takes, the same comes out. Two switches get the same frames at the same times; in one of them
// every frame is cut into pieces so short that only the slow path reads it.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import {
  C_BACKLOGGED,
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  C_FLOODS,
  C_INGRESS_BYTES,
  C_INGRESS_FRAMES,
  DROP_REASONS,
  G_NOW_US,
  GLOBALS_AT,
} from '../../src/core/layout.js'
import type { TxLayout } from '../../src/driver/net-driver.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { ipFrame } from '../support/ip-frames.js'
import { attach, cleanUp, counter, dropped, frame, newEngine, withTags } from '../support/switch.js'

afterEach(cleanUp)

const GUESTS = 4
const START_US = 1e12
/** Pieces so short that the fast path leaves their frame alone. */
const SLOW_PIECE = 60
const RING = 64
/** As a source: the guest's own address. As a destination: the next guest's. As a tag: as the guest's port is set. */
const OWN = -1
const NEXT = 1000
const USUAL: readonly number[] = [0]

interface Vif {
  readonly settings: Partial<PortSettings>
  readonly mergeable: boolean
  readonly version1: boolean
  readonly bufferBytes: number
  readonly pairs: number
}

const settingsOf: fc.Arbitrary<Partial<PortSettings>> = fc
  .record({
    vlans: fc.constantFrom({}, {}, {}, {}, { vlan: 5 }, { trunk: [5, 6] }, { trunk: [5, 6], nativeVlan: 5 }),
    isolated: fc.constantFrom({}, {}, {}, {}, {}, { isolated: true }),
    guard: fc.constantFrom({}, {}, {}, 'macs' as const, 'addresses' as const),
    from: fc.constantFrom(
      {},
      {},
      {},
      {},
      { fromVm: { framesPerSecond: 50 } },
      { fromVm: { averageKiB: 20, burstKiB: 2 } },
    ),
    to: fc.constantFrom(
      {},
      {},
      {},
      {},
      { toVm: { framesPerSecond: 70 } },
      { toVm: { averageKiB: 30, peakKiB: 60 } },
    ),
    mtu: fc.constantFrom({}, {}, {}, {}, { mtu: 500 }),
    sticky: fc.constantFrom({}, {}, {}, { sticky: true }),
    merge: fc.constant({ merge: false, stormFps: 0 }),
  })
  .map(({ guard, ...rest }) => {
    const macs = ['02:00:00:00:00:00', '02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03']
    const addresses = ['10.0.0.0/30', 'fd00::/126']
    const guards = guard === 'macs' ? { macs } : guard === 'addresses' ? { macs, addresses } : {}
    return Object.assign({}, ...Object.values(rest), guards) as Partial<PortSettings>
  })

const vifOf: fc.Arbitrary<Vif> = fc.record({
  settings: settingsOf,
  mergeable: fc.boolean(),
  version1: fc.boolean(),
  bufferBytes: fc.constantFrom(140, 300, 600, 2048, 2048),
  pairs: fc.constantFrom(1, 1, 2),
})

interface Packet {
  readonly kind: 'raw' | 'tcp4' | 'udp4' | 'udp6' | 'arp'
  readonly to: number
  readonly from: number
  readonly tag: readonly number[]
  readonly bytes: number
  readonly layout: TxLayout
}

type Op =
  | { readonly op: 'send'; readonly guest: number; readonly packets: readonly Packet[] }
  | { readonly op: 'receive'; readonly guest: number; readonly count: number }
  | { readonly op: 'wait'; readonly us: number }

const packetOf: fc.Arbitrary<Packet> = fc.record({
  kind: fc.constantFrom('raw', 'raw', 'tcp4', 'udp4', 'udp4', 'udp6', 'arp'),
  to: fc.constantFrom(...new Array(9).fill([NEXT, NEXT + 1, NEXT + 2]).flat(), 0, 5, 255),
  from: fc.constantFrom(...new Array(30).fill(OWN), 1, 6),
  tag: fc.constantFrom(
    ...new Array(30).fill(USUAL),
    [],
    [0x8100, 5],
    [0x8100, 6],
    [0x8100, 5],
    [0x8100, 0xa006],
    [0x8100, 0],
    [0x8100, 5, 0x8100, 6],
    [0x88a8, 5],
  ),
  bytes: fc.oneof(fc.integer({ min: 46, max: 120 }), fc.integer({ min: 46, max: 1300 })),
  layout: fc.constantFrom<TxLayout[]>(
    {},
    {},
    {},
    {},
    { separateHeader: true },
    { separateHeader: true },
    { separateHeader: true, indirect: true },
    { separateHeader: true, indirect: true },
    { descriptors: 2 },
    { descriptors: 3, indirect: true },
    { separateHeader: true, descriptors: 17, indirect: true },
  ),
})

const opOf: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      guest: fc.nat(GUESTS - 1),
      packets: fc.array(packetOf, { minLength: 1, maxLength: 20 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('receive' as const),
      guest: fc.nat(GUESTS - 1),
      count: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('wait' as const), us: fc.integer({ min: 1, max: 200_000 }) }),
  },
)

function bytesOf(
  { kind, bytes, ...packet }: Packet,
  guest: number,
  { trunk, nativeVlan }: Vif['settings'],
): Uint8Array {
  const from = packet.from === OWN ? guest : packet.from
  const to = packet.to >= NEXT ? (guest + 1 + packet.to - NEXT) % GUESTS : packet.to
  const usual = trunk && nativeVlan === undefined ? [0x8100, 5] : []
  const tag = packet.tag === USUAL ? usual : packet.tag
  let plain: Uint8Array
  if (kind === 'raw' || kind === 'arp') {
    plain = frame(to, from, bytes + 14)
    if (kind === 'arp') plain.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, from, 10, 0, 0, from], 12)
  } else {
    const protocol = kind === 'tcp4' ? 'tcp' : 'udp'
    plain = ipFrame(to, from, { ip: kind === 'udp6' ? 6 : 4, protocol, payloadBytes: bytes }).frame
  }
  if (to === 255) plain.fill(255, 0, 6)
  return withTags(plain, tag)
}

class Bed {
  readonly engine: Engine
  readonly guests: EmbeddedGuest[]
  readonly received: string[] = []
  readonly #slow: boolean
  readonly #vifs: readonly Vif[]
  #clock = START_US

  constructor(vifs: readonly Vif[], slow: boolean) {
    this.#slow = slow
    this.#vifs = vifs
    this.engine = newEngine()
    this.guests = vifs.map(({ settings, mergeable, version1, bufferBytes, pairs }, index) =>
      attach(
        this.engine,
        `g${index}`,
        {
          features:
            VIRTIO_F.EVENT_IDX |
            VIRTIO_F.INDIRECT_DESC |
            (version1 ? VIRTIO_F.VERSION_1 : 0n) |
            (mergeable ? VIRTIO_NET_F.MRG_RXBUF : 0n) |
            (pairs > 1 ? VIRTIO_NET_F.MQ : 0n),
          ringSize: RING,
          queuePairs: pairs,
          bufferBytes,
          txSlotBytes: 2048,
          memory: 4 * 2 ** 20,
        },
        { ...settings, queues: pairs },
      ),
    )
    this.#setClock()
    for (const [index, guest] of this.guests.entries()) {
      const hello = ipFrame(255, index, { ip: 4, protocol: 'udp', payloadBytes: 18 }).frame
      for (const tag of [[], [0x8100, 5], [0x8100, 6]]) guest.driver.enqueue(withTags(hello, tag))
      guest.driver.publish(1)
      this.#poll()
    }
  }

  #setClock(): void {
    this.engine.memory.f64[(GLOBALS_AT + G_NOW_US) / 8] = this.#clock
  }

  /** Twice: a burst of the slow path may end early, by the work that it was. */
  #poll(): void {
    for (let turn = 0; turn < 4; turn++)
      for (let port = 0; port < GUESTS; port++) this.engine.plane.poll(port, 64)
  }

  run(op: Op): void {
    if (op.op === 'wait') this.#clock += op.us
    this.#setClock()
    if (op.op === 'send') {
      const { driver } = this.guests[op.guest] as EmbeddedGuest
      for (const packet of op.packets) {
        const bytes = bytesOf(packet, op.guest, this.#vifs[op.guest]?.settings ?? {})
        const pieces = {
          separateHeader: true,
          indirect: true,
          descriptors: Math.ceil(bytes.length / SLOW_PIECE),
        }
        driver.enqueue(bytes, {}, 0, this.#slow && bytes.length > SLOW_PIECE ? pieces : packet.layout)
      }
      driver.publish(1)
    } else if (op.op === 'receive') this.#receive(op.guest, op.count)
    this.#poll()
    for (const { driver } of this.guests) driver.reapTx()
  }

  #receive(index: number, count: number): void {
    const { driver } = this.guests[index] as EmbeddedGuest
    for (let queue = 0; queue < driver.queuePairs; queue++)
      for (let taken = 0; taken < count; taken++) {
        const got = driver.receive(queue)
        if (!got) break
        this.received.push(
          `${index}.${queue} ${JSON.stringify(got.header)} ${Buffer.from(got.frame).toString('hex')}`,
        )
      }
  }

  finish(): void {
    for (let turn = 0; turn < 3; turn++)
      for (let index = 0; index < GUESTS; index++) {
        this.#receive(index, RING)
        this.#poll()
      }
  }

  counters(): number[][] {
    return this.guests.map((_, port) => [
      ...[C_INGRESS_FRAMES, C_INGRESS_BYTES, C_EGRESS_FRAMES, C_EGRESS_BYTES, C_FLOODS, C_BACKLOGGED].map(
        (index) => counter(this.engine, port, index),
      ),
      ...Array.from({ length: DROP_REASONS }, (_, reason) => dropped(this.engine, port, reason)),
    ])
  }
}

describe('the fast and the slow path', () => {
  it('give the same frames, in the same order, and the same counters when traffic and settings are random', () => {
    let fast = 0
    fc.assert(
      fc.property(
        fc.array(vifOf, { minLength: GUESTS, maxLength: GUESTS }),
        fc.array(opOf, { minLength: 10, maxLength: 40 }),
        (vifs, ops) => {
          const beds = [new Bed(vifs, false), new Bed(vifs, true)] as const
          try {
            for (const op of ops) for (const bed of beds) bed.run(op)
            for (const bed of beds) bed.finish()
            expect(beds[0].received).toEqual(beds[1].received)
            expect(beds[0].counters()).toEqual(beds[1].counters())
            fast += beds[0].received.length
          } finally {
            cleanUp()
          }
        },
      ),
      { numRuns: 60 },
    )
    expect(fast).toBeGreaterThan(1000)
  })
})

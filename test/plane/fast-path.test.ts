// Both paths through the plane, side by side: whatever guests put into their rings, the fast path leaves the same bytes
// in every guest, the same counters and the same rows as the slow path alone.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { readCounters } from '../../src/core/counters.js'
import { Globals } from '../../src/core/globals.js'
import {
  CALLS_AT,
  COUNTERS,
  DROP_REASONS,
  G_CALLS,
  G_WORK_LEFT,
  P_BROKEN_REASON,
  P_COUNTERS,
  P_DROPS,
  P_FLAGS,
  P_TOUCHED,
  PORT_BROKEN,
  V_HELD_BYTES,
  V_HELD_FRAMES,
  V_LAST_AVAIL,
  V_USED_COLLECTED,
  V_USED_NEXT,
  V_USED_PUBLISHED,
} from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { VringRow } from '../../src/core/vring-row.js'
import type { SplitRing } from '../../src/driver/split-ring.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const MB = 2 ** 20
/** A guest's memory ends within its second granule. */
const MEMORY_BYTES = 3 * MB
/** What lies below are the rings; what damage may reach lies above. */
const BUFFERS_AT = MB
const HEADER_BYTES = 12
/** A receiver that breaks the protocol stays broken for the rest of a game. */
const GAMES = 8
const ROUNDS = 50
/** So often the memory of all guests is compared whole: what differs once does so for good. */
const COMPARE_EVERY = 10
const BURST = 32
const WORK_UNITS = 4096
const ROW_FIELDS = [
  ...[V_LAST_AVAIL, V_USED_NEXT, V_USED_PUBLISHED, V_USED_COLLECTED],
  ...[V_HELD_FRAMES, V_HELD_BYTES],
]

interface Place {
  readonly at: number
  readonly bytes: number
  readonly writable: boolean
}
interface Chain {
  readonly places: readonly Place[]
  readonly indirect: boolean
  /** The frame in a transmitted chain: what it is, whom it is for, and the first byte of its virtio-net header. */
  readonly kind: 'plain' | 'tagged' | 'tcp' | 'spoofed'
  readonly to: number
  readonly offloads: number
}
interface Round {
  readonly sent: readonly Chain[]
  readonly posted: readonly [readonly Chain[], readonly Chain[]]
  /** Chains that each receiver takes back before. */
  readonly taken: number
}

/**
 * Mostly inside, often across the border of the granules, sometimes at the end of memory or beyond. No receive buffer
 * ends behind memory but begins before: the fast path judges the part that a frame needs, the slow path all of it.
 */
function address(atEnd: number, beyond: number): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 90, arbitrary: fc.integer({ min: BUFFERS_AT, max: 2 * MB - 3000 }) },
    { weight: 8, arbitrary: fc.integer({ min: 2 * MB - 1600, max: 2 * MB + 1600 }) },
    { weight: atEnd, arbitrary: fc.integer({ min: MEMORY_BYTES - 1600, max: MEMORY_BYTES + 64 }) },
    { weight: beyond, arbitrary: fc.constantFrom(MEMORY_BYTES, 4 * MB - 20, 2 ** 40, 2 ** 64 - 2 ** 12) },
  )
}
function chain(
  writable: boolean,
  address: fc.Arbitrary<number>,
  bytes: fc.Arbitrary<number>,
): fc.Arbitrary<Chain> {
  const place = fc.record({
    at: address,
    bytes,
    writable: fc.oneof(
      { weight: writable ? 800 : 80, arbitrary: fc.constant(writable) },
      { weight: 1, arbitrary: fc.constant(!writable) },
    ),
  })
  return fc.record({
    places: fc.oneof(
      { weight: 8, arbitrary: fc.tuple(place) },
      { weight: 1, arbitrary: fc.array(place, { minLength: 2, maxLength: 3 }) },
    ),
    indirect: fc.oneof(
      { weight: 12, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    kind: fc.constantFrom('plain', 'plain', 'plain', 'plain', 'plain', 'tagged', 'tcp', 'spoofed'),
    to: fc.constantFrom(2, 2, 2, 2, 3, 3, 1, 9, 255),
    offloads: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, 2, 0x80),
  }) as fc.Arbitrary<Chain>
}
const sentBytes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: HEADER_BYTES + 14, max: 100 }) },
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 1526 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 12, 20, 27, 28, 28, 28, 65_600, 0xffff_ffff) },
)
const postedBytes = fc.oneof(
  { weight: 8, arbitrary: fc.constant(1540) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 300 }) },
)
const round: fc.Arbitrary<Round> = fc.record({
  sent: fc.array(chain(false, address(4, 4), sentBytes), { minLength: 1, maxLength: 12 }),
  posted: fc.tuple(
    fc.array(chain(true, address(0, 1), postedBytes), { maxLength: 8 }),
    fc.array(chain(true, address(0, 0), postedBytes), { maxLength: 4 }),
  ),
  taken: fc.nat(12),
})

function write(guest: TestGuest, at: number, { kind, to, offloads }: Chain, seed: number): void {
  if (at + 200 > MEMORY_BYTES) return
  const data = frame(to, kind === 'spoofed' ? 7 : 1, 100, seed)
  if (to === 255) data.fill(255, 0, 6)
  if (kind === 'tagged') data.set([0x81, 0, 0, 5], 12)
  if (kind === 'tcp') data.set([8, 0, 0x45, 0, 0, 86, 0, 0, 0, 0, 64, 6], 12)
  guest.memory.u8.fill(0, at, at + HEADER_BYTES)
  guest.memory.u8[at] = offloads
  guest.memory.u8.set(data, at + HEADER_BYTES)
}

function put(ring: SplitRing, { places, indirect }: Chain): void {
  if (ring.freeCount < places.length) return
  for (const { at, bytes, writable } of places) ring.stage(at, bytes, writable)
  ring.commit(indirect)
}

function takeBack(ring: SplitRing, limit: number): void {
  for (let count = 0; count < limit; count++) {
    const head = ring.takeUsed()
    if (head < 0) return
    ring.release(head)
  }
}

/** A switch of three guests, of which the first one sends; with `isSlow` without the fast path. */
class World {
  readonly engine = newEngine({ memoryBytes: 64 * MB })
  readonly globals = new Globals(this.engine.memory)
  readonly guests: TestGuest[]
  readonly rows: PortRow[]
  readonly #isSlow: boolean
  /** Units of work that bursts took: the fast path counts none. */
  work = 0

  constructor(isSlow: boolean) {
    this.#isSlow = isSlow
    this.guests = ['a', 'b', 'c'].map((name, index) =>
      start(this.engine, name, {
        features: PLAIN,
        memory: MEMORY_BYTES,
        ringSize: 32,
        txSlotBytes: 256,
        bufferBytes: 0,
        base: 65_500,
        port: { merge: false, ...(index === 0 ? { macs: ['02:00:00:00:00:01'] } : {}) },
      }),
    )
    this.rows = this.guests.map((_, index) => new PortRow(this.engine.memory, index))
    for (const [index, guest] of this.guests.entries()) guest.driver.send(broadcast(index + 1))
    this.engine.step()
    this.rows[1]?.setHoldLimits({ holdUs: 35, gapUs: 1e9, maxFrames: 5, maxBytes: 1e9, urgentPublish: true })
    // Later than any time on the clock of setup.
    this.globals.nowUs = 1e15
  }

  get #sender(): TestGuest {
    return this.guests[0] as TestGuest
  }

  play({ sent, posted, taken }: Round, number: number): void {
    takeBack(this.#sender.driver.tx(), 32)
    for (const [index, guest] of this.guests.slice(1).entries()) {
      const ring = guest.driver.rx()
      takeBack(ring, taken)
      for (const one of posted[index] ?? []) put(ring, one)
      ring.publish()
      if (number % 3 === 0) ring.armCalls()
      if (number % 3 === 1) ring.disarmCalls()
    }
    for (const one of sent) {
      write(this.#sender, (one.places[0] as Place).at, one, number)
      put(this.#sender.driver.tx(), one)
    }
    this.#sender.driver.tx().publish()
    this.globals.nowUs += 10
    for (const row of this.rows) {
      row.set(P_TOUCHED, this.#isSlow ? 1 : 0)
      // The engine would detach it.
      row.set(P_FLAGS, row.get(P_FLAGS) & ~PORT_BROKEN)
      row.set(P_BROKEN_REASON, 0)
    }
    this.engine.plane.poll(0, BURST)
    this.work += WORK_UNITS - this.globals.get(G_WORK_LEFT)
    for (let port = 1; port < 3; port++) this.engine.plane.poll(port, BURST)
    this.engine.plane.serveHeld()
  }

  /** What was counted, so that a test knows that it has tried something. */
  happened(): [string, number][] {
    const [sender, ...receivers] = this.rows.map(({ index }) => readCounters(this.engine.memory.u64, index))
    const all: [string, number][] = Object.entries(sender?.drops ?? {})
    for (const { counts, drops } of receivers)
      all.push(['delivered', counts.egress_frames], ['published', counts.publishes], ...Object.entries(drops))
    for (const row of this.rows) if (row.get(P_BROKEN_REASON) !== 0) all.push(['broken', 1])
    return all
  }

  /** What can be seen of it. */
  state(): unknown {
    const calls = Array.from({ length: this.globals.get(G_CALLS) }, (_, at) =>
      this.globals.entry(CALLS_AT, at),
    )
    this.globals.set(G_CALLS, 0)
    return {
      // The fast path tells a ring's part of a burst when it turns to another ring.
      calls: calls.sort((a, b) => a - b),
      ports: this.rows.map((row, port) => ({
        counters: [...row.words(P_COUNTERS, COUNTERS * 2)],
        drops: [...row.words(P_DROPS, DROP_REASONS * 2)],
        broken: row.get(P_BROKEN_REASON),
        rings: [0, 1].map((queue) => {
          const ring = new VringRow(this.engine.memory, port, queue)
          return ROW_FIELDS.map((field) => ring.get(field))
        }),
      })),
    }
  }
}

describe('fastBurst', () => {
  it('fastBurst leaves what the slow path leaves, chain for chain, when anything may lie in the rings', () => {
    const happened = new Map<string, number>()
    for (let seed = 1; seed <= GAMES; seed++) {
      const [fast, slow] = [new World(false), new World(true)]
      for (const [number, one] of fc.sample(round, { seed, numRuns: ROUNDS }).entries()) {
        const where = `game ${seed}, round ${number}`
        fast.play(one, number)
        slow.play(one, number)
        expect(fast.state(), where).toEqual(slow.state())
        if (number % COMPARE_EVERY !== COMPARE_EVERY - 1) continue
        for (const [index, guest] of fast.guests.entries()) {
          const other = slow.guests[index] as TestGuest
          if (Buffer.compare(guest.memory.u8, other.memory.u8) !== 0)
            expect.fail(`${where}: the memory of guest ${index} differs`)
        }
      }
      for (const [name, count] of fast.happened()) happened.set(name, (happened.get(name) ?? 0) + count)
      happened.set('spared', (happened.get('spared') ?? 0) + slow.work - fast.work)
      stopGuests()
      cleanUp()
    }
    for (const name of [
      'bad_chain',
      'bad_address',
      'too_long',
      'ring_full',
      'broken',
      'delivered',
      'published',
    ])
      expect(happened.get(name), name).toBeGreaterThan(0)
    expect(happened.get('spared'), 'work that only the slow path counts').toBeGreaterThan(200)
  })
})

// The plane's bridge and forwarding database against the reference model: host ports, time set by the test.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ACTIVE_AT,
  DROP_REASONS,
  FDB_AT,
  FDB_BUCKET_SHIFT,
  FDB_ENTRY_BYTES,
  FDB_WAYS,
  G_ACTIVE,
  G_FDB_AGE_S,
  G_FDB_COUNT,
  G_FDB_FULL,
  G_FDB_LIMIT,
  G_NOW_S,
  GLOBALS_AT,
  HEAP_AT,
  P_DROPS,
  P_FDB_COUNT,
  PORT_LINK,
  PORT_NO_LEARN,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  STAGE_AT,
} from '../../src/memory/layout.js'
import { LinearMemory } from '../../src/memory/linear-memory.js'
import { instantiatePlane } from '../../src/memory/plane.js'
import type { PortSettings } from '../../src/port/config.js'
import { PortRow } from '../../src/port/row.js'
import { type BridgePort, decide, TAG_TYPES } from '../model/bridge.js'
import { FdbModel } from '../model/fdb.js'

const HEADER = 12

/** A plane with host ports whose output is read from their byte rings. */
class BareSwitch {
  readonly memory = new LinearMemory(32 * 2 ** 20)
  readonly plane = instantiatePlane(this.memory)
  readonly rows: PortRow[]

  constructor(settings: readonly Partial<PortSettings>[], limit = 16384, ageS = 300) {
    this.rows = settings.map((port, index) => {
      const row = new PortRow(this.memory, index)
      row.open({ name: `p${index}`, ...port }, false)
      row.flag(PORT_LINK, true)
      this.memory.u32[(ACTIVE_AT >> 2) + index] = index
      return row
    })
    this.global(G_ACTIVE, settings.length)
    this.global(G_FDB_LIMIT, limit)
    this.global(G_FDB_AGE_S, ageS)
  }
  global(field: number, value?: number): number {
    const at = (GLOBALS_AT + field) >> 2
    if (value !== undefined) this.memory.u32[at] = value
    return this.memory.u32[at] as number
  }
  send(from: number, frame: Uint8Array): void {
    this.memory.u8.fill(0, STAGE_AT, STAGE_AT + HEADER)
    this.memory.u8.set(frame, STAGE_AT + HEADER)
    this.plane.ingest(from, STAGE_AT, HEADER + frame.length, HEADER)
    this.plane.flush()
  }
  take(port: number): Uint8Array[] {
    const { ring } = this.rows[port] as PortRow
    const frames: Uint8Array[] = []
    for (let at = this.plane.ringFirst(ring); at !== 0; at = this.plane.ringFirst(ring)) {
      const bytes = this.memory.u32[(at + RECORD_FRAME_BYTES) >> 2] as number
      frames.push(this.memory.u8.slice(at + RECORD_FRAME, at + RECORD_FRAME + bytes))
      this.plane.ringPop(ring)
    }
    return frames
  }
  drops(port: number): number[] {
    const at = ((this.rows[port] as PortRow).at + P_DROPS) / 8
    return Array.from({ length: DROP_REASONS }, (_, reason) => Number(this.memory.u64[at + reason]))
  }
}

function macOf(address: number): number[] {
  return [2, 0, (address >> 24) & 255, (address >> 16) & 255, (address >> 8) & 255, address & 255]
}

const portSettings = fc.oneof(
  fc.constant({}),
  fc.record({ vlan: fc.constantFrom(1, 2) }),
  fc.record({ trunk: fc.subarray([1, 2, 3, 4095]) }),
  fc.record({ trunk: fc.subarray([1, 2, 3, 4095]), nativeVlan: fc.constantFrom(0, 1, 2) }),
)
const settings = fc.record({
  kind: portSettings,
  isolated: fc.boolean(),
  maxAddresses: fc.constantFrom(1, 3, 4096),
})
/** Mostly what is on the wire, and all that a receiver may take for a tag. */
const tagType = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0x8100) },
  { weight: 1, arbitrary: fc.constantFrom(...TAG_TYPES) },
)
const control = fc
  .tuple(fc.constantFrom(0, 0, 0x2000, 0xf000), fc.constantFrom(0, 0, 1, 2, 3, 4095))
  .map(([priority, vid]) => priority | vid)
const action = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      from: fc.nat(3),
      to: fc.constantFrom(1, 2, 3, 4, 5, -1, -2, -3),
      source: fc.constantFrom(1, 2, 3, 4, 5, -1, -4),
      tags: fc.array(fc.tuple(tagType, control), { maxLength: 4, size: 'max' }),
      type: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(0x88b5, 0x0806, 0x9000, 0x8200) },
        { weight: 1, arbitrary: tagType },
      ),
      bytes: fc.oneof(fc.integer({ min: 14, max: 32 }), fc.integer({ min: 14, max: 120 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ wait: fc.constantFrom(1, 5, 10, 11, 30) }) },
  { weight: 1, arbitrary: fc.record({ sweep: fc.constantFrom(-1, 0, 1) }) },
  { weight: 1, arbitrary: fc.record({ link: fc.nat(3) }) },
)

const SPECIAL: Record<number, number[]> = {
  [-1]: [255, 255, 255, 255, 255, 255],
  [-2]: [1, 0x80, 0xc2, 0, 0, 0x0e],
  [-3]: [1, 0, 0x5e, 1, 2, 3],
  [-4]: [0, 0, 0, 0, 0, 0],
}
const addressOf = (n: number): number[] => SPECIAL[n] ?? macOf(n)

function toModel(port: { kind: Partial<PortSettings>; isolated: boolean }, link: boolean): BridgePort {
  const { vlan, trunk, nativeVlan } = port.kind
  return {
    trunk: vlan === undefined,
    transparent: vlan === undefined && trunk === undefined,
    native: vlan ?? nativeVlan ?? (trunk === undefined ? 0 : undefined),
    carries: (id) => trunk === undefined || trunk.includes(id),
    isolated: port.isolated,
    link,
  }
}

describe('the bridge and its reference model', () => {
  it('forward, tag, flood, learn, move, age and drop alike', () => {
    fc.assert(
      fc.property(
        fc.tuple(settings, settings, settings, settings),
        fc.array(action, { minLength: 5, maxLength: 60, size: 'max' }),
        fc.constantFrom(2, 4, 16384),
        (ports, actions, limit) => {
          const real = new BareSwitch(
            ports.map(({ kind, ...rest }) => ({ ...kind, ...rest })),
            limit,
            10,
          )
          const links = [true, true, true, true]
          const fdb = new FdbModel({
            ageS: 10,
            limit,
            portLimit: (port) => (ports[port] as (typeof ports)[0]).maxAddresses,
            ways: FDB_WAYS,
          })
          const expectedDrops = ports.map(() => new Array<number>(DROP_REASONS).fill(0))
          let nowS = 1000
          real.global(G_NOW_S, nowS)
          for (const [count, step] of actions.entries()) {
            if ('wait' in step) {
              nowS += step.wait
              real.global(G_NOW_S, nowS)
            } else if ('sweep' in step) {
              real.plane.fdbSweep(step.sweep)
              fdb.sweep(step.sweep, nowS)
            } else if ('link' in step) {
              links[step.link] = !links[step.link]
              ;(real.rows[step.link] as PortRow).flag(PORT_LINK, links[step.link] as boolean)
            } else {
              const frame = Uint8Array.from({ length: step.bytes }, (_, at) => (at + count) & 0xff)
              const words = [...step.tags.flat(), step.type].flatMap((word) => [word >> 8, word & 255])
              frame.set([...addressOf(step.to), ...addressOf(step.source), ...words].slice(0, frame.length))
              const verdict = decide(
                ports.map((port, index) => toModel(port, links[index] as boolean)),
                fdb,
                step.from,
                frame,
                nowS,
              )
              for (const { port, reason } of verdict.drops)
                (expectedDrops[port] as number[])[reason] =
                  ((expectedDrops[port] as number[])[reason] ?? 0) + 1
              real.send(step.from, frame)
              for (const index of ports.keys()) {
                const mine = verdict.deliveries
                  .filter(({ port }) => port === index)
                  .map((d) => Buffer.from(d.frame))
                expect(real.take(index).map((got) => Buffer.from(got))).toEqual(mine)
                expect(real.drops(index)).toEqual(expectedDrops[index])
              }
              expect(real.global(G_FDB_FULL)).toBe(fdb.refused)
            }
            expect(real.global(G_FDB_COUNT)).toBe(fdb.size)
            for (const [index, row] of real.rows.entries())
              expect(row.get(P_FDB_COUNT)).toBe(fdb.countOf(index))
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('the forwarding database', () => {
  const BUCKET_BYTES = FDB_WAYS * FDB_ENTRY_BYTES
  /** Addresses by the bucket in which the plane put them. */
  function placesOf(real: BareSwitch, first: number, count: number): Map<number, number[]> {
    const places = new Map<number, number[]>()
    for (let n = first; n < first + count; n++)
      real.send(0, Uint8Array.from([...addressOf(-1), ...macOf(n), 8, 6]))
    const { data } = real.memory
    for (let at = FDB_AT; at < FDB_AT + (BUCKET_BYTES << FDB_BUCKET_SHIFT); at += FDB_ENTRY_BYTES) {
      if (data.getUint32(at + 4, true) === 0) continue
      const bucket = Math.floor((at - FDB_AT) / BUCKET_BYTES)
      places.set(bucket, [...(places.get(bucket) ?? []), data.getUint32(at + 2, false)])
    }
    real.take(1)
    return places
  }

  it('lets a full bucket learn only in the place of an aged address', () => {
    const real = new BareSwitch([{ maxAddresses: 65536 }, {}], 65536, 10)
    real.global(G_NOW_S, 100)
    const firsts = placesOf(real, 1, 16000)
    real.plane.fdbSweep(0)
    expect(real.global(G_FDB_COUNT)).toBe(0)
    const seconds = placesOf(real, 100_000, 16000)
    real.plane.fdbSweep(0)
    const buckets = [...firsts.keys()].filter(
      (bucket) => firsts.get(bucket)?.length === FDB_WAYS && seconds.get(bucket)?.length === FDB_WAYS,
    )
    expect(buckets.length).toBeGreaterThan(20)
    const bucketOf = new Map<string, number>()
    for (const bucket of buckets.slice(0, 8))
      for (const n of [...(firsts.get(bucket) ?? []), ...(seconds.get(bucket) ?? [])])
        bucketOf.set(FdbModel.key(Buffer.from(macOf(n)).toString('hex'), 0), bucket)
    const numbers = buckets
      .slice(0, 8)
      .flatMap((bucket) => [...(firsts.get(bucket) ?? []), ...(seconds.get(bucket) ?? [])])
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(numbers.length - 1), fc.constantFrom(0, 0, 0, 0, 3)), {
          maxLength: 200,
          size: 'max',
        }),
        (events) => {
          real.plane.fdbSweep(0)
          const refusedBefore = real.global(G_FDB_FULL)
          const fdb = new FdbModel({
            ageS: 10,
            limit: 65536,
            portLimit: () => 65536,
            bucketOf: (key) => bucketOf.get(key) as number,
            ways: FDB_WAYS,
          })
          let nowS = real.global(G_NOW_S)
          for (const [which, wait] of events) {
            nowS += wait
            real.global(G_NOW_S, nowS)
            const mac = macOf(numbers[which] as number)
            real.send(0, Uint8Array.from([...addressOf(-1), ...mac, 8, 6]))
            fdb.learn(FdbModel.key(Buffer.from(mac).toString('hex'), 0), 0, nowS)
          }
          real.take(1)
          expect(real.global(G_FDB_FULL) - refusedBefore).toBe(fdb.refused)
          for (const n of numbers) {
            const known = fdb.lookup(FdbModel.key(Buffer.from(macOf(n)).toString('hex'), 0), nowS)
            // From port 0, where all addresses live: a known one is not flooded back.
            real.rows[0]?.flag(PORT_NO_LEARN, true)
            real.send(0, Uint8Array.from([...macOf(n), ...macOf(7), 8, 6]))
            real.rows[0]?.flag(PORT_NO_LEARN, false)
            expect(real.take(1).length).toBe(known === undefined ? 1 : 0)
          }
        },
      ),
      { numRuns: 20 },
    )
  })

  it('stays inside its own part of the linear memory', () => {
    expect(FDB_AT + (BUCKET_BYTES << FDB_BUCKET_SHIFT)).toBeLessThanOrEqual(HEAP_AT)
  })
})

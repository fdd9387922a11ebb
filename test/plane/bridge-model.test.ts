// The plane's bridge and forwarding database against the reference model: host ports, time set by the test.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  C_ADDRESS_MOVES,
  DROP_REASONS,
  G_FDB_COUNT,
  G_FDB_FULL,
  G_NOW_S,
  P_FDB_COUNT,
  PORT_LINK,
} from '../../src/core/layout.js'
import type { PortRow } from '../../src/core/port-row.js'
import { type PortSettings, RESERVED_GROUP_MODES, type ReservedGroups } from '../../src/port/config.js'
import { type BridgePort, decide, TAG_TYPES } from '../model/bridge.js'
import { FdbModel } from '../model/fdb.js'
import { BareSwitch, macOf } from '../support/bare-switch.js'

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)

const portSettings = fc.oneof(
  fc.constant({}),
  fc.record({ vlan: fc.constantFrom(1, 2) }),
  fc.record({ trunk: fc.subarray([1, 2, 3, 4094]) }),
  fc.record({ trunk: fc.subarray([1, 2, 3, 4094]), nativeVlan: fc.constantFrom(0, 1, 2) }),
)
const settings = fc.record({
  kind: portSettings,
  isolated: fc.boolean(),
  maxAddresses: fc.constantFrom(1, 3, 4096),
  sticky: fc.boolean(),
  reservedGroups: fc.constantFrom(...RESERVED_GROUP_MODES),
  stormFps: fc.constant(0),
})
/** Mostly what is on the wire, and all that a receiver may take for a tag. */
const tagType = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0x8100) },
  { weight: 1, arbitrary: fc.constantFrom(...TAG_TYPES) },
)
const control = fc
  .tuple(fc.constantFrom(0, 0, 0x2000, 0xf000), fc.constantFrom(0, 0, 1, 2, 3, 4094, 4095))
  .map(([priority, vid]) => priority | vid)
const action = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      from: fc.nat(3),
      to: fc.constantFrom(1, 2, 3, 4, 5, -1, -2, -3, -5, -6),
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
  [-5]: [1, 0x80, 0xc2, 0, 0, 0],
  [-6]: [1, 0x80, 0xc2, 0, 0, 1],
  [-3]: [1, 0, 0x5e, 1, 2, 3],
  [-4]: [0, 0, 0, 0, 0, 0],
}
const addressOf = (n: number): number[] => SPECIAL[n] ?? macOf(n)

function toModel(
  port: { kind: Partial<PortSettings>; isolated: boolean; reservedGroups: ReservedGroups },
  link: boolean,
): BridgePort {
  const { vlan, trunk, nativeVlan } = port.kind
  return {
    trunk: vlan === undefined,
    transparent: vlan === undefined && trunk === undefined,
    native: vlan ?? nativeVlan ?? (trunk === undefined ? 0 : undefined),
    carries: (id) => trunk === undefined || trunk.includes(id),
    isolated: port.isolated,
    group: (n) => (port.reservedGroups === 'all' ? n !== 1 : port.reservedGroups === 'stp' && n === 0),
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
            isSticky: (port) => (ports[port] as (typeof ports)[0]).sticky,
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
              expect(sum(ports.map((_, index) => real.counter(index, C_ADDRESS_MOVES)))).toBe(fdb.moves)
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

// Addresses that an operator has forgotten: those that were asked for, and no others.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FdbFilter, macBits, readFdb } from '../../src/core/fdb.js'
import { G_FDB_COUNT, P_FDB_COUNT } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { BareSwitch, macOf } from '../support/bare-switch.js'

const ALL = [255, 255, 255, 255, 255, 255]
const macText = (n: number): string =>
  macOf(n)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':')

/** An ARP frame in a VLAN; 0: untagged. */
function say(real: BareSwitch, { port, vlan, mac }: { port: number; vlan: number; mac: number }): void {
  const tag = vlan === 0 ? [] : [0x81, 0, vlan >> 8, vlan & 255]
  real.send(port, Uint8Array.from([...ALL, ...macOf(mac), ...tag, 8, 6]))
  for (const each of [0, 1, 2]) real.take(each)
}

const flush = (real: BareSwitch, { vlan = -1, mac }: FdbFilter, port = -1): number =>
  real.plane.fdbFlush(port, vlan, mac === undefined ? -1n : macBits(mac))

describe('fdbFlush', () => {
  it('fdbFlush forgets what is asked for and counts it, on the ports and in all, whatever is asked', () => {
    const some = fc.record({
      port: fc.nat(2),
      vlan: fc.constantFrom(0, 5, 9),
      mac: fc.integer({ min: 1, max: 40 }),
    })
    const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
    fc.assert(
      fc.property(
        fc.array(some, { maxLength: 60 }),
        fc.record({ port: maybe(fc.nat(2)), vlan: maybe(fc.constantFrom(0, 5, 9)), mac: maybe(fc.nat(40)) }),
        (said, { port, vlan, mac }) => {
          const real = new BareSwitch([{}, {}, {}])
          for (const each of said) say(real, each)
          const before = readFdb(real.memory.u64)
          const isAsked = (entry: (typeof before)[number]): boolean =>
            (port === undefined || entry.port === port) &&
            (vlan === undefined || entry.vlan === vlan) &&
            (mac === undefined || entry.mac === macText(mac))
          const filter = {
            ...(vlan === undefined ? {} : { vlan }),
            ...(mac === undefined ? {} : { mac: macText(mac) }),
          }
          expect(flush(real, filter, port)).toBe(before.filter(isAsked).length)
          const after = readFdb(real.memory.u64)
          expect(after).toEqual(before.filter((entry) => !isAsked(entry)))
          expect(real.global(G_FDB_COUNT)).toBe(after.length)
          for (const index of [0, 1, 2])
            expect(new PortRow(real.memory, index).get(P_FDB_COUNT)).toBe(
              after.filter((entry) => entry.port === index).length,
            )
        },
      ),
      { numRuns: 60 },
    )
  })
})

// Whichever path a frame takes, the same comes out.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { PortSettings } from '../../src/port/config.js'
import { type Kind, opOf, vifOf } from '../support/random-traffic.js'
import { cleanUp } from '../support/switch.js'
import { Bed } from '../support/two-paths.js'

afterEach(cleanUp)

const hostOf: fc.Arbitrary<Partial<PortSettings>> = fc.record({
  mtu: fc.constantFrom(500, 1500),
  isolated: fc.boolean(),
  merge: fc.boolean(),
})

/** Frames received where random traffic took both paths between random ports. */
function compare(kind: Kind, runs: number): number {
  let received = 0
  fc.assert(
    fc.property(
      fc.array(vifOf(kind), { minLength: kind.guests, maxLength: kind.guests }),
      fc.array(hostOf, { minLength: kind.hosts, maxLength: kind.hosts }),
      fc.array(opOf(kind), { minLength: 10, maxLength: 40 }),
      (vifs, hosts, ops) => {
        const beds = [new Bed(vifs, hosts, false), new Bed(vifs, hosts, true)] as const
        try {
          for (const op of ops) for (const bed of beds) bed.run(op)
          for (const bed of beds) bed.finish()
          expect(beds[0].received).toEqual(beds[1].received)
          expect(beds[0].counters()).toEqual(beds[1].counters())
          received += beds[0].received.length
        } finally {
          cleanUp()
        }
      },
    ),
    { numRuns: runs },
  )
  return received
}

describe('the fast and the slow path', () => {
  it('give the same frames, in the same order, and the same counters when traffic and settings are random', () => {
    expect(compare({ guests: 4, hosts: 0, floods: false }, 60)).toBeGreaterThan(1000)
  })

  it('give the same when most frames are flooded, or go to host ports', () => {
    expect(compare({ guests: 6, hosts: 2, floods: true }, 40)).toBeGreaterThan(1000)
  })
})

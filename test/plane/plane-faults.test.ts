// Addresses at the very ends of what may be read, and traps of the plane.

import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import {
  DROP_BAD_ADDRESS,
  GRANULE_BYTES,
  P_GAP_US,
  P_HOLD_US,
  P_MAX_BATCH_FRAMES,
  V_AVAIL,
  V_DESC,
  V_USED,
} from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { VringRow } from '../../src/core/vring-row.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { attach, broadcast, cleanUp, dropped, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const MB = 2 ** 20
/** Above every offset of a memory of 256 MB: a load there traps. */
const BEYOND = 0xf000_0000
const LONG_US = 1e12
const TURNS = 20

function received(guest: EmbeddedGuest): number {
  let count = 0
  while (guest.driver.receive()) count++
  return count
}

/** Two guests that can reach each other. */
function pair(engine: Engine): [EmbeddedGuest, EmbeddedGuest] {
  const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
  a.driver.send(broadcast(1))
  b.driver.send(broadcast(2))
  engine.step()
  received(a)
  received(b)
  return [a, b]
}

/** Whether a frame from a comes to b once, among whatever else is flooded. */
function expectToReach(engine: Engine, a: EmbeddedGuest, b: EmbeddedGuest): void {
  engine.step()
  received(b)
  const sent = frame(2, 1, 100, 7)
  a.driver.send(sent)
  let count = 0
  // How much a turn moves is bounded, and others may have the first ones.
  for (let turns = 0; turns < TURNS; turns++) {
    engine.step()
    for (let got = b.driver.receive(); got; got = b.driver.receive())
      if (Buffer.compare(got.frame, sent) === 0) count++
  }
  expect(count).toBe(1)
}

describe('descriptors at the ends of memory', () => {
  const SIZE = 16 * MB
  const place = fc.record({
    granule: fc.integer({ min: 0, max: SIZE / GRANULE_BYTES }),
    offset: fc.integer({ min: -130, max: 130 }),
    bytes: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constantFrom(1500, 65_535, 0xffff_ffff)),
    write: fc.boolean(),
  })

  it.each([
    32, 256,
  ])('are carried or dropped, and nothing traps, with a linear memory of %i MB', (memoryMb) => {
    const reports: string[] = []
    const engine = newEngine({
      memoryBytes: memoryMb * MB,
      onReport: (port, event, detail) => {
        if (event === 'detached') reports.push(`${port.name}: ${detail}`)
      },
    })
    // The first guest's last byte is the last of the granules.
    const odd = attach(engine, 'odd', { memory: SIZE, ringSize: 64 })
    const [a, b] = pair(engine)
    const tx = odd.driver.tx()
    fc.assert(
      fc.property(fc.array(place, { minLength: 2, maxLength: 8 }), (places) => {
        for (const { granule, offset, bytes } of places) {
          const address = granule * GRANULE_BYTES + offset
          tx.stage(address < 0 ? 2 ** 64 + address : address, bytes, false)
          tx.commit()
        }
        odd.driver.publish(1)
        engine.step()
        for (let head = tx.takeUsed(); head >= 0; head = tx.takeUsed()) tx.release(head)
      }),
      { numRuns: 300 },
    )
    expect(reports).toEqual([])
    expect(dropped(engine, 0, DROP_BAD_ADDRESS)).toBeGreaterThan(0)
    expectToReach(engine, a, b)
  })
})

describe('a trap of the plane', () => {
  function site(): {
    engine: Engine
    reports: string[]
    odd: EmbeddedGuest
    a: EmbeddedGuest
    b: EmbeddedGuest
  } {
    const reports: string[] = []
    const engine = newEngine({
      onReport: (port, event, detail) => {
        if (event === 'detached') reports.push(`${port.name}: ${detail}`)
      },
    })
    const odd = attach(engine, 'odd')
    const [a, b] = pair(engine)
    received(odd)
    return { engine, reports, odd, a, b }
  }

  it.each([
    V_DESC,
    V_AVAIL,
    V_USED,
  ])('detaches the port that is polled, with the reason, and the others go on (%i)', (field) => {
    const { engine, reports, odd, a, b } = site()
    odd.driver.send(frame(2, 9, 100))
    new VringRow(engine.memory, 0, 1).set(field, BEYOND)
    expect(() => engine.step()).not.toThrow()
    expect(reports).toEqual([
      expect.stringMatching(/^odd: internal error: RuntimeError: memory access out of bounds/),
    ])
    expectToReach(engine, a, b)
  })

  it('detaches the port whose held batch is published, and the others go on', () => {
    const { engine, reports, odd, a, b } = site()
    const row = new PortRow(engine.memory, 0)
    odd.driver.send(broadcast(9))
    engine.step()
    row.setF64(P_HOLD_US, LONG_US)
    row.setF64(P_GAP_US, LONG_US)
    a.driver.send(frame(9, 1, 100))
    engine.step()
    expect(received(odd)).toBe(0)
    new VringRow(engine.memory, 0, 0).set(V_AVAIL, BEYOND)
    row.setF64(P_HOLD_US, 0)
    expect(() => engine.step()).not.toThrow()
    expect(reports).toEqual([expect.stringMatching(/^odd: internal error: RuntimeError/)])
    expectToReach(engine, a, b)
  })

  it('publishes what the burst had collected for others before it trapped', () => {
    const { engine, reports, odd, a, b } = site()
    new PortRow(engine.memory, 2).set(P_MAX_BATCH_FRAMES, 2)
    odd.driver.send(broadcast(9))
    engine.step()
    received(b)
    for (let n = 0; n < 5; n++) a.driver.enqueue(frame(2, 1, 100, n))
    a.driver.enqueue(frame(9, 1, 100))
    a.driver.publish(1)
    new VringRow(engine.memory, 0, 0).set(V_DESC, BEYOND)
    expect(() => engine.step()).not.toThrow()
    expect(reports).toEqual([expect.stringMatching(/^a: internal error: RuntimeError/)])
    expect(received(b)).toBe(5)
  })
})

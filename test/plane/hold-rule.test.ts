import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { type HoldLimits, NO_LIMIT } from '../../src/aggregation/hold-limits.js'
import { readDelays } from '../../src/core/delays.js'
import { Globals } from '../../src/core/globals.js'
import { BUCKETS, bucketOf, TICKS_PER_US } from '../../src/core/histogram.js'
import * as layout from '../../src/core/layout.js'
import { HoldRule, type OpenBatch } from '../support/open-batch.js'
import { attach, cleanUp, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const held: OpenBatch = { frames: 3, bytes: 300, firstUs: 1000, lastUs: 1040 }
const limits: HoldLimits = { holdUs: 100, maxFrames: 8, maxBytes: 1000, gapUs: 50, urgentPublish: true }
const { REASON_HOLD } = layout

const rule = new HoldRule()

function reason(batch: OpenBatch, nowUs: number, change: Partial<HoldLimits> = {}): number {
  rule.limits = { ...limits, ...change }
  return rule.reason(batch, nowUs)
}

describe('the hold rule', () => {
  it('holdReason gives the one reason that fits when a single bound is reached', () => {
    const cases: [Partial<OpenBatch>, number, number][] = [
      [{}, 1060, layout.REASON_HOLD],
      [{ frames: 0 }, 9999, layout.REASON_HOLD],
      [{ frames: 8 }, 1060, layout.REASON_FRAMES],
      [{ bytes: 1000 }, 1060, layout.REASON_BYTES],
      [{ polling: true }, 1060, layout.REASON_POLLING],
      [{ urgent: true }, 1060, layout.REASON_URGENT],
      [{ lastUs: 1090 }, 1100, layout.REASON_DEADLINE],
      [{}, 1090, layout.REASON_GAP],
    ]
    for (const [change, nowUs, expected] of cases)
      expect(reason({ ...held, ...change }, nowUs), JSON.stringify(change)).toBe(expected)
  })

  it('holdReason holds nothing beyond its burst when holdUs is 0', () => {
    expect(reason({ ...held, urgent: true, polling: true }, 1000, { holdUs: 0 })).toBe(layout.REASON_NO_HOLD)
    expect(reason({ ...held, frames: 1 }, 1000, { maxFrames: 1 })).toBe(layout.REASON_FRAMES)
  })

  it('holdReason ignores urgent frames and polling when urgentPublish is off', () => {
    expect(reason({ ...held, urgent: true, polling: true }, 1060, { urgentPublish: false })).toBe(REASON_HOLD)
  })

  it('holdDue is the first instant of a publication when no frame comes', () => {
    const times = fc.record({
      firstUs: fc.integer({ min: 0, max: 1000 }),
      spreadUs: fc.integer({ min: 0, max: 50 }),
      holdUs: fc.integer({ min: 1, max: 400 }),
      gapUs: fc.constantFrom(1, 20, 300, NO_LIMIT),
    })
    fc.assert(
      fc.property(times, ({ firstUs, spreadUs, holdUs, gapUs }) => {
        const batch = { ...held, firstUs, lastUs: firstUs + spreadUs }
        rule.limits = { ...limits, holdUs, gapUs }
        const at = rule.dueUs(batch)
        expect(at).toBeLessThanOrEqual(firstUs + holdUs)
        expect(rule.reason(batch, at)).not.toBe(REASON_HOLD)
        expect(rule.reason(batch, at - 1)).toBe(REASON_HOLD)
      }),
    )
  })
})

describe('delays', () => {
  it('the plane counts every delay in the bucket that bucketOf names', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: 1e15, maxFrames: 1000 } })
    const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
    const globals = new Globals(engine.memory)
    let nowUs = 1e12
    const heldFor = fc.double({ min: 0, max: 40, noNaN: true }).map((power) => 2 ** power / 256)
    fc.assert(
      fc.property(heldFor, (us) => {
        const before = readDelays(engine.memory.u64, 1).hold
        globals.nowUs = nowUs
        a.driver.send(frame(2, 1, 60))
        engine.plane.poll(0, 64)
        globals.nowUs = nowUs + us
        engine.plane.publishPort(1)
        // The clock is a double: what the plane sees is the difference of two of them.
        const expected = Math.floor((nowUs + us - nowUs) * TICKS_PER_US)
        nowUs = Math.ceil(nowUs + us) + 1
        const after = readDelays(engine.memory.u64, 1).hold
        const grown = [...after.keys()].filter((bucket) => after[bucket] !== before[bucket])
        expect(grown).toEqual([Math.min(BUCKETS - 1, bucketOf(Math.min(expected, 0xffffffff)))])
        a.driver.reapTx()
        b.driver.drainRx(false)
      }),
      { numRuns: 300 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Batch,
  type HoldLimits,
  mustPublish,
  NO_LIMIT,
  nextDeadlineUs,
  REASON,
  REASON_NAMES,
} from './hold.js'

const held: Batch = {
  frames: 3,
  bytes: 300,
  firstUs: 1000,
  lastUs: 1040,
  urgent: false,
  room: true,
  polling: false,
}
const limits: HoldLimits = { holdUs: 100, maxFrames: 8, maxBytes: 1000, gapUs: 50, urgentFlush: true }

describe('hold', () => {
  it('mustPublish gives the one reason that fits when a single bound is reached', () => {
    const cases: [Partial<Batch>, number, keyof typeof REASON][] = [
      [{}, 1060, 'HOLD'],
      [{ frames: 0, room: false }, 9999, 'HOLD'],
      [{ room: false }, 1060, 'FULL'],
      [{ frames: 8 }, 1060, 'FRAMES'],
      [{ bytes: 1000 }, 1060, 'BYTES'],
      [{ polling: true }, 1060, 'POLLING'],
      [{ urgent: true }, 1060, 'URGENT'],
      [{ lastUs: 1090 }, 1100, 'DEADLINE'],
      [{}, 1090, 'GAP'],
    ]
    for (const [change, now, reason] of cases) {
      expect(mustPublish({ ...held, ...change }, limits, now, true), reason).toBe(REASON[reason])
    }
  })

  it('mustPublish waits for the end of the burst when there is room', () => {
    const late = { ...held, urgent: true, polling: true }
    expect(mustPublish(late, { ...limits, holdUs: 0 }, 9999, false)).toBe(REASON.HOLD)
    expect(mustPublish({ ...held, frames: 1 }, { ...limits, maxFrames: 1 }, 1000, false)).toBe(REASON.FRAMES)
    expect(mustPublish(late, { ...limits, holdUs: 0 }, 1000, true)).toBe(REASON.NO_HOLD)
  })

  it('mustPublish ignores urgent frames and polling when the flush is off', () => {
    const batch = { ...held, urgent: true, polling: true }
    expect(mustPublish(batch, { ...limits, urgentFlush: false }, 1060, true)).toBe(REASON.HOLD)
  })

  it('nextDeadlineUs is the first instant of a publication when no frame comes', () => {
    const times = fc.record({
      firstUs: fc.integer({ min: 0, max: 1000 }),
      spreadUs: fc.integer({ min: 0, max: 50 }),
      holdUs: fc.integer({ min: 1, max: 400 }),
      gapUs: fc.constantFrom(1, 20, 300, NO_LIMIT),
    })
    fc.assert(
      fc.property(times, ({ firstUs, spreadUs, holdUs, gapUs }) => {
        const batch = { ...held, firstUs, lastUs: firstUs + spreadUs }
        const set = { ...limits, holdUs, gapUs }
        const at = nextDeadlineUs(batch, set)
        expect(at).toBeLessThanOrEqual(firstUs + holdUs)
        expect(mustPublish(batch, set, at, true)).not.toBe(REASON.HOLD)
        expect(mustPublish(batch, set, at - 1, true)).toBe(REASON.HOLD)
      }),
    )
  })

  it('REASON_NAMES has a name at every code', () => {
    expect(REASON_NAMES.length).toBe(Object.keys(REASON).length)
    for (const [key, code] of Object.entries(REASON)) {
      expect(REASON_NAMES[code]).toBe(key.toLowerCase().replace('_', '-'))
    }
  })
})

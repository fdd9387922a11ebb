import { describe, expect, it } from 'vitest'
import { newCounts, record } from '../../core/histogram.js'
import { countBetween, lateRatio, type PairCount } from './frame-pair.js'
import { frames, percentileSeries, windowLoss } from './frames.js'
import { medianRecoveryMs, rfc2544 } from './rfc2544.js'
import { trialLoss } from './rfc2544-trial.js'

const NOTHING: PairCount = {
  ...{ sent: 0, sentBytes: 0, received: 0, receivedBytes: 0 },
  ...{ refused: 0, late: 0, gaps: 0, reordered: 0, duplicated: 0 },
}

describe('loss of frames', () => {
  it('trialLoss counts what the switch refused as offered, and what the generator missed as neither', () => {
    expect(trialLoss({ ...NOTHING, sent: 80, refused: 20, late: 500, received: 75 })).toBeCloseTo(0.25)
    expect(trialLoss({ ...NOTHING, late: 500 })).toBe(0)
  })

  it('windowLoss leaves out frames that are under way at the edges of the window', () => {
    expect(windowLoss({ ...NOTHING, sent: 1000, received: 990 })).toBe(0)
    expect(windowLoss({ ...NOTHING, sent: 1000, received: 900, gaps: 100 })).toBeCloseTo(0.1)
    expect(windowLoss({ ...NOTHING, sent: 900, refused: 100, received: 900 })).toBeCloseTo(0.1)
  })

  it('windowLoss is 1 when frames were sent and none came', () => {
    expect(windowLoss({ ...NOTHING, sent: 5 })).toBe(1)
    expect(windowLoss(NOTHING)).toBe(0)
  })

  it('lateRatio is the share of the due frames that the generator missed', () => {
    expect(lateRatio({ ...NOTHING, sent: 60, refused: 15, late: 25 })).toBeCloseTo(0.25)
    expect(lateRatio(NOTHING)).toBe(0)
  })

  it('countBetween takes the earlier count away when both have counted', () => {
    const before = { ...NOTHING, sent: 10, gaps: 3 }
    expect(countBetween(before, { ...before, sent: 15, received: 4 })).toEqual({
      ...NOTHING,
      sent: 5,
      received: 4,
    })
  })
})

describe('percentileSeries', () => {
  it('percentileSeries rises with the percentile and is empty without delays', () => {
    const counts = newCounts()
    for (let us = 1; us <= 1000; us++) record(counts, us)
    const series = percentileSeries(counts)
    expect(series.map(([percent]) => percent)).toContain(99.9)
    for (const [percent, us] of series) expect(Math.abs(us - percent * 10)).toBeLessThan(percent * 0.4 + 1)
    expect(percentileSeries(newCounts())).toEqual([])
  })

  it('percentileSeries ends with what was lost when frames were lost', () => {
    const counts = newCounts()
    for (let us = 1; us <= 1000; us++) record(counts, us)
    const series = new Map(percentileSeries(counts, 0.1, 5e6))
    expect(series.get(90)).toBeGreaterThan(960)
    expect(series.get(90)).toBeLessThan(1040)
    expect([series.get(95), series.get(100)]).toEqual([5e6, 5e6])
    expect(percentileSeries(newCounts(), 1, 5e6).every(([, us]) => us === 5e6)).toBe(true)
  })
})

describe('medianRecoveryMs', () => {
  const took = (...times: (number | undefined)[]) =>
    medianRecoveryMs(times.map((recoveryMs) => ({ overloaded: true, recoveryMs })))

  it('medianRecoveryMs has no time when most recoveries had none', () => {
    expect(took(3, 1, 2)).toBe(2)
    expect(took(3, undefined, 1)).toBe(3)
    expect(took(3, undefined, undefined)).toBeUndefined()
  })
})

describe('settings of frame workloads', () => {
  it('frames and rfc2544 fill in their defaults and refuse frames that Ethernet has not', () => {
    expect(frames.settings.parse({})).toMatchObject({ frameBytes: 64, rateFps: 0, arrivals: 'poisson' })
    expect(rfc2544.settings.parse({})).toMatchObject({
      resolution: 0.02,
      pdrLoss: 0.001,
      ndrLoss: 0,
      repeats: 2,
    })
    expect(frames.settings.safeParse({ frameBytes: 9000 }).success).toBe(false)
    expect(rfc2544.settings.safeParse({ frameBytes: 60 }).success).toBe(false)
  })
})

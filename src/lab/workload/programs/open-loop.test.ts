import { describe, expect, it } from 'vitest'
import { delayQuantile } from '../delays.js'
import { OpenLoopLog, poissonTimes } from './open-loop.js'

/** Probes due each millisecond from 0 to `count` - 1. */
const everyMs = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

describe('OpenLoopLog', () => {
  it('counts the wait of every probe that a pause held up when the other end stops for 100 ms', () => {
    const log = new OpenLoopLog(everyMs(1000), 0, 1000)
    // Answered at once, but from 500 to 600 ms nobody is there: all of these come back at 600.
    for (const due of everyMs(1000)) log.answered(due, due >= 500 && due < 600 ? 600 : due)
    const report = log.report()
    expect(report).toMatchObject({ count: 1000, due: 1000, lost: 0, maxUs: 100_000 })
    expect(report.meanUs).toBeCloseTo(((100 * 101) / 2 / 1000) * 1000, 6)
    // 10 % of the probes met the pause: what a closed loop would show as one slow probe of a thousand.
    expect(delayQuantile(report.delays, 0.9)).toBe(0)
    expect(delayQuantile(report.delays, 0.95) / 50_000).toBeCloseTo(1, 1)
    expect(delayQuantile(report.delays, 0.99) / 90_000).toBeCloseTo(1, 1)
  })

  it('counts from the due time when the sender itself is late', () => {
    const log = new OpenLoopLog([10, 11, 12], 0, 100)
    // All three left at 30 and took 1 ms.
    for (const number of [0, 1, 2]) log.answered(number, 31)
    expect(log.report().meanUs).toBeCloseTo(20_000, 6)
    expect(log.report().maxUs).toBe(21_000)
  })

  it('leaves out what was due in the warm-up and counts what did not come as lost', () => {
    const log = new OpenLoopLog(everyMs(10), 4, 8)
    for (const number of [0, 1, 2, 3, 4, 6, 9]) log.answered(number, number + 1)
    expect(log.report()).toMatchObject({ count: 2, due: 4, lost: 2, meanUs: 1000 })
    expect(log.waiting).toBe(3)
  })

  it('ignores second answers and numbers that nobody sent', () => {
    const log = new OpenLoopLog(everyMs(2), 0, 2)
    for (const number of [0, 0, 7, 4_000_000_000]) log.answered(number, 5)
    expect(log.report()).toMatchObject({ count: 1, lost: 1, maxUs: 5000 })
    expect(log.waiting).toBe(1)
  })
})

describe('poissonTimes', () => {
  it('has the rate asked for and gaps that vary like an exponential law', () => {
    const times = poissonTimes(1000, 100_000, 3)
    // Mean 100,000, standard deviation 316.
    expect(Math.abs(times.length - 100_000)).toBeLessThan(5 * 316)
    const gaps = Array.from(times, (at, index) => at - (times[index - 1] ?? 0))
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
    expect(mean).toBeCloseTo(1, 1)
    expect(variance / mean ** 2).toBeCloseTo(1, 1)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0)
  })

  it('is the same for the same seed and another for another', () => {
    expect(poissonTimes(100, 1000, 5)).toEqual(poissonTimes(100, 1000, 5))
    expect(poissonTimes(100, 1000, 5)).not.toEqual(poissonTimes(100, 1000, 6))
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../stats/random.js'
import { CostEstimator, fastUpSlowDown, followRate, PRIOR_COSTS, RecentPeak } from './estimators.js'

describe('estimators', () => {
  it('fastUpSlowDown follows a rise within two periods and a fall within tens when so asked', () => {
    const step = (from: number, to: number, periods: number) => {
      let value: number | undefined = from
      for (let i = 0; i < periods; i++) value = fastUpSlowDown(value, to, 2000, 2000, 20_000)
      return value
    }
    expect(step(0, 1, 2)).toBeCloseTo(1 - Math.exp(-2), 12)
    expect(step(1, 0, 2)).toBeCloseTo(Math.exp(-0.2), 12)
    expect(fastUpSlowDown(undefined, 5, 1, 1, 1)).toBe(5)
  })

  it('followRate stands still when a load is random and follows within three periods when it changes', () => {
    const random = seededRandom(9)
    let rate: number | undefined
    const seen: number[] = []
    for (let period = 0; period < 400; period++) {
      rate = followRate(rate, 1000 * (0.9 + 0.2 * random()), 10_000)
      if (period > 100) seen.push(rate)
    }
    expect(Math.max(...seen) / Math.min(...seen)).toBeLessThan(1.1)
    for (let period = 0; period < 3; period++) rate = followRate(rate, 5000, 10_000)
    expect(rate).toBeCloseTo(0.5, 2)
    for (let period = 0; period < 10; period++) rate = followRate(rate, 100, 10_000)
    expect(rate).toBeLessThan(0.02)
  })

  it('followRate takes single frames for noise when few come', () => {
    let rate: number | undefined = 1 / 10_000
    for (const count of [0, 2, 0, 1, 3, 0, 1, 1]) rate = followRate(rate, count, 10_000)
    expect(Math.abs(rate! * 10_000 - 1)).toBeLessThan(0.3)
  })

  it('RecentPeak remembers for at least its span and forgets after two', () => {
    const peak = new RecentPeak(100)
    expect(peak.observe(7, 10)).toBe(7)
    for (let period = 0; period < 10; period++) expect(peak.observe(1, 10)).toBe(7)
    for (let period = 0; period < 20; period++) peak.observe(1, 10)
    expect(peak.observe(1, 10)).toBe(1)
  })

  it('CostEstimator tells wakes from publications when their numbers move apart', () => {
    const random = seededRandom(6)
    const estimator = new CostEstimator()
    for (let row = 0; row < 400; row++) {
      const [wakes, publications] = [10 + Math.floor(random() * 90), 10 + Math.floor(random() * 90)]
      const used = (6 * wakes + 2 * publications) * (0.95 + 0.1 * random())
      estimator.observe({ wakes, publications, frames: 0, bytes: 0 }, used)
    }
    const { wakeUs, publishUs } = estimator.costs
    expect(Math.abs(wakeUs / 6 - 1)).toBeLessThan(0.1)
    expect(Math.abs(publishUs / 2 - 1)).toBeLessThan(0.1)
  })

  it('CostEstimator leaves events a quarter of the prior when the data give them nothing', () => {
    const estimator = new CostEstimator()
    for (let row = 0; row < 300; row++) {
      const frames = 10 + (row % 30)
      estimator.observe({ wakes: 5 + (row % 7), publications: 3 + (row % 5), frames, bytes: 0 }, frames)
    }
    const { wakeUs, publishUs } = estimator.costs
    expect(wakeUs).toBeGreaterThanOrEqual(PRIOR_COSTS.wakeUs / 4)
    expect(publishUs).toBeGreaterThanOrEqual(PRIOR_COSTS.publishUs / 4)
  })

  it('CostEstimator finds the costs when rows vary and carry noise', () => {
    const random = seededRandom(5)
    const estimator = new CostEstimator()
    for (let row = 0; row < 400; row++) {
      const publications = 1 + Math.floor(random() * 20)
      const frames = publications * (1 + Math.floor(random() * 30))
      const bytes = frames * (64 + random() * 1400)
      const used = (4 * publications + 0.5 * frames + 0.0004 * bytes) * (0.9 + 0.2 * random())
      estimator.observe({ wakes: 0, publications, frames, bytes }, used)
    }
    const { publishUs, frameUs, byteUs } = estimator.costs
    expect(Math.abs(publishUs / 4 - 1)).toBeLessThan(0.1)
    expect(Math.abs(frameUs / 0.5 - 1)).toBeLessThan(0.2)
    expect(Math.abs(byteUs / 0.0004 - 1)).toBeLessThan(0.2)
  })

  it('CostEstimator predicts the total when rows are all the same', () => {
    const estimator = new CostEstimator()
    for (let row = 0; row < 300; row++)
      estimator.observe({ wakes: 0, publications: 1, frames: 1, bytes: 64 }, 6)
    const { publishUs, frameUs, byteUs } = estimator.costs
    expect(publishUs + frameUs + 64 * byteUs).toBeCloseTo(6, 1)
    expect(publishUs).toBeGreaterThan(frameUs)
  })

  it('CostEstimator never turns negative and predicts sanely when rows are nonsense', () => {
    const row = fc.tuple(
      fc.constantFrom(0, 1, 3, 500),
      fc.constantFrom(0, 1, 64, 1e6),
      fc.constantFrom(0, 64, 1e9),
      fc.constantFrom(0, 1e-3, 5, 1e7, Number.NaN),
    )
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
        const estimator = new CostEstimator()
        for (const [publications, frames, bytes, used] of rows)
          estimator.observe({ wakes: 0, publications, frames, bytes }, used)
        for (const cost of Object.values(estimator.costs)) {
          expect(Number.isFinite(cost)).toBe(true)
          expect(cost).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  it('CostEstimator is little moved by one row when the host took the core away', () => {
    const estimator = new CostEstimator()
    for (let row = 0; row < 200; row++)
      estimator.observe(
        { wakes: 0, publications: 1, frames: 1 + (row % 9), bytes: 600 },
        1.5 + 0.2 * (1 + (row % 9)) + 0.06,
      )
    estimator.observe({ wakes: 0, publications: 1, frames: 3, bytes: 600 }, 30_000)
    const { publishUs, frameUs } = estimator.costs
    expect(publishUs + 3 * frameUs).toBeLessThan(2.5)
    expect(PRIOR_COSTS.publishUs).toBe(1.5)
  })

  it('CostEstimator forgets when costs change', () => {
    const estimator = new CostEstimator()
    const feed = (publishUs: number) => {
      for (let row = 0; row < 300; row++) {
        const frames = 1 + (row % 20)
        estimator.observe({ wakes: 0, publications: 1, frames, bytes: 0 }, publishUs + 0.3 * frames)
      }
    }
    feed(2)
    feed(8)
    expect(Math.abs(estimator.costs.publishUs / 8 - 1)).toBeLessThan(0.05)
  })
})

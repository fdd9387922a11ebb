import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../stats/random.js'
import { CostEstimator, fastUpSlowDown, PRIOR_COSTS } from './estimators.js'

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

  it('CostEstimator finds the costs when rows vary and carry noise', () => {
    const random = seededRandom(5)
    const estimator = new CostEstimator()
    for (let row = 0; row < 400; row++) {
      const flushes = 1 + Math.floor(random() * 20)
      const frames = flushes * (1 + Math.floor(random() * 30))
      const bytes = frames * (64 + random() * 1400)
      const used = (4 * flushes + 0.5 * frames + 0.0004 * bytes) * (0.9 + 0.2 * random())
      estimator.observe(flushes, frames, bytes, used)
    }
    const { flushUs, frameUs, byteUs } = estimator.costs
    expect(Math.abs(flushUs / 4 - 1)).toBeLessThan(0.1)
    expect(Math.abs(frameUs / 0.5 - 1)).toBeLessThan(0.2)
    expect(Math.abs(byteUs / 0.0004 - 1)).toBeLessThan(0.2)
  })

  it('CostEstimator predicts the total when rows are all the same', () => {
    const estimator = new CostEstimator()
    for (let row = 0; row < 300; row++) estimator.observe(1, 1, 64, 6)
    const { flushUs, frameUs, byteUs } = estimator.costs
    expect(flushUs + frameUs + 64 * byteUs).toBeCloseTo(6, 1)
    expect(flushUs).toBeGreaterThan(frameUs)
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
        for (const [flushes, frames, bytes, used] of rows) estimator.observe(flushes, frames, bytes, used)
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
      estimator.observe(1, 1 + (row % 9), 600, 1.5 + 0.2 * (1 + (row % 9)) + 0.06)
    estimator.observe(1, 3, 600, 30_000)
    const { flushUs, frameUs } = estimator.costs
    expect(flushUs + 3 * frameUs).toBeLessThan(2.5)
    expect(PRIOR_COSTS.flushUs).toBe(1.5)
  })

  it('CostEstimator forgets when costs change', () => {
    const estimator = new CostEstimator()
    const feed = (flushUs: number) => {
      for (let row = 0; row < 300; row++) {
        estimator.observe(1, 1 + (row % 20), 0, flushUs + 0.3 * (1 + (row % 20)))
      }
    }
    feed(2)
    feed(8)
    expect(Math.abs(estimator.costs.flushUs / 8 - 1)).toBeLessThan(0.05)
  })
})

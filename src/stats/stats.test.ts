import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { meanInterval, medianInterval, nonNegativeMeanInterval, ratioOfMedians } from './interval.js'
import { permutationTest } from './permutation.js'
import { seededRandom } from './random.js'
import { studentCdf, studentQuantile } from './student.js'
import { jainIndex, mean, median, quantile, standardDeviation } from './summary.js'

describe('nonNegativeMeanInterval', () => {
  it.each([
    [[0, 0, 3]],
    [[0.01, 0.5]],
    [[1, 1, 1, 9]],
    [[5]],
  ])('nonNegativeMeanInterval ends at 0 when %j are not negative', (values) => {
    const { low, high } = meanInterval(values)
    expect(low).toBeLessThan(0)
    expect(nonNegativeMeanInterval(values)).toMatchObject({ low: 0, high })
  })

  it('nonNegativeMeanInterval is meanInterval when a value is negative or the interval is above 0', () => {
    for (const values of [
      [-1, 2, 3],
      [100, 101, 102],
    ])
      expect(nonNegativeMeanInterval(values)).toEqual(meanInterval(values))
  })
})

describe('summary', () => {
  it('quantile interpolates when the rank lies between two values', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([10, 20, 30, 40, 50], 0.9)).toBeCloseTo(46, 12)
    expect(median([7])).toBe(7)
    expect(median([])).toBeNaN()
  })

  it('standardDeviation divides by n - 1 when given a sample', () => {
    expect(mean([2, 4, 4, 4, 5, 5, 7, 9])).toBe(5)
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12)
  })

  it('jainIndex is 1 when all are equal and 1/n when one has all', () => {
    expect(jainIndex([3, 3, 3])).toBeCloseTo(1, 12)
    expect(jainIndex([5, 0, 0, 0])).toBe(0.25)
    expect(jainIndex([0, 0])).toBe(1)
  })
})

describe('student', () => {
  it('studentQuantile gives the printed table when asked for two-sided 95 %', () => {
    expect(studentQuantile(0.975, 1)).toBeCloseTo(12.7062, 3)
    expect(studentQuantile(0.975, 4)).toBeCloseTo(2.7764, 4)
    expect(studentQuantile(0.975, 30)).toBeCloseTo(2.0423, 4)
    expect(studentQuantile(0.025, 4)).toBeCloseTo(-2.7764, 4)
    expect(studentCdf(0, 7)).toBeCloseTo(0.5, 12)
  })

  it('meanInterval is mean and t x s / sqrt n when values are few', () => {
    const { estimate, low, high } = meanInterval([1, 2, 3, 4, 5])
    expect(estimate).toBe(3)
    expect(high - 3).toBeCloseTo((2.7764 * Math.sqrt(2.5)) / Math.sqrt(5), 3)
    expect(3 - low).toBeCloseTo(high - 3, 12)
    expect(meanInterval([4]).high).toBe(Number.POSITIVE_INFINITY)
  })
})

/** Normal numbers by Box and Muller. */
function normals(seed: number, count: number, centre: number): number[] {
  const random = seededRandom(seed)
  return Array.from(
    { length: count },
    () => centre + Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  )
}

describe('bootstrap', () => {
  it('medianInterval covers the true median about 95 times of 100 when samples are drawn anew', () => {
    let covered = 0
    for (let seed = 1; seed <= 200; seed++) {
      const { low, high } = medianInterval(normals(seed, 30, 10), { seed, resamples: 400 })
      if (low <= 10 && 10 <= high) covered++
    }
    expect(covered).toBeGreaterThan(178)
    expect(covered).toBeLessThan(200)
  })

  it('medianInterval repeats itself when the seed is the same', () => {
    const values = normals(1, 20, 5)
    expect(medianInterval(values, { seed: 9 })).toEqual(medianInterval(values, { seed: 9 }))
    expect(medianInterval(values, { seed: 9 })).not.toEqual(medianInterval(values, { seed: 10 }))
  })

  it('ratioOfMedians is narrow when pairs share their disturbance', () => {
    const shared = normals(3, 25, 100).map((x) => Math.abs(x) * 3)
    const a = shared.map((x) => 2 * x)
    const { estimate, low, high } = ratioOfMedians(a, shared, { seed: 1 })
    expect([estimate, low, high]).toEqual([2, 2, 2])
    expect(() => ratioOfMedians([1], [1, 2], { seed: 1 })).toThrow('1 and 2')
  })

  it('permutationTest tells a shift from none when samples are small', () => {
    expect(permutationTest(normals(1, 15, 10), normals(2, 15, 12), { seed: 1 }).p).toBeLessThan(0.01)
    expect(permutationTest([1, 2, 3], [1, 2, 3], { seed: 1, rounds: 200 }).p).toBe(1)
    let rejected = 0
    for (let seed = 1; seed <= 100; seed++) {
      const { p } = permutationTest(normals(seed, 10, 0), normals(seed + 1000, 10, 0), { seed, rounds: 200 })
      if (p <= 0.05) rejected++
    }
    expect(rejected).toBeLessThan(14)
  })
})

describe('seededRandom', () => {
  it('seededRandom stays in [0, 1) and is level when drawn often', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed)
        const draws = Array.from({ length: 2000 }, random)
        expect(draws.every((x) => x >= 0 && x < 1)).toBe(true)
        expect(Math.abs(mean(draws) - 0.5)).toBeLessThan(0.04)
      }),
      { numRuns: 30 },
    )
  })
})

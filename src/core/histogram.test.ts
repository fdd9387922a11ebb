import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../stats/random.js'
import { mean, quantile } from '../stats/summary.js'
import {
  BUCKETS,
  bucketMiddleUs,
  bucketOf,
  bucketStart,
  histogramMean,
  histogramQuantile,
  merge,
  newCounts,
  record,
  since,
  total,
} from './histogram.js'

describe('histogram', () => {
  it('bucketOf follows the documented table when values sit on edges', () => {
    const table = [
      [0, 0],
      [15, 15],
      [16, 16],
      [31, 31],
      [32, 32],
      [33, 32],
      [34, 33],
      [63, 47],
      [64, 48],
      [2 ** 31, 448],
      [2 ** 32 - 1, 463],
    ] as const
    for (const [ticks, bucket] of table) expect(bucketOf(ticks)).toBe(bucket)
  })

  it('bucketOf inverts bucketStart when given either end of a bucket', () => {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      expect(bucketOf(bucketStart(bucket))).toBe(bucket)
      expect(bucketOf(bucketStart(bucket + 1) - 1)).toBe(bucket)
    }
    expect(bucketStart(BUCKETS)).toBe(2 ** 32)
  })

  it('bucketMiddleUs is within 3.2 % of every value when the value is at least one microsecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 0xffffffff }), (ticks) => {
        const middle = bucketMiddleUs(bucketOf(ticks)) * 16
        expect(Math.abs(middle - ticks) / ticks).toBeLessThanOrEqual(0.032)
      }),
    )
  })

  it('histogramQuantile agrees with sorting when values spread over decades', () => {
    const random = seededRandom(7)
    const values = Array.from({ length: 5000 }, () => 2 + 10 ** (4 * random()))
    const counts = newCounts()
    for (const value of values) record(counts, value)
    for (const q of [0.01, 0.5, 0.99, 0.999]) {
      expect(Math.abs(histogramQuantile(counts, q) / quantile(values, q) - 1)).toBeLessThan(0.05)
    }
    expect(Math.abs(histogramMean(counts) / mean(values) - 1)).toBeLessThan(0.01)
    expect(total(counts)).toBe(5000)
  })

  it('merge equals recording everything in one when arrays are plain', () => {
    const one: number[] = Array(BUCKETS).fill(0)
    const two = newCounts()
    const both = newCounts()
    for (const value of [0, 3.5, 900]) {
      record(one, value)
      record(both, value)
    }
    for (const value of [-1, 12, 1e9]) {
      record(two, value)
      record(both, value)
    }
    merge(one, two)
    expect(one).toEqual([...both])
    expect(both[BUCKETS - 1]).toBe(1)
  })

  it('since gives the new counts when a counter wrapped', () => {
    const before = newCounts()
    const now = newCounts()
    before[5] = 0xffffffff
    now[5] = 2
    expect(since(now, before)[5]).toBe(3)
    expect(histogramQuantile(newCounts(), 0.5)).toBeNaN()
  })
})

import { describe, expect, it } from 'vitest'
import { histogramQuantile, newCounts, record } from '../../core/histogram.js'
import { seededRandom } from '../../stats/random.js'
import { ksDistance, shareUpTo } from './ks.js'

/** Values drawn evenly between two times. */
function even(from: number, to: number, seed: number): Uint32Array {
  const counts = newCounts()
  const random = seededRandom(seed)
  for (let at = 0; at < 20_000; at++) record(counts, from + (to - from) * random())
  return counts
}

const percentilesOf = (counts: Uint32Array) =>
  [1, 10, 25, 50, 75, 90, 99].map((percent) => [percent, histogramQuantile(counts, percent / 100)] as const)

describe('ksDistance', () => {
  it('shareUpTo is the share of an even distribution', () => {
    const counts = even(100, 200, 1)
    expect(shareUpTo(counts, 150)).toBeCloseTo(0.5, 1)
    expect([shareUpTo(counts, 50), shareUpTo(counts, 300)]).toEqual([0, 1])
  })

  it('ksDistance is next to nothing between draws of one distribution', () => {
    expect(ksDistance(percentilesOf(even(100, 200, 1)), even(100, 200, 2))).toBeLessThan(0.03)
  })

  it('ksDistance is the largest difference of shares when one distribution is shifted', () => {
    // Even on [100, 200] against [150, 250]: shares differ by 0.5 from 150 to 200.
    expect(ksDistance(percentilesOf(even(100, 200, 1)), even(150, 250, 2))).toBeCloseTo(0.5, 1)
    expect(ksDistance(percentilesOf(even(100, 200, 1)), even(300, 400, 2))).toBeCloseTo(0.99, 2)
  })

  it('ksDistance takes any share between percentiles that lie at one time', () => {
    const counts = newCounts()
    record(counts, 10, 100)
    expect(
      ksDistance(
        [
          [1, 10.03],
          [50, 10.03],
          [99, 10.03],
        ],
        counts,
      ),
    ).toBeLessThan(0.02)
  })
})

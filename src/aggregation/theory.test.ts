import { describe, expect, it } from 'vitest'
import { seededRandom } from '../stats/random.js'
import { quantile } from '../stats/summary.js'
import { poissonAtMost, poissonCapped, poissonCappedTriangle } from './poisson.js'
import {
  cpuShare,
  holdQuantileUs,
  type Load,
  leastMeanDelayBatches,
  leastScaling,
  meanBatch,
  meanHoldUs,
  minBatch,
  naturalBatch,
  publicationRate,
  restFor,
  scaledShares,
  sharesAt,
  totalShare,
} from './theory.js'

describe('poisson', () => {
  it('poissonAtMost matches sums by hand when the mean is small', () => {
    expect(poissonAtMost(2, 0)).toBeCloseTo(Math.exp(-2), 12)
    expect(poissonAtMost(2, 3)).toBeCloseTo(Math.exp(-2) * (1 + 2 + 2 + 8 / 6), 10)
    expect(poissonAtMost(0, 0)).toBe(1)
    expect(poissonAtMost(5, -1)).toBe(0)
  })

  it('poissonAtMost is stable when the mean is a hundred thousand', () => {
    // Median of a Poisson number lies in [mean - ln 2, mean + 1/3].
    expect(poissonAtMost(1e5, 1e5 - 1)).toBeLessThan(0.5)
    expect(poissonAtMost(1e5, 1e5)).toBeGreaterThan(0.5)
    expect(poissonAtMost(1e5, 1e5)).toBeCloseTo(0.5 + 2 / 3 / Math.sqrt(2 * Math.PI * 1e5), 5)
    expect(poissonAtMost(1e5, 1e5 - 5000)).toBeLessThan(1e-50)
  })

  it('poissonCapped equals its sum of tails when added term by term', () => {
    for (const mean of [0.3, 4, 60]) {
      let sum = 0
      let triangle = 0
      for (let k = 1; k <= 40; k++) {
        sum += 1 - poissonAtMost(mean, k - 1)
        triangle += k * (1 - poissonAtMost(mean, k - 1))
        expect(poissonCapped(mean, k)).toBeCloseTo(sum, 9)
        expect(poissonCappedTriangle(mean, k)).toBeCloseTo(triangle, 7)
      }
    }
  })
})

/** Play batches frame by frame: mean size, mean hold and p99 of the hold. */
function play(rate: number, holdUs: number, maxFrames: number, seed: number) {
  const random = seededRandom(seed)
  const holds: number[] = []
  const batches = 40_000
  for (let batch = 0; batch < batches; batch++) {
    const arrivals = [0]
    let endUs = holdUs
    for (let at = 0; arrivals.length < maxFrames; ) {
      at -= Math.log(1 - random()) / rate
      if (at > holdUs) break
      arrivals.push(at)
      if (arrivals.length >= maxFrames) endUs = at
    }
    for (const at of arrivals) holds.push(endUs - at)
  }
  return {
    batch: holds.length / batches,
    meanUs: holds.reduce((sum, hold) => sum + hold, 0) / holds.length,
    p99Us: quantile(holds, 0.99),
  }
}

describe('theory', () => {
  it('batch size and hold agree with frames played one by one when timer, size or both end the batch', () => {
    const cases = [
      [0.05, 100, 1000],
      [0.05, 100, 4],
      [0.05, 100, 2],
      [0.3, 60, 16],
      [0.002, 50, 8],
    ] as const
    cases.forEach(([rate, holdUs, maxFrames], i) => {
      const seen = play(rate, holdUs, maxFrames, i + 1)
      expect(Math.abs(seen.batch / meanBatch(rate, holdUs, maxFrames) - 1)).toBeLessThan(0.01)
      expect(Math.abs(seen.meanUs / meanHoldUs(rate, holdUs, maxFrames) - 1)).toBeLessThan(0.015)
      expect(Math.abs(seen.p99Us / holdQuantileUs(rate, holdUs, 0.99, maxFrames) - 1)).toBeLessThan(0.015)
    })
  })

  it('formulas give the values worked by hand when the timer alone counts', () => {
    expect(meanBatch(0.05, 100)).toBe(6)
    expect(meanHoldUs(0.05, 100)).toBeCloseTo((100 * 7) / 12, 9)
    expect(holdQuantileUs(0.05, 100, 0.99)).toBe(100)
    // m = 200 > 99: p99 = T q (1 + m) / m.
    expect(holdQuantileUs(2, 100, 0.99)).toBeCloseTo((100 * 0.99 * 201) / 200, 6)
    expect(meanHoldUs(0, 100)).toBe(100)
    expect(meanBatch(0.05, 100, 1)).toBe(1)
    expect(holdQuantileUs(0.05, 100, 0.99, 1)).toBe(0)
  })

  it('minBatch and naturalBatch name the capacity when costs reach it', () => {
    expect(minBatch(0.1, 5, 2, 0.7)).toBeCloseTo(1, 12)
    expect(minBatch(0.1, 5, 2, 0.3)).toBeCloseTo(5, 12)
    expect(minBatch(0.1, 5, 2, 0.2)).toBe(Number.POSITIVE_INFINITY)
    expect(naturalBatch(0.4, 5, 2)).toBeCloseTo(10, 12)
    expect(naturalBatch(0.6, 5, 2)).toBe(Number.POSITIVE_INFINITY)
  })

  it('publicationRate counts urgent bursts when some end the hold', () => {
    const load: Load = { rate: 0.2, burstRate: 0.1, urgentShare: 0, publishUs: 5, frameUs: 1 }
    expect(publicationRate(load, 0)).toBe(0.1)
    expect(publicationRate(load, 90)).toBeCloseTo(0.01, 12)
    expect(publicationRate({ ...load, urgentShare: 1 }, 90)).toBeCloseTo(0.1, 12)
    const some = publicationRate({ ...load, urgentShare: 0.1 }, 90)
    expect(some).toBeCloseTo(0.1 / (1 + 0.1 * 0.9 * ((1 - Math.exp(-0.9)) / 0.01)), 12)
    expect(cpuShare(load, 90)).toBeCloseTo(0.2 + 0.05, 12)
  })

  it('leastScaling spends exactly the budget when it lies between no hold and full hold', () => {
    const loads = [
      { rate: 0.05, burstRate: 0.05, urgentShare: 0, publishUs: 5, frameUs: 1, slackUs: 100 },
      { rate: 0.02, burstRate: 0.02, urgentShare: 0.2, publishUs: 5, frameUs: 1, slackUs: 400 },
    ]
    const theta = leastScaling(loads, 0.2)
    expect(theta).toBeGreaterThan(0)
    expect(totalShare(loads, theta)).toBeCloseTo(0.2, 5)
    expect(leastScaling(loads, 0.42)).toBe(0)
    // Frames alone cost less than 0.1, so there is a delay for it; for 0.05 there is none.
    const beyond = leastScaling(loads, 0.11)
    expect(beyond).toBeGreaterThan(1)
    expect(totalShare(loads, beyond)).toBeCloseTo(0.11, 4)
    expect(leastScaling(loads, 0.05)).toBe(Number.POSITIVE_INFINITY)
    // One VM, by hand: 0.05 (1 + 5 / (1 + 0.05 T)) = 0.1 gives T = 80.
    expect(leastScaling([loads[0]!], 0.1) * 100).toBeCloseTo(80, 2)
  })

  it('restFor is the shortest delay, less the share that is urgent, as long as rings have room', () => {
    const load = { rate: 0.1, burstRate: 0.1, urgentShare: 0, publishUs: 5, frameUs: 1 }
    const pacing = { wakeUs: 4, longestRestUs: 1000, leastBursts: 4 }
    expect(restFor([load, load], [80, 120], pacing)).toBe(80)
    expect(restFor([load, { ...load, urgentShare: 0.5 }], [80, 120], pacing)).toBe(60)
    expect(restFor([load, { ...load, urgentShare: 1 }], [80, 120], pacing)).toBe(0)
    expect(restFor([load, load], [80, 120], { ...pacing, longestRestUs: 30 })).toBe(30)
    expect(restFor([{ ...load, burstRate: 9 }], [80], { ...pacing, longestRestUs: 5 })).toBe(0)
    expect(restFor([], [], pacing)).toBe(0)
  })

  it('restFor is 0 when hardly a burst would come meanwhile', () => {
    const load = { rate: 0.1, burstRate: 0.1, urgentShare: 0, publishUs: 5, frameUs: 1 }
    const pacing = { wakeUs: 4, longestRestUs: 1000, leastBursts: 4 }
    expect(restFor([load], [39], pacing)).toBe(0)
    expect(restFor([load], [41], pacing)).toBe(41)
    expect(restFor([load], [39], { ...pacing, leastBursts: 2 })).toBe(39)
  })

  it('leastScaling needs less delay for the same budget when wakes can be saved, too', () => {
    const load = { rate: 0.1, burstRate: 0.1, urgentShare: 0, publishUs: 5, frameUs: 1, slackUs: 200 }
    const pacing = { wakeUs: 4, longestRestUs: 1000, leastBursts: 4 }
    // By hand: 0.1 (1 + 9 / (1 + 0.1 T)) = 0.2 gives T = 80 where the rest is all of the delay.
    expect(leastScaling([load], 0.2, pacing) * 200).toBeCloseTo(80, 1)
    expect(totalShare([load], 0.4, pacing)).toBeCloseTo(0.2, 9)
    expect(scaledShares([load, load], 0.4, pacing).reduce((sum, share) => sum + share, 0)).toBeCloseTo(
      totalShare([load, load], 0.4, pacing),
      12,
    )
    // Without room for a rest waking costs 0.4 whatever the hold: out of reach.
    expect(leastScaling([load], 0.2, { ...pacing, longestRestUs: 0 })).toBeGreaterThan(1)
    expect(sharesAt([load, load], [200, 200], 0, pacing)[0]).toBeCloseTo(0.1 + 0.5 / 21 + 0.4, 9)
  })

  it('leastMeanDelayBatches has the least delay when compared with neighbours on the same budget', () => {
    const load = { urgentShare: 0, publishUs: 5, frameUs: 1 }
    const loads: Load[] = [
      { ...load, rate: 0.08, burstRate: 0.08 },
      { ...load, rate: 0.02, burstRate: 0.02 },
    ]
    const weights = [1, 3]
    const [a, b] = leastMeanDelayBatches(loads, weights, 0.3) as [number, number]
    const cost = (n: number, m: number) => (0.08 * 5) / n + (0.02 * 5) / m
    expect(cost(a, b)).toBeCloseTo(0.2, 9)
    for (const shift of [0.9, 0.97, 1.03, 1.1]) {
      const other = (0.02 * 5) / (0.2 - (0.08 * 5) / (a * shift))
      expect(a * shift + 3 * other).toBeGreaterThan(a + 3 * b)
    }
    expect(leastMeanDelayBatches(loads, weights, 0.09)).toEqual([Infinity, Infinity])
  })
})

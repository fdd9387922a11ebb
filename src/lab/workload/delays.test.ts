import { expect, it } from 'vitest'
import { delayMetrics, delayQuantile, lostIn, percentileCurve, quantileWithLoss } from './delays.js'
import { DelayCounts } from './programs/delay-counts.js'

const thousand = (() => {
  const counts = new DelayCounts()
  for (let us = 1; us <= 1000; us++) counts.add(us)
  return counts.report()
})()

it('delayQuantile gives the value of rank ceil(q n)', () => {
  const delays = [
    [10, 5],
    [20, 4],
    [30, 1],
  ] as const
  const at = [0, 0.5, 0.51, 0.9, 0.91, 1].map((q) => delayQuantile([...delays], q))
  expect(at).toEqual([10, 10, 20, 20, 30, 30])
  expect(delayQuantile([], 0.5)).toBeNaN()
})

it('delayMetrics of 1 to 1000 us are known', () => {
  const { meanUs, maxUs, ...quantiles } = delayMetrics(thousand)
  expect([meanUs, maxUs]).toEqual([500.5, 1000])
  const known = { p50Us: 500, p90Us: 900, p99Us: 990, p999Us: 999 }
  for (const [name, us] of Object.entries(known))
    expect(Math.abs((quantiles[name as keyof typeof known] ?? 0) - us)).toBeLessThan(us * 0.008)
  expect(delayMetrics(new DelayCounts().report())).toEqual({})
})

const window = { warmUpS: 1, measureS: 3 }
const FOR_EVER = 5e6

it.each([
  [0, { p50Us: 500, p90Us: 900, p99Us: 990 }],
  [5, { p50Us: 502, p90Us: 904, p99Us: 994 }],
  [20, { p50Us: 510, p90Us: 918, p99Us: FOR_EVER }],
  [1000, { p50Us: 1000, p90Us: FOR_EVER, p99Us: FOR_EVER }],
  [1e6, { p50Us: FOR_EVER, p90Us: FOR_EVER, p99Us: FOR_EVER }],
])('delayMetrics is late for ever with what was lost when %d are lost beside 1000', (lost, known) => {
  const metrics = delayMetrics(thousand, lostIn(window, lost))
  for (const [name, us] of Object.entries(known))
    expect(Math.abs((metrics[name as keyof typeof known] ?? 0) - us)).toBeLessThan(us * 0.009)
  expect([metrics.meanUs, metrics.maxUs]).toEqual([500.5, 1000])
})

it('delayMetrics has percentiles and no mean when everything was lost', () => {
  const nothing = new DelayCounts().report()
  expect(delayMetrics(nothing, lostIn(window, 7))).toEqual({
    ...{ p50Us: FOR_EVER, p90Us: FOR_EVER, p99Us: FOR_EVER, p999Us: FOR_EVER },
  })
  expect(percentileCurve(nothing, lostIn(window, 7)).at(-1)).toEqual([100, FOR_EVER])
})

it('quantileWithLoss asks for the rank among what came, and begins with the lost ones behind it', () => {
  const asked: number[] = []
  const of = (q: number): number => {
    asked.push(q)
    return 1
  }
  expect([0.5, 0.8, 0.81, 1].map((q) => quantileWithLoss(of, q, 0.2, 9))).toEqual([1, 1, 9, 9])
  expect(asked.map((q) => q.toFixed(3))).toEqual(['0.625', '1.000'])
  expect([quantileWithLoss(of, 0.5, 1, 9), quantileWithLoss(of, 1, 0, 9)]).toEqual([9, 1])
})

it('percentileCurve ends at the maximum and leaves out percentiles that nothing stands behind', () => {
  const curve = percentileCurve(thousand)
  expect(curve.at(-1)).toEqual([100, 1000])
  expect(curve.map(([percent]) => percent)).toContain(99.9)
  expect(curve.map(([percent]) => percent)).not.toContain(99.99)
  expect(percentileCurve(new DelayCounts().report())).toEqual([])
})

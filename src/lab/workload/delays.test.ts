import { expect, it } from 'vitest'
import { delayMetrics, delayQuantile, percentileCurve } from './delays.js'
import { DelayCounts } from './guest-programs/delay-counts.js'

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

it('percentileCurve ends at the maximum and leaves out percentiles that nothing stands behind', () => {
  const curve = percentileCurve(thousand)
  expect(curve.at(-1)).toEqual([100, 1000])
  expect(curve.map(([percent]) => percent)).toContain(99.9)
  expect(curve.map(([percent]) => percent)).not.toContain(99.99)
  expect(percentileCurve(new DelayCounts().report())).toEqual([])
})

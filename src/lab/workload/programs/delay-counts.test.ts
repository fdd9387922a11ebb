import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DelayCounts } from './delay-counts.js'

it('DelayCounts keeps a value within 0.8 % whatever its size', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.5, max: 2e8, noNaN: true }), (us) => {
      const counts = new DelayCounts()
      counts.add(us)
      const { delays, maxUs, meanUs } = counts.report()
      expect([maxUs, meanUs, delays.length]).toEqual([us, us, 1])
      const [middle, count] = delays[0] as readonly [number, number]
      expect(count).toBe(1)
      // Up to 4 us the clock's sixteenth of a microsecond is the limit.
      expect(Math.abs(middle - us)).toBeLessThanOrEqual(Math.max(us * 0.008, 1 / 16))
    }),
  )
})

it('DelayCounts loses no value and reports in ascending order', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -5, max: 5e8, noNaN: true })), (values) => {
      const counts = new DelayCounts()
      for (const us of values) counts.add(us)
      const { count, delays } = counts.report()
      expect(count).toBe(values.length)
      expect(delays.reduce((sum, [, many]) => sum + many, 0)).toBe(values.length)
      expect(delays.map(([us]) => us)).toEqual(delays.map(([us]) => us).sort((a, b) => a - b))
    }),
  )
})

it('DelayCounts takes a negative delay as 0 and reports zeros when empty', () => {
  const counts = new DelayCounts()
  expect(counts.report()).toEqual({ count: 0, meanUs: 0, maxUs: 0, delays: [] })
  counts.add(-3)
  expect(counts.report()).toEqual({ count: 1, meanUs: 0, maxUs: 0, delays: [[0, 1]] })
})

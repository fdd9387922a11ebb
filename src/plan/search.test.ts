import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { largest, least, leastBetween } from './search.js'

describe('searches', () => {
  it('largest finds the bound, from wherever it starts, and asks little', () => {
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 300 }),
        (bound, most, start) => {
          let asked = 0
          const isTrue = (value: number): boolean => {
            asked++
            return value <= bound
          }
          expect(largest(isTrue, most, start)).toBe(Math.min(bound, most))
          expect(asked).toBeLessThanOrEqual(18)
        },
      ),
    )
  })

  it('least finds the first that is true, or none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 64 }), (bound, start) => {
        expect(least((value) => value >= bound, 64, start)).toBe(bound > 64 ? undefined : bound)
      }),
    )
  })

  it('leastBetween comes as near as asked, and never below the bound', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 2000, noNaN: true }), (bound) => {
        const found = leastBetween((value) => value >= bound, [10, 1000])
        if (bound > 1000) expect(found).toBeUndefined()
        else if (bound <= 10) expect(found).toBe(10)
        else expect(found! / bound).toSatisfy((part: number) => part >= 1 && part <= 1.05)
      }),
    )
  })
})

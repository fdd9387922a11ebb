import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fairShares } from './share.js'

describe('fairShares', () => {
  it('fairShares is max-min fair by weight when demands exceed the total', () => {
    expect(fairShares([0.1, 0.9, 0.9], [1, 1, 1], 0.9)).toEqual([0.1, 0.4, 0.4])
    expect(fairShares([0.9, 0.9], [3, 1], 0.8)[0]).toBeCloseTo(0.6, 12)
    expect(fairShares([0.9, 0.9], [3, 1], 0.8)[1]).toBeCloseTo(0.2, 12)
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (demands) => {
        const shares = fairShares(
          demands,
          demands.map(() => 1),
          0.7,
        )
        const sum = shares.reduce((a, b) => a + b, 0)
        expect(sum).toBeCloseTo(
          Math.min(
            0.7,
            demands.reduce((a, b) => a + b, 0),
          ),
          9,
        )
        const most = Math.max(...shares)
        // Whoever gets less than the most gets all it asks for.
        shares.forEach((share, i) => {
          if (share < most - 1e-9) expect(share).toBeCloseTo(demands[i]!, 12)
        })
      }),
    )
  })
})

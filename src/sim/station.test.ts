import { describe, expect, it } from 'vitest'
import { runStation } from './station.js'

/** Within this part of the exact mean: 400,000 customers, of whom neighbours wait alike. */
const NEAR = 0.04

describe('runStation', () => {
  it.each([
    0.3, 0.6, 0.8,
  ])('runStation meets the exact means of M/M/1 and M/D/1 when its use is %d', (use) => {
    const arrivals = { kind: 'exponential', meanNs: 1000 / use } as const
    const mm1 = runStation({ arrivals, service: { kind: 'exponential', meanNs: 1000 } }, 400_000, 3)
    expect(mm1.meanTimeNs / (1000 / (1 - use))).toBeCloseTo(1, 0)
    expect(Math.abs(mm1.meanTimeNs / (1000 / (1 - use)) - 1)).toBeLessThan(NEAR)
    const md1 = runStation({ arrivals, service: { kind: 'constant', meanNs: 1000 } }, 400_000, 3)
    // Pollaczek and Khinchine.
    const exactNs = 1000 + (use * 1000) / (2 * (1 - use))
    expect(Math.abs(md1.meanTimeNs / exactNs - 1)).toBeLessThan(NEAR)
    expect(Math.abs(md1.use - use)).toBeLessThan(0.01)
  })

  it('runStation says that the station is saturated when more comes than it serves', () => {
    const arrivals = { kind: 'constant', meanNs: 1 } as const
    expect(() => runStation({ arrivals, service: { kind: 'constant', meanNs: 1e6 } }, 1e9, 1)).toThrow(
      /saturated/,
    )
  })
})

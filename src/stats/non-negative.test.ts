import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nonNegativeFit } from './non-negative.js'
import { seededRandom } from './random.js'

const residualOf = (rows: readonly number[][], y: readonly number[], x: readonly number[]): number =>
  rows.reduce(
    (sum, row, at) => sum + (y[at]! - row.reduce((all, value, column) => all + value * x[column]!, 0)) ** 2,
    0,
  )

describe('nonNegativeFit', () => {
  it('nonNegativeFit finds the coefficients when data are without noise, whatever their units', () => {
    const random = seededRandom(3)
    const truth = [2e-6, 0, 3.5, 400]
    const rows = Array.from({ length: 12 }, () => [1e6, 1, 1, 1e-3].map((unit) => unit * random()))
    const y = rows.map((row) => row.reduce((sum, value, at) => sum + value * truth[at]!, 0))
    const { x, residual } = nonNegativeFit(rows, y)
    for (const [at, value] of truth.entries()) expect(x[at]).toBeCloseTo(value, 6)
    expect(residual).toBeLessThan(1e-12)
  })

  it('nonNegativeFit gives 0 where the ordinary solution is negative, and to a column of zeros', () => {
    // Ordinary least squares: 3 - x.
    const rows = [1, 2, 3].map((value) => [1, value, 0])
    const { x, covariance } = nonNegativeFit(rows, [2, 1, 0])
    expect(x).toEqual([1, 0, 0].map((value) => expect.closeTo(value, 9)))
    expect(covariance[1]).toEqual([0, 0, 0])
  })

  it('nonNegativeFit has the covariance of ordinary least squares when nothing is negative', () => {
    // By hand: slope through (1, 1), (2, 3), (3, 4): 19 / 14; residual 26 - 361 / 14; variance residual / 2 / 14.
    const { x, residual, covariance } = nonNegativeFit([[1], [2], [3]], [1, 3, 4])
    expect(x[0]).toBeCloseTo(19 / 14, 12)
    expect(residual).toBeCloseTo(26 - 361 / 14, 12)
    expect(covariance[0]![0]).toBeCloseTo((26 - 361 / 14) / 2 / 14, 12)
  })

  it('nonNegativeFit is no worse than any neighbour that is not negative', () => {
    const number = fc.integer({ min: -5, max: 5 })
    const row = fc.array(number, { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 4, maxLength: 8 }),
        fc.array(number, { minLength: 8, maxLength: 8 }),
        (rows, y) => {
          const { x } = nonNegativeFit(rows, y.slice(0, rows.length))
          const least = residualOf(rows, y, x)
          for (const column of [0, 1, 2])
            for (const step of [-0.01, 0.01]) {
              const other = x.map((value, at) => (at === column ? Math.max(0, value + step) : value))
              expect(residualOf(rows, y, other)).toBeGreaterThanOrEqual(least - 1e-6 * (1 + least))
            }
        },
      ),
      { numRuns: 50, seed: 11 },
    )
  })
})

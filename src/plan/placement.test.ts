import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Kept, type Placement, place, shareKept } from './placement.js'

/** All placements of VMs on hosts of two. */
function allPairs(vms: readonly number[]): Placement[] {
  if (vms.length === 0) return [[]]
  const [first, ...rest] = vms
  return rest.flatMap((other, at) =>
    allPairs(rest.filter((_, index) => index !== at)).map((placement) => [[first!, other], ...placement]),
  )
}

const matrix = (size: number): fc.Arbitrary<Kept> =>
  fc.array(fc.array(fc.double({ min: 0.1, max: 1.2, noNaN: true }), { minLength: size, maxLength: size }), {
    minLength: size,
    maxLength: size,
  })

describe('place', () => {
  it('place finds the best and the worst of all placements of up to eight VMs', () => {
    fc.assert(
      fc.property(matrix(4), fc.array(fc.nat(3), { minLength: 2, maxLength: 8 }), (kept, drawn) => {
        const vms = drawn.length % 2 === 0 ? drawn : drawn.slice(1)
        const shares = allPairs(vms).map((placement) => shareKept(placement, kept))
        const { best, worst } = place(vms, 2, kept, 1)
        expect(shareKept(best, kept)).toBeCloseTo(Math.max(...shares), 9)
        expect(shareKept(worst, kept)).toBeCloseTo(Math.min(...shares), 9)
        expect(best.flat().sort()).toEqual([...vms].sort())
      }),
      { numRuns: 40 },
    )
  })

  it('place gives the same for the same seed, and every VM a place where hosts are not full', () => {
    const kept = [
      [0.5, 0.9],
      [0.8, 1],
    ]
    const once = place([0, 0, 1, 1, 0], 3, kept, 7)
    expect(place([0, 0, 1, 1, 0], 3, kept, 7)).toEqual(once)
    expect(once.best.map((host) => host.length)).toEqual([3, 2])
  })

  it('shareKept leaves out VMs without a figure and takes what was not measured for harmless', () => {
    const kept = [
      [Number.NaN, 0.5],
      [Number.NaN, Number.NaN],
    ]
    expect(shareKept([[0, 1]], kept)).toBe(0.5)
    expect(shareKept([[0, 0]], kept)).toBe(1)
    expect(shareKept([[1, 1]], kept)).toBeNaN()
  })
})

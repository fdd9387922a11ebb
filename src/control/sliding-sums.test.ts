import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlidingSums } from './sliding-sums.js'

describe('SlidingSums', () => {
  it('sums has what was added in the steps of the window, and nothing else', () => {
    const added = fc.array(fc.tuple(fc.integer({ min: 0, max: 4_000 }), fc.nat(1_000)), { maxLength: 60 })
    fc.assert(
      fc.property(added, (steps) => {
        const sums = new SlidingSums(1, 1_000, 5)
        const all: [number, number][] = []
        let now = 0
        for (const [passedMs, value] of steps) {
          now += passedMs
          all.push([Math.floor(now / 1_000), value])
          sums.add(now, [value])
          const oldest = Math.floor(now / 1_000) - 4
          const expected = all.reduce((sum, [step, each]) => sum + (step >= oldest ? each : 0), 0)
          expect(sums.sums[0]).toBe(expected)
        }
      }),
    )
  })

  it('clear forgets all when a load begins anew', () => {
    const sums = new SlidingSums(2, 1_000, 3)
    sums.add(0, [1, 2])
    sums.add(1_000, [3, 4])
    sums.clear()
    sums.add(2_000, [5, 6])
    expect([...sums.sums]).toEqual([5, 6])
    sums.add(5_000, [0, 0])
    expect([...sums.sums]).toEqual([0, 0])
  })
})

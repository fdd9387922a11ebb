import { describe, expect, it } from 'vitest'
import { shareBeside } from './xen-warm-up.js'

const times = (atS: number, ...usedS: number[]) => ({
  atS,
  usedNs: new Map(usedS.map((s, thread) => [thread, s * 1e9])),
})

describe('shareBeside', () => {
  it('shareBeside leaves the busiest thread out, and counts threads that are new', () => {
    expect(shareBeside(times(10, 5, 1), times(12, 6.5, 1.2))).toBeCloseTo(0.1)
    expect(shareBeside(times(10, 5, 1), times(12, 6.5, 1.2, 0.4))).toBeCloseTo(0.3)
  })

  it('shareBeside is nothing when only one thread works, or none', () => {
    expect(shareBeside(times(10, 5, 1), times(12, 7, 1))).toBe(0)
    expect(shareBeside(times(10, 5, 1), times(12, 5, 1))).toBe(0)
  })
})

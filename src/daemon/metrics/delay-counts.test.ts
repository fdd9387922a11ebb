import { describe, expect, it } from 'vitest'
import type { PortDelays } from '../../core/delays.js'
import { bucketStart, newCounts, record, TICKS_PER_US } from '../../core/histogram.js'
import { cumulated, DELAY_BOUNDS_US, DelayCounts } from './delay-counts.js'

/** Delays of a port: as many frames at so many microseconds. */
function delays(frames: number, us: number): PortDelays {
  const counts = newCounts()
  record(counts, us)
  const scaled = counts.map((count) => (count * frames) >>> 0)
  return { hold: scaled, queue: scaled, total: scaled }
}

const framesOf = (counts: Float64Array): number => counts.reduce((sum, count) => sum + count, 0)

describe('DelayCounts', () => {
  it('goes on when a word of the plane wraps', () => {
    const counts = new DelayCounts()
    counts.add('g1', delays(2 ** 32 - 10, 3), 2 ** 32 - 10)
    expect(framesOf(counts.add('g1', delays(2 ** 32 + 20, 3), 2 ** 32 + 20).total)).toBe(2 ** 32 + 20)
  })

  it('begins again when a port was removed and another of its name added', () => {
    const counts = new DelayCounts()
    counts.add('g1', delays(1_000_000, 3), 1_000_000)
    expect(framesOf(counts.add('g1', delays(5, 3), 5).total)).toBe(5)
    // One that has carried more than the one before, with other delays.
    expect(framesOf(counts.add('g1', delays(70, 900), 70).total)).toBe(70)
    counts.keep([])
    expect(framesOf(counts.add('g1', delays(7, 3), 7).total)).toBe(7)
  })
})

describe('cumulated', () => {
  it('has bounds that are edges of the plane', () => {
    const edges = new Set(Array.from({ length: newCounts().length }, (_, bucket) => bucketStart(bucket)))
    expect(DELAY_BOUNDS_US.filter((us) => !edges.has(us * TICKS_PER_US))).toEqual([])
  })

  it('counts each frame at and above its bound', () => {
    const { total } = new DelayCounts().add('g1', delays(4, 30), 4)
    const { upTo, count, sum } = cumulated(total)
    expect(upTo).toEqual(DELAY_BOUNDS_US.map((us) => (us > 30 ? 4 : 0)))
    expect(count).toBe(4)
    expect(Math.abs(sum / (4 * 30e-6) - 1)).toBeLessThan(0.032)
  })
})

import { describe, expect, it } from 'vitest'
import type { DelayBucket } from './api.js'
import { DelayReadings, framesBeyond, logBars } from './delay-histogram.js'

const bucket = (fromUs: number, total: number): DelayBucket => ({
  fromUs,
  toUs: fromUs + 1,
  total,
  queue: 0,
  hold: 0,
})

describe('DelayReadings', () => {
  it('window has what came in the last 10 s when there are older readings', () => {
    const readings = new DelayReadings()
    for (let second = 0; second <= 30; second++)
      readings.add(second, [bucket(100, second * 5), bucket(200, 7)])
    expect(readings.window()).toEqual([{ fromUs: 100, toUs: 101, frames: 50 }])
  })

  it('window counts on when counts wrap, and begins again when they have begun again', () => {
    const readings = new DelayReadings()
    readings.add(0, [bucket(100, 2 ** 32 - 2)])
    readings.add(1, [bucket(100, 3)])
    expect(readings.window()).toEqual([{ fromUs: 100, toUs: 101, frames: 5 }])
    readings.clear()
    readings.add(0, [bucket(100, 5_000)])
    readings.add(1, [bucket(100, 3)])
    expect(readings.window()).toEqual([])
    readings.add(2, [bucket(100, 9)])
    expect(readings.window()).toEqual([{ fromUs: 100, toUs: 101, frames: 6 }])
  })
})

describe('logBars', () => {
  const bars = [
    { fromUs: 1, toUs: 1.1, frames: 3 },
    { fromUs: 1.1, toUs: 1.2, frames: 4 },
    { fromUs: 16, toUs: 17, frames: 5 },
  ]

  it('logBars keeps every frame, and has no gap between the first and the last bar', () => {
    const shown = logBars(bars)
    expect(shown.reduce((all, { frames }) => all + frames, 0)).toBe(12)
    expect(shown).toHaveLength(17)
    for (const [at, { toUs }] of shown.slice(0, -1).entries()) expect(shown[at + 1]?.fromUs).toBe(toUs)
    expect(logBars([])).toEqual([])
  })

  it('framesBeyond takes a bucket at its middle', () => {
    expect(framesBeyond(bars, 16.4)).toBe(5)
    expect(framesBeyond(bars, 16.6)).toBe(0)
  })
})

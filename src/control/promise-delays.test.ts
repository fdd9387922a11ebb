import { describe, expect, it } from 'vitest'
import { newCounts, record } from '../core/histogram.js'
import { DelayWindow, delaysBetween, framesBeyond } from './promise-delays.js'

function counted(...delays: readonly (readonly [us: number, frames: number])[]): Uint32Array {
  const counts = newCounts()
  for (const [us, frames] of delays) for (let i = 0; i < frames; i++) record(counts, us)
  return counts
}

describe('delaysBetween', () => {
  it('delaysBetween counts on when a count has wrapped', () => {
    const [before, now] = [newCounts(), newCounts()]
    before[40] = 0xffffffff - 9
    now[40] = 15
    expect(delaysBetween(before, now)?.[40]).toBe(25)
  })

  it('delaysBetween is undefined when the histogram has begun again', () => {
    expect(delaysBetween(counted([50, 400]), counted([50, 3]))).toBeUndefined()
    expect(delaysBetween(counted([50, 400]), newCounts())).toBeUndefined()
  })
})

describe('framesBeyond', () => {
  it('framesBeyond counts the bucket of a time as a p99 does', () => {
    const counts = counted([100, 7], [300, 2])
    expect(framesBeyond(counts, 200)).toBe(2)
    expect(framesBeyond(counts, 90)).toBe(9)
    expect(framesBeyond(counts, 290)).toBe(2)
    expect(framesBeyond(counts, 310)).toBe(0)
  })
})

describe('DelayWindow', () => {
  it('summary has p50, p99 and the share within the target, until the frames leave the window', () => {
    const window = new DelayWindow(1_000, 10)
    expect(window.summary(200)).toEqual({ frames: 0, p50Us: null, p99Us: null, withinShare: null })
    window.add(0, counted([100, 98], [900, 2]))
    const { p50Us, p99Us, ...rest } = window.summary(200)
    expect(rest).toEqual({ frames: 100, withinShare: 0.98 })
    expect(p50Us).toBeGreaterThan(96)
    expect(p50Us).toBeLessThan(104)
    expect(p99Us).toBeGreaterThan(870)
    window.add(9_999, counted([100, 100]))
    expect(window.summary(200)).toMatchObject({ frames: 200, withinShare: 0.99 })
    window.add(10_000, newCounts())
    expect(window.summary(200)).toMatchObject({ frames: 100, withinShare: 1 })
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PEAK_DEPTH_BYTES } from '../../src/port/rate-limits.js'
import { RateLimiter } from '../model/rate-limiter.js'

const frames = fc.array(
  fc.record({
    gapUs: fc.integer({ min: 0, max: 200_000 }),
    bytes: fc.integer({ min: 60, max: PEAK_DEPTH_BYTES }),
  }),
  { minLength: 1, maxLength: 200 },
)

describe('RateLimiter', () => {
  it('admit never passes more than rate x t + depth + one frame when frames come at random', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 50_000 }), (arrivals, averageKiB) => {
        const limits = { averageKiB, peakKiB: averageKiB * 3, burstKiB: 100 }
        const limiter = new RateLimiter(limits, 0)
        const passed: [number, number][] = []
        let nowUs = 0
        for (const { gapUs, bytes } of arrivals) {
          nowUs += gapUs
          if (limiter.admit(bytes, nowUs)) passed.push([nowUs, bytes])
        }
        for (let from = 0; from < passed.length; from += 7) {
          let bytes = 0
          for (let to = from; to < passed.length; to++) {
            bytes += passed[to]![1]
            const seconds = (passed[to]![0] - passed[from]![0]) / 1e6
            expect(bytes).toBeLessThanOrEqual(averageKiB * 1024 * seconds + 100 * 1024 + PEAK_DEPTH_BYTES)
            expect(bytes).toBeLessThanOrEqual(averageKiB * 3072 * seconds + 2 * PEAK_DEPTH_BYTES)
          }
        }
      }),
    )
  })

  it('admit gives the whole average over time when more is offered', () => {
    const limiter = new RateLimiter({ averageKiB: 1000, burstKiB: 64 }, 0)
    let bytes = 0
    for (let nowUs = 0; nowUs < 10_000_000; nowUs += 700) if (limiter.admit(1514, nowUs)) bytes += 1514
    expect(bytes / (1000 * 1024 * 10)).toBeGreaterThan(0.998)
    expect(bytes).toBeLessThanOrEqual(1000 * 1024 * 10 + 64 * 1024 + 1514)
  })

  it('admit keeps exact count of tokens when a bucket fills in tiny steps', () => {
    const limiter = new RateLimiter({ framesPerSecond: 3 }, 0)
    expect(limiter.admit(60, 0)).toBe(true)
    let early = 0
    for (let nowUs = 1; nowUs < 333_334; nowUs++) if (limiter.admit(60, nowUs)) early++
    expect(early).toBe(0)
    expect(limiter.admit(60, 333_334)).toBe(true)
  })

  it('admit takes nothing from any bucket when one of them is in debt', () => {
    const limiter = new RateLimiter({ averageKiB: 100, burstKiB: 50, framesPerSecond: 10 }, 0)
    expect(limiter.admit(60_000, 0)).toBe(true)
    expect(limiter.admit(60_000, 1)).toBe(false)
    expect(limiter.admit(60, 99_999)).toBe(false)
    expect(limiter.admit(60, 100_000)).toBe(true)
    const unlimited = new RateLimiter({}, 0)
    expect(unlimited.admit(60_000, 0)).toBe(true)
    expect(unlimited.admit(60_000, 0)).toBe(true)
  })

  it.each([
    [{ averageKiB: 1000, peakKiB: 1000 }, 1024e3],
    [{ averageKiB: 1000, burstKiB: 1 }, 1024e3],
    [{ peakKiB: 1000 }, 1024e3],
    [{ framesPerSecond: 1000 }, 1000 * 1448],
  ])('mayGo gives the whole rate to super-frames that wait when %j is served milliseconds late', (limits, rate) => {
    const limiter = new RateLimiter(limits, 0)
    let bytes = 0
    for (let nowUs = 0; nowUs < 10_000_000; nowUs += 9_973)
      while (limiter.mayGo(nowUs)) {
        limiter.charge(65_160, 45)
        bytes += 65_160
      }
    expect(bytes / (rate * 10)).toBeGreaterThan(0.98)
    expect(bytes / (rate * 10)).toBeLessThan(1.03)
  })

  it('waitsNoMore gives up the tokens beyond the depth', () => {
    const limiter = new RateLimiter({ framesPerSecond: 1000 }, 0)
    limiter.charge(60, 101)
    expect(limiter.mayGo(0)).toBe(false)
    limiter.waitsNoMore()
    let passed = 0
    while (limiter.admit(60, 1_000_000)) passed++
    expect(passed).toBe(100)
  })

  it('admit survives a clock that stands still for years when the rate is large', () => {
    const limiter = new RateLimiter({ averageKiB: 12_000_000 }, 0)
    expect(limiter.admit(PEAK_DEPTH_BYTES, 3e14)).toBe(true)
    expect(limiter.admit(PEAK_DEPTH_BYTES, 3e14)).toBe(true)
  })
})

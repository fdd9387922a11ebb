import { describe, expect, it } from 'vitest'
import { Streams } from './streams.js'

const draw = (seed: number, name: string, count: number): number[] => {
  const stream = new Streams(seed).stream(name)
  return Array.from({ length: count }, () => stream.uniform())
}

describe('Streams', () => {
  it('stream gives the same numbers for the same seed and name, others for another', () => {
    expect(draw(7, 'arrivals', 100)).toEqual(draw(7, 'arrivals', 100))
    for (const [seed, name] of [
      [8, 'arrivals'],
      [7 + 2 ** 32, 'arrivals'],
      [7, 'arrivalt'],
      [7, ''],
    ] as const)
      expect(draw(7, 'arrivals', 3)).not.toEqual(draw(seed, name, 3))
  })

  it('uniform spreads evenly, and streams of neighbouring seeds and names have nothing in common', () => {
    const count = 20_000
    const names = [
      [1, 'a'],
      [2, 'a'],
      [1, 'b'],
      [1, 'a/x'],
    ] as const
    const drawn = names.map(([seed, name]) => draw(seed, name, count))
    for (const values of drawn) {
      const buckets = new Array<number>(20).fill(0)
      for (const value of values) buckets[Math.floor(value * 20)]!++
      const chiSquare = buckets.reduce((sum, got) => sum + (got - count / 20) ** 2 / (count / 20), 0)
      // 19 degrees of freedom: beyond 50 once in ten thousand.
      expect(chiSquare).toBeLessThan(50)
    }
    for (const [at, one] of drawn.entries())
      for (const other of drawn.slice(at + 1)) {
        const product = one.reduce((sum, value, place) => sum + (value - 0.5) * (other[place]! - 0.5), 0)
        // The correlation of independent streams: six standard deviations.
        expect(Math.abs((product * 12) / count)).toBeLessThan(6 / Math.sqrt(count))
      }
  })
})

import { describe, expect, it } from 'vitest'
import { warmUpLength } from './mser.js'
import { seededRandom } from './random.js'

const noise = (count: number, level: (at: number) => number): number[] => {
  const random = seededRandom(5)
  return Array.from({ length: count }, (_, at) => level(at) + random() - 0.5)
}

describe('warmUpLength', () => {
  it('warmUpLength cuts off the beginning that is unlike the rest, and no more than a little of what is alike', () => {
    expect(warmUpLength(noise(1000, (at) => (at < 200 ? at / 20 : 10)))).toBeGreaterThanOrEqual(190)
    expect(warmUpLength(noise(1000, (at) => (at < 200 ? at / 20 : 10)))).toBeLessThan(300)
    expect(warmUpLength(noise(1000, () => 3))).toBeLessThan(200)
    expect(warmUpLength(new Array(100).fill(4))).toBe(0)
  })

  it('warmUpLength is undefined when the series has not settled or is too short', () => {
    expect(warmUpLength(noise(1000, (at) => at))).toBeUndefined()
    expect(warmUpLength([1, 2, 3, 4])).toBeUndefined()
  })
})

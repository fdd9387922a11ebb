import { describe, expect, it } from 'vitest'
import { delaysSince, readDelays } from './delays.js'
import { bucketOf, histogramQuantile, TICKS_PER_US, total } from './histogram.js'
import { P_HISTOGRAM_HOLD, P_HISTOGRAM_QUEUE, P_HISTOGRAM_TOTAL, PORT_BYTES, PORTS_AT } from './layout.js'

const INDEX = 3
const PLACES = { hold: P_HISTOGRAM_HOLD, queue: P_HISTOGRAM_QUEUE, total: P_HISTOGRAM_TOTAL }

function memoryWith(counts: Partial<Record<keyof typeof PLACES, Record<number, number>>>): BigUint64Array {
  const words = new BigUint64Array((PORTS_AT + (INDEX + 1) * PORT_BYTES) / 8)
  const view = new DataView(words.buffer)
  for (const [name, buckets] of Object.entries(counts))
    for (const [us, frames] of Object.entries(buckets)) {
      const bucket = bucketOf(Number(us) * TICKS_PER_US)
      view.setUint32(
        PORTS_AT + INDEX * PORT_BYTES + PLACES[name as keyof typeof PLACES] + bucket * 4,
        frames,
        true,
      )
    }
  return words
}

describe('readDelays', () => {
  it("readDelays returns each histogram of the port's own row", () => {
    const memory = memoryWith({ hold: { 100: 5 }, queue: { 7: 2 }, total: { 107: 9 } })
    const delays = readDelays(memory, INDEX)
    expect([delays.hold, delays.queue, delays.total].map(total)).toEqual([5, 2, 9])
    expect(histogramQuantile(delays.hold, 0.5) / 100).toBeCloseTo(1, 1)
    expect(histogramQuantile(delays.queue, 0.5) / 7).toBeCloseTo(1, 1)
    expect(total(readDelays(memory, INDEX - 1).total)).toBe(0)
  })

  it('delaysSince counts what came between two readings when a counter has wrapped', () => {
    const before = readDelays(memoryWith({ total: { 50: 0xffff_fffe } }), INDEX)
    const now = readDelays(memoryWith({ total: { 50: 3 }, hold: { 20: 1 } }), INDEX)
    const delta = delaysSince(now, before)
    expect([total(delta.total), total(delta.hold), total(delta.queue)]).toEqual([5, 1, 0])
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { PLAIN, start, stopGuests } from '../model/guest.js'
import { broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const BURST = 256
const CHUNK = 32_768
const CHUNKS = 9
/**
 * The least that V8 allocates is a boxed number. Some are boxed in a turn, of a dozen frames here: how many hangs on what the
 * compiler inlines, and on when it does.
 */
const LEAST_OBJECT_BYTES = 16
/** Until the loop is compiled: before that every number with a fraction is boxed. */
const WARM_UP = 64 * CHUNK

describe('the steady state', () => {
  it('allocates no object per frame', () => {
    const engine = newEngine({ memoryBytes: 128 * 2 ** 20 })
    const b = start(engine, 'b', { features: PLAIN, ringSize: 1024 })
    const senders = [1, 3, 4, 5].map((address) => {
      const guest = start(engine, `s${address}`, { features: PLAIN, ringSize: 256 })
      guest.driver.prepareTx([frame(2, address, 64)])
      return guest
    })
    b.driver.send(broadcast(2))
    engine.step()
    const carry = (frames: number): void => {
      const end = b.driver.rxFrames + frames
      while (b.driver.rxFrames < end) {
        for (const sender of senders) sender.driver.sendPrepared(BURST)
        engine.step()
        b.driver.drainRx(true)
      }
    }
    carry(WARM_UP)
    const perFrame: number[] = []
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const before = process.memoryUsage().heapUsed
      carry(CHUNK)
      perFrame.push((process.memoryUsage().heapUsed - before) / CHUNK)
    }
    // A collection within a chunk makes its figure negative: the median is of chunks without one.
    const clean = perFrame.filter((bytes) => bytes >= 0).sort((x, y) => x - y)
    expect(clean.length).toBeGreaterThan(CHUNKS / 2)
    expect(clean[clean.length >> 1]).toBeLessThan(LEAST_OBJECT_BYTES / 4)
    expect(b.driver.rxFrames).toBeGreaterThanOrEqual(CHUNKS * CHUNK + WARM_UP)
  })
})

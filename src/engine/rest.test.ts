import { afterEach, describe, expect, it } from 'vitest'
import { EVENT_LIMIT_MS } from '../../test/support/step-until.js'
import { attach, cleanUp, decisionsOf, frame, newEngine } from '../../test/support/switch.js'

afterEach(cleanUp)

const BURST = 16

/** A frame that may wait: the switch takes it for UDP over IPv4. */
function datagram(): Uint8Array {
  const data = frame(2, 1, 64)
  data.set([0x08, 0x00, 0x45], 12)
  data[23] = 17
  return data
}

/** Two guests under a budget that no load can keep, driven until the engine rests between its polls. */
function resting() {
  const engine = newEngine({ policy: { name: 'adaptive' }, budget: 0.001 })
  const a = attach(engine, 'a')
  const b = attach(engine, 'b')
  b.driver.send(frame(1, 2, 60))
  engine.step()
  const drain = (): number => {
    let frames = 0
    for (let got = b.driver.receive(); got; got = b.driver.receive()) frames++
    return frames
  }
  const send = (): void => {
    for (let at = 0; at < BURST; at++) a.driver.enqueue(datagram())
    a.driver.publish(1)
  }
  // A bound of hangs, by the clock of the day: the other one jumps when it stands for interruptions.
  for (const endMs = Date.now() + EVENT_LIMIT_MS; engine.inForce.restUs === 0; ) {
    if (Date.now() > endMs) throw new Error('it never rests')
    send()
    engine.step(20)
    drain()
  }
  return { engine, send, drain }
}

describe('an engine that rests', () => {
  it('asks no guest for kicks and finds what was sent all the same, by the next poll', () => {
    const { engine, send, drain } = resting()
    expect(engine.inForce.restUs).toBeGreaterThan(0)
    expect(engine.inForce.restUs).toBeLessThanOrEqual(500)
    for (let round = 0; round < 50; round++) {
      send()
      let got = 0
      // One poll takes the burst; a hold may keep its publication for the steps after it.
      for (let steps = 0; steps < 1000 && got < BURST; steps++) {
        engine.step(1_000)
        got += drain()
      }
      expect(got).toBe(BURST)
    }
  })

  it('tells that it does in its decisions', () => {
    const { engine } = resting()
    const last = decisionsOf(engine).at(-1)
    expect(last?.restUs).toBe(engine.inForce.restUs)
    expect(last?.figures.restUs).toBe(engine.inForce.restUs)
    expect(last?.vifs.every(({ figures }) => figures.delayUs! >= last.restUs)).toBe(true)
  })

  it('is told of every frame again when the policy changes', () => {
    const { engine } = resting()
    engine.tune({ policy: { name: 'natural' } })
    expect(engine.inForce.restUs).toBe(0)
    expect(engine.inForce.workUs).toBe(Number.POSITIVE_INFINITY)
  })
})

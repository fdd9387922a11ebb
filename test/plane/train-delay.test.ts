import { afterEach, describe, expect, it } from 'vitest'
import { readDelays } from '../../src/core/delays.js'
import { Globals } from '../../src/core/globals.js'
import { histogramQuantile, total } from '../../src/core/histogram.js'
import { G_NOW_US, G_WOKE_US } from '../../src/core/layout.js'
import { attach, cleanUp, frame, newEngine } from '../support/switch.js'

const BURST = 64
const STEP_US = 100
/** Far from what the real clock says. */
const START_US = 1e12

afterEach(cleanUp)

/** A sender, a receiver, and polls of the sender's port STEP_US apart: truth is known, as no clock but this one goes. */
function modelled(settings: { readonly fromVm?: { readonly framesPerSecond: number } } = {}) {
  const engine = newEngine({ memoryBytes: 2 ** 29 })
  const sizes = { ringSize: 1024, txSlotBytes: 2048 }
  const a = attach(engine, 'a', sizes, settings)
  const b = attach(engine, 'b', sizes)
  const globals = new Globals(engine.memory)
  globals.setF64(G_WOKE_US, 0)
  let now = START_US
  const poll = (): number => {
    now += STEP_US
    globals.setF64(G_NOW_US, now)
    return engine.plane.poll(0, BURST)
  }
  const send = (frames: number): void => {
    for (let i = 0; i < frames; i++) a.driver.enqueue(frame(2, 1, 60))
    a.driver.publish(1)
  }
  // The receiver is known, and the first poll has been.
  b.driver.send(frame(1, 2, 60))
  globals.setF64(G_NOW_US, now)
  engine.plane.poll(1, BURST)
  poll()
  /** Delay before the switch came to them of the frames since the last call, in steps, with how many. */
  let before = readDelays(engine.memory.u64, 1).queue
  const waited = (): [steps: number, frames: number][] => {
    const now = readDelays(engine.memory.u64, 1).queue
    const counts = now.map((count, bucket) => count - (before[bucket] as number))
    before = now
    return [...counts].flatMap((frames, bucket): [number, number][] => {
      if (frames === 0) return []
      const one = new Uint32Array(counts.length)
      one[bucket] = frames
      return [[Math.round(histogramQuantile(one, 0.5) / STEP_US), total(one)]]
    })
  }
  return { poll, send, waited, driver: a.driver }
}

describe('delay before the switch', () => {
  it('counts from the poll before the first that saw a train, for each of the bursts that the train takes', () => {
    const { poll, send, waited } = modelled()
    send(300)
    expect([poll(), poll(), poll(), poll(), poll(), poll()]).toEqual([64, 64, 64, 64, 44, 0])
    expect(waited()).toEqual([
      [1, 64],
      [2, 64],
      [3, 64],
      [4, 64],
      [5, 44],
    ])
    // What comes then was not seen before.
    send(3)
    poll()
    expect(waited()).toEqual([[1, 3]])
  })

  it('counts frames that come behind a train from when they were first seen, not from when the train was', () => {
    const { poll, send, waited } = modelled()
    send(100)
    poll()
    waited()
    // 36 are left; 80 more come.
    send(80)
    expect(poll()).toBe(64)
    expect(waited()).toEqual([[2, 64]])
    expect(poll()).toBe(52)
    expect(waited()).toEqual([[2, 52]])
    expect(poll()).toBe(0)
  })

  it('shows a ring that is never empty the time that it takes to go through it, at its p99', () => {
    const { poll, send, waited, driver } = modelled()
    send(4 * BURST)
    for (let turn = 0; turn < 40; turn++) {
      poll()
      driver.reapTx()
      send(BURST)
    }
    const seen = waited()
    const most = Math.max(...seen.map(([steps]) => steps))
    expect(most).toBeGreaterThanOrEqual(4)
    expect(most).toBeLessThanOrEqual(5)
  })

  it('does not count what the rate limit of the sender keeps in its own ring', () => {
    const { poll, send, waited } = modelled({ fromVm: { framesPerSecond: 1_000_000 } })
    send(300)
    for (let turn = 0; turn < 30; turn++) poll()
    expect(waited().every(([steps]) => steps === 1)).toBe(true)
  })
})

import { describe, expect, it } from 'vitest'
import { EventList } from './event-list.js'
import { Processors } from './processors.js'
import type { Work } from './scheduler.js'
import { FairScheduler } from './scheduler-fair.js'

const MS = 1_000_000

/** Two processors, of which the first one is looked at: threads on it. */
function machine() {
  const events = new EventList()
  const processors = new Processors(events, new FairScheduler(2), { cores: 2, switchNs: 0, wakeNs: 1000 })
  return { events, processors }
}

/** A thread that works as long as it is let, in units. */
const hog = (name: string, weight: number, unitNs: number): Work => ({
  ...{ name, weight, cap: 0, cores: [0], begin: () => unitNs, end: () => undefined },
})

describe('FairScheduler', () => {
  it('FairScheduler gives threads that never sleep the processor by weight', () => {
    const { events, processors } = machine()
    const threads = [1, 2, 5].map((weight) => processors.add(hog(`weight ${weight}`, weight, 50_000)))
    for (const thread of threads) processors.wake(thread, 0)
    events.run(4000 * MS)
    const shares = threads.map(({ usedNs }) => usedNs / (4000 * MS))
    for (const [at, weight] of [1, 2, 5].entries())
      expect(Math.abs(shares[at]! - weight / 8)).toBeLessThan(0.01)
  })

  it('FairScheduler lets one that had less than its share run as soon as it is woken', () => {
    const { events, processors } = machine()
    const busy = processors.add(hog('busy', 1, 10_000))
    let left = 0
    const waits: number[] = []
    let wokenNs = 0
    const late: Work = {
      ...{ name: 'late', weight: 1, cap: 0, cores: [0] },
      begin: (nowNs) => {
        if (left > 0) waits.push(nowNs - wokenNs)
        return left
      },
      end: () => {
        left = 0
      },
    }
    const thread = processors.add(late)
    const again = events.register((_, nowNs) => {
      left = 100_000
      wokenNs = nowNs
      processors.wake(thread, nowNs)
      events.schedule(nowNs + 10 * MS, again, 0)
    })
    processors.wake(busy, 0)
    events.schedule(5 * MS, again, 0)
    events.run(1000 * MS)
    // It waits for a tick once, is behind then, and goes first until it has caught up: at the end of a unit.
    expect(waits).toHaveLength(100)
    expect(waits.filter((ns) => ns <= 1000 + 10_000).length).toBeGreaterThan(95)
    expect(Math.max(...waits)).toBeLessThan(6 * MS)
  })

  it('FairScheduler has a caller and the one that it calls change places call by call, and for a tick now and then not', () => {
    const { events, processors } = machine()
    // As a switch that publishes frame by frame: it calls whoever sleeps, and works on.
    let queued = 0
    const [CALL_NS, ANSWER_NS] = [5000, 5200]
    const callee: Work = {
      ...{ name: 'callee', weight: 1, cap: 0, cores: [0] },
      begin: () => (queued > 0 ? ANSWER_NS : 0),
      end: () => {
        queued = 0
      },
    }
    const receiver = processors.add(callee)
    let calls = 0
    let longestNs = 0
    let calledNs = 0
    const caller: Work = {
      ...{ name: 'caller', weight: 1, cap: 0, cores: [0] },
      begin: () => (queued > 0 ? 100 : CALL_NS),
      end: (nowNs) => {
        if (queued++ > 0) {
          longestNs = Math.max(longestNs, nowNs - calledNs)
          return
        }
        calls++
        calledNs = nowNs
        processors.wake(receiver, nowNs)
      },
    }
    processors.wake(processors.add(caller), 0)
    events.run(1000 * MS)
    // Without stretches in which nobody yields there would be a call in 10.2 us.
    expect(calls / 98_000).toBeGreaterThan(0.4)
    expect(calls / 98_000).toBeLessThan(0.9)
    expect(longestNs).toBeGreaterThan(1 * MS)
    // A tick, and what is left of a slice at the one before.
    expect(longestNs).toBeLessThan(6 * MS)
    expect(receiver.usedNs / (1000 * MS)).toBeGreaterThan(0.25)
  })

  it.each([
    ['waits until its caller sleeps, where it works longer than that takes', 5000, 8000, 0],
    ['goes first in one call of two, where it works half as long', 11_000, 5000, 0.5],
  ])('FairScheduler: who is called by one that has just woken %s', (_, afterNs, worksNs, atOnce) => {
    const { events, processors } = machine()
    const [CALLS, PERIOD_NS, BEFORE_NS] = [60, 100_000, 10_000]
    let wokenNs = 0
    let hasCall = false
    const waits: number[] = []
    const callee = processors.add({
      ...{ name: 'callee', weight: 1, cap: 0, cores: [0] },
      begin: (nowNs) => {
        if (hasCall) waits.push(nowNs - wokenNs)
        return hasCall ? worksNs : 0
      },
      end: () => {
        hasCall = false
      },
    })
    const parts: number[] = []
    const caller = processors.add({
      ...{ name: 'caller', weight: 1, cap: 0, cores: [0] },
      begin: () => parts[0] ?? 0,
      end: (nowNs) => {
        if (parts.shift() !== BEFORE_NS) return
        hasCall = true
        wokenNs = nowNs
        processors.wake(callee, nowNs)
      },
    })
    const again = events.register((left, nowNs) => {
      parts.push(BEFORE_NS, afterNs)
      processors.wake(caller, nowNs)
      if (left > 1) events.schedule(nowNs + PERIOD_NS, again, left - 1)
    })
    events.schedule(0, again, CALLS)
    events.run(CALLS * PERIOD_NS)
    expect(waits).toHaveLength(CALLS)
    expect(waits.filter((ns) => ns !== 0 && ns !== afterNs)).toEqual([])
    expect(Math.abs(waits.filter((ns) => ns === 0).length / CALLS - atOnce)).toBeLessThan(0.2)
  })
})

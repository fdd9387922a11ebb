import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventList } from './event-list.js'

describe('EventList', () => {
  it('run calls events by time, those of one time as they were scheduled', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 3000 }), (times) => {
        const events = new EventList()
        const seen: [number, number][] = []
        const note = events.register((argument, nowNs) => seen.push([nowNs, argument]))
        for (const [at, timeNs] of times.entries()) events.schedule(timeNs, note, at)
        events.run(1000)
        const expected = times.map((timeNs, at): [number, number] => [timeNs, at])
        expect(seen).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]))
      }),
      { numRuns: 50 },
    )
  })

  it('run keeps the order of time when events schedule none, one or two others, and stop() comes between', () => {
    const delays = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 2 })
    fc.assert(
      fc.property(fc.array(delays, { minLength: 1, maxLength: 300 }), fc.nat(9), (plan, stopEvery) => {
        const events = new EventList()
        // The reference: a plain list, in which the earliest is looked for, the one scheduled first among equals.
        const waiting: { readonly atNs: number; readonly number: number }[] = []
        const seen: number[] = []
        const schedule = (atNs: number, number: number): void => {
          events.schedule(atNs, happen, number)
          waiting.push({ atNs, number })
        }
        let made = 0
        const happen = events.register((number, nowNs) => {
          const first = waiting.reduce((best, each) => (each.atNs < best.atNs ? each : best))
          expect([nowNs, number]).toEqual([first.atNs, first.number])
          waiting.splice(waiting.indexOf(first), 1)
          expect(events.waiting).toBe(waiting.length)
          seen.push(number)
          for (const delay of plan[number] ?? []) schedule(nowNs + delay, ++made)
          if (seen.length % (stopEvery + 1) === 0) events.stop()
        })
        schedule(0, 0)
        while (events.waiting > 0) events.run(1e9)
        expect(seen).toHaveLength(made + 1)
      }),
      { numRuns: 50 },
    )
  })

  it('run stops at its end and goes on from there, with events that events have scheduled', () => {
    const events = new EventList()
    const seen: number[] = []
    const again = events.register((left, nowNs) => {
      seen.push(nowNs)
      if (left > 0) events.schedule(nowNs + 10, again, left - 1)
    })
    events.schedule(5, again, 3)
    events.run(20)
    expect([seen, events.nowNs, events.waiting]).toEqual([[5, 15], 20, 1])
    events.run(100)
    expect([seen, events.processed]).toEqual([[5, 15, 25, 35], 4])
  })
})

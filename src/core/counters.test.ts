import { afterEach, describe, expect, it } from 'vitest'
import { attach, broadcast, cleanUp, frame, newEngine } from '../../test/support/switch.js'
import { COUNTER_NAMES, countersSince, DROP_NAMES, readCounters, totalDrops } from './counters.js'
import * as layout from './layout.js'
import { REASON_NAMES } from './publication.js'

afterEach(cleanUp)

/** The layout's constants with a prefix, by value. */
function named(prefix: string): Map<number, string> {
  const entries = Object.entries(layout).filter(([name]) => name.startsWith(prefix))
  return new Map(entries.map(([name, value]) => [value as number, name.slice(prefix.length).toLowerCase()]))
}

describe('COUNTER_NAMES', () => {
  it('COUNTER_NAMES has a name of its own for every counter of the layout', () => {
    const numbers = named('C_')
    expect(COUNTER_NAMES).toHaveLength(layout.COUNTERS)
    expect([...numbers.keys()].sort((a, b) => a - b)).toEqual(COUNTER_NAMES.map((_, i) => i))
    expect(new Set(COUNTER_NAMES).size).toBe(layout.COUNTERS)
    for (const name of ['calls', 'kicks', 'publishes', 'floods', 'segmented', 'polls'] as const)
      expect(numbers.get(COUNTER_NAMES.indexOf(name))).toBe(name)
  })
})

describe('DROP_NAMES', () => {
  it('DROP_NAMES names every reason of the layout in its place', () => {
    const reasons = named('DROP_')
    reasons.delete(layout.DROP_REASONS)
    expect(DROP_NAMES).toEqual([...reasons].sort(([a], [b]) => a - b).map(([, name]) => name))
  })
})

describe('REASON_NAMES', () => {
  it('REASON_NAMES names every reason of the layout in its place', () => {
    const reasons = [...named('REASON_')].sort(([a], [b]) => a - b)
    expect(REASON_NAMES).toEqual(reasons.map(([, name]) => name.replace('_', '-')))
  })
})

describe('readCounters', () => {
  it('readCounters tells both directions and the reason of a drop', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    a.driver.send(broadcast(1, 100))
    engine.step()
    const before = readCounters(engine.memory.u64, 0)
    b.driver.send(frame(1, 2, 200))
    engine.step()
    b.driver.send(frame(2, 3, 60).fill(0xff, 6, 12))
    engine.step()
    const sender = readCounters(engine.memory.u64, 1)
    expect(sender.counts).toMatchObject({ egress_frames: 1, egress_bytes: 100, ingress_frames: 2 })
    expect(sender.drops).toEqual({ group_source: 1 })
    expect(totalDrops(sender)).toBe(1)
    const since = countersSince(readCounters(engine.memory.u64, 0), before)
    expect(since.counts).toMatchObject({ egress_frames: 1, egress_bytes: 200, ingress_frames: 0 })
    expect(since.drops).toEqual({})
  })
})

describe('countersSince', () => {
  it('countersSince leaves a drop reason out when it did not occur meanwhile', () => {
    const counts = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as never
    const before = { counts, drops: { vlan: 3, ring_full: 1 } }
    expect(countersSince({ counts, drops: { vlan: 3, ring_full: 4 } }, before).drops).toEqual({
      ring_full: 3,
    })
  })
})

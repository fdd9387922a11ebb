import { describe, expect, it } from 'vitest'
import { dirtyBytes, mustStop, PAGE_BYTES, planMigration } from './migration-rounds.js'

const MB = 1 << 20
const model = { memoryBytes: 64 * MB, dirtyBytesPerS: 10 * MB, workingSetShare: 0.25 }
const rule = { downtimeLimitS: 0.05, maxRounds: 8 }

describe('dirtyBytes', () => {
  it('grows with the rate at first and ends at the working set', () => {
    expect(dirtyBytes(model, 0)).toBe(0)
    // 16 MB (1 - e^(-1/16)), in whole pages.
    const first = 16 * MB * (1 - Math.exp((-0.1 * 10) / 16))
    expect(Math.abs(dirtyBytes(model, 0.1) - first)).toBeLessThanOrEqual(PAGE_BYTES / 2)
    expect(dirtyBytes(model, 1000)).toBe(16 * MB)
  })

  it('is whole pages', () => {
    for (const seconds of [0.001, 0.01, 0.1, 1]) expect(dirtyBytes(model, seconds) % PAGE_BYTES).toBe(0)
  })

  it('is 0 when nothing is written or nothing is ever written', () => {
    expect(dirtyBytes({ ...model, dirtyBytesPerS: 0 }, 10)).toBe(0)
    expect(dirtyBytes({ ...model, workingSetShare: 0 }, 10)).toBe(0)
  })
})

describe('mustStop', () => {
  it('waits until the rest is short enough, or the rounds are used up', () => {
    expect(mustStop(rule, 1, 6 * MB, 100 * MB)).toBe(false)
    expect(mustStop(rule, 1, 5 * MB, 100 * MB)).toBe(true)
    expect(mustStop(rule, 8, 60 * MB, 100 * MB)).toBe(true)
  })
})

describe('planMigration', () => {
  it('takes one round and no downtime when nothing gets dirty', () => {
    const plan = planMigration({ ...model, dirtyBytesPerS: 0 }, rule, 64 * MB)
    expect(plan).toEqual({ rounds: 1, sentBytes: 64 * MB, totalS: 1, downtimeS: 0 })
  })

  it('ends by the limit of rounds with the whole working set when the VM writes faster than the line carries', () => {
    const plan = planMigration({ ...model, dirtyBytesPerS: 1000 * MB }, rule, 10 * MB)
    expect(plan.rounds).toBe(8)
    expect(plan.downtimeS).toBeCloseTo(1.6)
    expect(plan.sentBytes).toBe((64 + 8 * 16) * MB)
  })

  it('sends less each round and keeps the limit when the line is faster than the writes', () => {
    const plan = planMigration(model, rule, 40 * MB)
    expect(plan.rounds).toBeGreaterThan(1)
    expect(plan.rounds).toBeLessThan(8)
    expect(plan.downtimeS).toBeLessThanOrEqual(0.05)
    expect(plan.totalS).toBeCloseTo(plan.sentBytes / (40 * MB))
  })

  it('has no shorter downtime when the VM writes more', () => {
    const downtime = (rate: number): number =>
      planMigration({ ...model, dirtyBytesPerS: rate * MB }, { ...rule, maxRounds: 3 }, 40 * MB).downtimeS
    expect(downtime(0)).toBe(0)
    expect(downtime(320)).toBeGreaterThan(0.05)
    expect(downtime(320)).toBeGreaterThan(downtime(20))
  })
})

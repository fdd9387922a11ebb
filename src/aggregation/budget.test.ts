import { describe, expect, it } from 'vitest'
import { run, steady } from '../../test/support/simulated-loop.js'
import { mean } from '../stats/summary.js'

describe('a budget that is too small', () => {
  it('adaptive keeps targets that its budget does not pay for, and tells which one it would', () => {
    const budget = 0.25
    const at = (targetUs: number) => {
      const vms = [1, 2, 3, 4].map(() => steady(0.04, targetUs))
      const { last, p99Us, publishedP99Us, use } = run({ name: 'adaptive' }, vms, budget, 1000, 500)
      const floorUs = mean(last.map(({ figures }) => figures.floorP99Us!))
      return {
        verdicts: new Set(last.map(({ verdict }) => verdict)),
        worstUs: Math.max(...p99Us, ...publishedP99Us),
        use,
        floorUs,
      }
    }
    for (const targetUs of [50, 100, 160]) {
      const { verdicts, worstUs, use, floorUs } = at(targetUs)
      expect(verdicts).toEqual(new Set(['infeasible-cpu']))
      expect(worstUs).toBeLessThanOrEqual(1.2 * targetUs)
      expect(use).toBeGreaterThan(1.05 * budget)
      expect(floorUs).toBeGreaterThan(targetUs)
    }
    // An operator who asks for what it tells gets there in a few steps: the nearer, the better it knows.
    let found = at(100)
    for (let steps = 0; steps < 4; steps++) found = at(found.floorUs)
    expect(found.verdicts).toEqual(new Set(['held']))
    expect(found.use).toBeLessThan(1.05 * budget)
    expect(found.worstUs).toBeLessThanOrEqual(1.2 * found.floorUs)
  })

  it('adaptive misses a target that the machine itself misses by a fifth of what the machine takes at most', () => {
    const at = (rate: number, targetUs: number) => [1, 2, 3, 4].map(() => steady(rate, targetUs))
    for (const rate of [0.02, 0.05, 0.1]) {
      const machineUs = Math.max(...run({ name: 'natural' }, at(rate, 1), 0.05, 600).publishedP99Us)
      for (const part of [0.6, 0.8, 0.95]) {
        const { last, publishedP99Us } = run({ name: 'adaptive' }, at(rate, part * machineUs), 0.05, 600)
        expect(new Set(last.map(({ verdict }) => verdict))).toEqual(new Set(['infeasible-cpu']))
        expect(Math.max(...publishedP99Us)).toBeLessThanOrEqual(1.2 * machineUs)
      }
    }
  })

  it('adaptive tells no floor when frames alone cost more than the budget', () => {
    const { last } = run({ name: 'adaptive' }, [steady(0.4, 200)], 0.1, 300)
    expect(last[0]?.verdict).toBe('infeasible-cpu')
    expect(last[0]?.figures).not.toHaveProperty('floorP99Us')
  })
})

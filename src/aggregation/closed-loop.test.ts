import { describe, expect, it } from 'vitest'
import { delays, type Period, run, steady } from '../../test/support/simulated-loop.js'
import { mean, standardDeviation } from '../stats/summary.js'
import { explain } from './policy.js'

/** Those of the first VM after a time. */
function holds(periods: readonly Period[], fromMs: number): number[] {
  return periods.filter(({ atUs }) => atUs > fromMs * 1000).map(({ decisions }) => delays(decisions)[0]!)
}

describe('closed loop', () => {
  it('adaptive holds nothing and delays like natural when the core is idle', () => {
    const vms = [0.01, 0.01, 0.02, 0.002].map((rate) => steady(rate, 200))
    const adaptive = run({ name: 'adaptive' }, vms, 0.8, 300)
    const natural = run({ name: 'natural' }, vms, 0.8, 300)
    for (const { decisions } of adaptive.periods) {
      for (const { verdict, limits } of decisions) {
        expect(verdict).toBe('no-hold')
        expect(limits.holdUs).toBe(0)
      }
    }
    expect(adaptive.p99Us).toEqual(natural.p99Us)
  })

  it('adaptive meets target and budget with less CPU than natural when the budget is scarce at mid load', () => {
    const targets = [150, 200, 300, 400]
    const vms = targets.map((target) => steady(0.04, target))
    const adaptive = run({ name: 'adaptive' }, vms, 0.3, 1200, 600)
    const natural = run({ name: 'natural' }, vms, 0.3, 1200, 600)
    adaptive.p99Us.forEach((p99Us, i) => {
      expect(p99Us).toBeLessThanOrEqual(targets[i]!)
    })
    expect(adaptive.use).toBeLessThan(0.315)
    expect(adaptive.use).toBeGreaterThan(0.27)
    expect(adaptive.cpuPerFrameUs / natural.cpuPerFrameUs).toBeLessThan(0.7)
    // A tight target pays less of the common hold.
    const held = delays(adaptive.last)
    expect(held).toEqual([...held].sort((a, b) => a - b))
    expect(adaptive.last.every(({ verdict }) => verdict === 'held')).toBe(true)
    expect(explain(adaptive.last[0]!)).toMatch(/^hold \d.* us; held: .*targetUs 150; .*theta 0\.\d/)
  })

  it('the other policies miss target or budget when the same load is offered', () => {
    const vms = [1, 2, 3, 4].map(() => steady(0.04, 120))
    const results = (
      [
        { name: 'per-packet' },
        { name: 'natural' },
        { name: 'fixed', holdUs: 1000, maxFrames: 64 },
        { name: 'dim' },
      ] as const
    ).map((policy) => {
      const { use, p99Us } = run(policy, vms, 0.4, 1200, 600)
      return { name: policy.name, onBudget: use <= 0.4, onTarget: Math.max(...p99Us) <= 120 }
    })
    expect(results).toEqual([
      { name: 'per-packet', onBudget: false, onTarget: true },
      { name: 'natural', onBudget: false, onTarget: true },
      { name: 'fixed', onBudget: true, onTarget: false },
      { name: 'dim', onBudget: false, onTarget: false },
    ])
    const adaptive = run({ name: 'adaptive' }, vms, 0.4, 2000, 1000)
    // The middle of the bucket that begins at 120.
    expect(Math.max(...adaptive.p99Us)).toBeLessThan(122)
    expect(adaptive.use).toBeLessThan(0.42)
  })

  it('adaptive settles within 60 ms and stays still when the load steps up and down', () => {
    const rate = (nowUs: number) => (nowUs > 300_000 && nowUs < 700_000 ? 0.1 : 0.03)
    const { periods } = run({ name: 'adaptive' }, [{ rate, targetUs: 300 }, steady(0.04, 300)], 0.25, 1100)
    const during = periods.filter(({ atUs }) => atUs > 360_000 && atUs < 700_000)
    expect(mean(during.map(({ use }) => use))).toBeLessThan(0.265)
    expect(during.filter(({ p99Us }) => p99Us > 300).length / during.length).toBeLessThan(0.05)
    for (const [from, to] of [
      [150, 300],
      [450, 700],
      [900, 1100],
    ] as const) {
      const rest = holds(
        periods.filter(({ atUs }) => atUs < to * 1000),
        from,
      )
      expect(standardDeviation(rest) / mean(rest)).toBeLessThan(0.25)
    }
    const steps = holds(periods, 0)
    const level = mean(steps.slice(230, 340))
    const early = steps.slice(170, 190)
    for (const hold of early) expect(Math.abs(hold / level - 1)).toBeLessThan(0.4)
  })

  it('adaptive keeps the budget and the target when the load ramps and comes in bursts', () => {
    const ramp = (nowUs: number) => 0.02 + (0.1 * nowUs) / 800_000
    const ramped = run({ name: 'adaptive' }, [{ rate: ramp, targetUs: 400 }], 0.2, 800)
    expect(ramped.use).toBeLessThan(0.21)
    expect(ramped.p99Us[0]).toBeLessThanOrEqual(400)
    const onOff = (nowUs: number) => (nowUs % 40_000 < 10_000 ? 0.2 : 0.01)
    const bursty = run({ name: 'adaptive' }, [{ rate: onOff, targetUs: 400 }], 0.25, 800)
    expect(bursty.p99Us[0]).toBeLessThanOrEqual(400)
    expect(bursty.drops).toBe(0)
  })

  it('adaptive does not collapse its batches when more is offered than the core can carry', () => {
    const vms = [1, 2, 3, 4].map(() => steady(0.6, 200))
    const adaptive = run({ name: 'adaptive' }, vms, 0.9, 200)
    const natural = run({ name: 'natural' }, vms, 0.9, 200)
    expect(adaptive.batch).toBeGreaterThan(60)
    expect(adaptive.frames).toBeGreaterThan(0.98 * natural.frames)
    expect(adaptive.last.map(({ verdict }) => verdict)).toEqual(Array(4).fill('infeasible-cpu'))
    for (const delayUs of delays(adaptive.last)) expect(delayUs).toBeGreaterThanOrEqual(40)
  })

  it('adaptive names the VM that floods and keeps the others on target when one asks for more than the core', () => {
    const vms = [steady(3, 300), ...[1, 2, 3, 4, 5, 6, 7].map(() => steady(0.01, 300))]
    const { last, p99Us, drops, frames } = run({ name: 'adaptive' }, vms, 0.9, 600, 300)
    expect(last.map(({ verdict }) => verdict)).toEqual(['infeasible-cpu', ...Array(7).fill('held')])
    for (const p99 of p99Us.slice(1)) expect(p99).toBeLessThanOrEqual(300)
    expect(drops).toBeGreaterThan(0.2 * frames)
  })

  it('adaptive names a target that queueing alone exceeds when holds are none', () => {
    const { last, p99Us } = run({ name: 'adaptive' }, [steady(0.1, 5), steady(0.1, 500)], 0.95, 300)
    expect(last.map(({ verdict }) => verdict)).toEqual(['infeasible-queue', 'no-hold'])
    expect(p99Us[0]).toBeGreaterThan(5)
  })
})

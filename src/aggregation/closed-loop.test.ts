import { describe, expect, it } from 'vitest'
import { HoldRule, modelPlane } from '../../test/support/open-batch.js'
import { histogramQuantile, merge, newCounts, record } from '../core/histogram.js'
import { REASON_HOLD } from '../core/layout.js'
import { type Random, seededRandom } from '../stats/random.js'
import { mean, standardDeviation } from '../stats/summary.js'
import { adaptivePolicy } from './adaptive.js'
import { dimPolicy } from './dim.js'
import { DeficitRoundRobin } from './drr.js'
import type { HoldLimits } from './hold-limits.js'
import {
  explain,
  fixedPolicy,
  NATURAL_LIMITS,
  naturalPolicy,
  type Policy,
  perPacketPolicy,
  type VifDecision,
} from './policy.js'

/**
 * A queueing model of the engine: Poisson arrivals, one core, costs of wake, publication and frame, drops before they cost.
 * Policies and the plane's hold rule are the real ones.
 */
const PUBLISH_US = 4
const FRAME_US = 0.5
const CHUNK_FRAMES = 64
const BACKLOG_FRAMES = 512
const RING = 256
/** Cost of a sleep that ends. */
const WAKE_US = 2
const PERIOD_US = 2000

const model = modelPlane()
const rules = Array.from({ length: 8 }, (_, index) => new HoldRule(model, index))

interface Vm {
  readonly targetUs: number
  /** Frames per microsecond at a time. */
  readonly rate: (nowUs: number) => number
}

class VmState {
  readonly vm: Vm
  readonly #random: Random
  readonly #rule: HoldRule
  #limits: HoldLimits = NATURAL_LIMITS
  nextUs = 0
  pending: { arrivedUs: number; seenUs: number }[] = []
  counts = { frames: 0, bursts: 0, publications: 0, published: 0, drops: 0 }
  hold = newCounts()
  queue = newCounts()
  total = newCounts()
  all = newCounts()
  sum = { frames: 0, publications: 0, drops: 0 }

  constructor(vm: Vm, seed: number, rule: HoldRule) {
    this.vm = vm
    this.#random = seededRandom(seed)
    this.#rule = rule
    this.limits = NATURAL_LIMITS
    this.#schedule()
  }

  #schedule(): void {
    this.nextUs += -Math.log(1 - this.#random()) / this.vm.rate(this.nextUs)
  }

  poll(nowUs: number): void {
    if (this.nextUs > nowUs) return
    this.counts.bursts++
    while (this.nextUs <= nowUs) {
      this.counts.frames++
      if (this.pending.length < BACKLOG_FRAMES) this.pending.push({ arrivedUs: this.nextUs, seenUs: nowUs })
      else this.counts.drops++
      this.#schedule()
    }
  }

  get limits(): HoldLimits {
    return this.#limits
  }

  set limits(limits: HoldLimits) {
    this.#limits = limits
    this.#rule.limits = limits
  }

  /** Whether what waits must be published now. */
  mustPublish(nowUs: number): boolean {
    return this.pending.length >= BACKLOG_FRAMES || this.#rule.reason(this.batch, nowUs) !== REASON_HOLD
  }

  get dueUs(): number {
    return this.#rule.dueUs(this.batch)
  }

  get batch() {
    const frames = this.pending.length
    const firstUs = this.pending[0]?.seenUs ?? 0
    const lastUs = this.pending[frames - 1]?.seenUs ?? 0
    return { frames, bytes: 64 * frames, firstUs, lastUs }
  }

  /** Publish; the CPU time it takes. */
  serve(nowUs: number): number {
    const count = Math.min(this.pending.length, this.limits.maxFrames, CHUNK_FRAMES)
    const dueUs = Math.min(nowUs, this.batch.firstUs + this.limits.holdUs)
    const usedUs = PUBLISH_US + count * FRAME_US
    for (const { arrivedUs, seenUs } of this.pending.splice(0, count)) {
      const heldUs = Math.max(0, dueUs - seenUs)
      const totalUs = nowUs + usedUs - arrivedUs
      record(this.hold, heldUs)
      record(this.queue, totalUs - heldUs)
      record(this.total, totalUs)
    }
    this.counts.publications++
    this.counts.published += count
    return usedUs
  }

  /** The counters of the period, which start again; kept for the result once the run is warm. */
  sample(vif: number, keep: boolean) {
    const { frames, bursts, publications, published, drops } = this.counts
    if (keep) {
      merge(this.all, this.total)
      this.sum.frames += published
      this.sum.publications += publications
      this.sum.drops += drops
    }
    const sample = {
      vif,
      targetUs: this.vm.targetUs,
      weight: 1,
      arrivedFrames: frames,
      arrivedBytes: 64 * frames,
      arrivedBursts: bursts,
      urgentBursts: 0,
      publications,
      publishedFrames: published,
      publishedBytes: 64 * published,
      sentFrames: frames,
      sendRoom: RING,
      polls: bursts,
      crowdedPolls: 0,
      receiveRoom: RING,
      holdP99Us: histogramQuantile(this.hold, 0.99),
      queueP99Us: histogramQuantile(this.queue, 0.99),
      totalP99Us: histogramQuantile(this.total, 0.99),
    }
    this.counts = { frames: 0, bursts: 0, publications: 0, published: 0, drops: 0 }
    for (const counts of [this.hold, this.queue, this.total]) counts.fill(0)
    return sample
  }
}

interface Period {
  readonly atUs: number
  readonly use: number
  readonly p99Us: number
  readonly decisions: readonly VifDecision[]
}

function run(policy: Policy, vms: readonly Vm[], budget: number, ms: number, warmMs = ms / 4) {
  const states = vms.map((vm, i) => new VmState(vm, 100 + i, rules[i]!))
  const scheduler = new DeficitRoundRobin(vms.length, 40, 200)
  const periods: Period[] = []
  let nowUs = 0
  let busyUs = 0
  let keptBusyUs = 0
  let restUs = 0
  let wakes = 0
  const lookUs = 0
  for (let controlUs = PERIOD_US; nowUs < ms * 1000; ) {
    if (nowUs >= controlUs) {
      const keep = nowUs > warmMs * 1000
      const periodUs = PERIOD_US + nowUs - controlUs
      const vifs = states.map((state, i) => state.sample(i, keep))
      const decision = policy.decide({ periodUs, busyUs, waitUs: 0, wakes, budget, vifs })
      restUs = decision.restUs
      wakes = 0
      decision.vifs.forEach((vif, i) => {
        states[i]!.limits = vif.limits
      })
      periods.push({
        atUs: nowUs,
        use: busyUs / periodUs,
        p99Us: vifs[0]!.totalP99Us,
        decisions: decision.vifs,
      })
      if (keep) keptBusyUs += busyUs
      busyUs = 0
      controlUs = nowUs + PERIOD_US
    }
    let wakeUs = controlUs
    states.forEach((state, i) => {
      if (nowUs >= lookUs) state.poll(nowUs)
      if (state.mustPublish(nowUs)) scheduler.activate(i)
      else scheduler.deactivate(i)
      const arrivalUs = restUs > 0 ? Math.max(nowUs, lookUs) + restUs : state.nextUs
      wakeUs = Math.min(wakeUs, arrivalUs, state.dueUs)
    })
    const chosen = scheduler.next()
    if (chosen < 0) {
      nowUs = Math.max(wakeUs, nowUs) + WAKE_US
      busyUs += WAKE_US
      wakes++
    } else {
      const usedUs = states[chosen]!.serve(nowUs)
      scheduler.charge(chosen, usedUs)
      nowUs += usedUs
      busyUs += usedUs
    }
  }
  const frames = states.reduce((sum, { sum: { frames } }) => sum + frames, 0)
  return {
    periods,
    frames,
    use: keptBusyUs / (nowUs - warmMs * 1000),
    cpuPerFrameUs: keptBusyUs / frames,
    batch: frames / states.reduce((sum, { sum: { publications } }) => sum + publications, 0),
    drops: states.reduce((sum, { sum: { drops } }) => sum + drops, 0),
    p99Us: states.map(({ all }) => histogramQuantile(all, 0.99)),
    last: periods[periods.length - 1]!.decisions,
  }
}

const steady = (rate: number, targetUs: number): Vm => ({ rate: () => rate, targetUs })

/** Delays by decision, rest and hold together. */
const delays = (decisions: readonly VifDecision[]) => decisions.map(({ figures }) => figures.delayUs!)

/** Those of the first VM after a time. */
function holds(periods: readonly Period[], fromMs: number): number[] {
  return periods.filter(({ atUs }) => atUs > fromMs * 1000).map(({ decisions }) => delays(decisions)[0]!)
}

describe('closed loop', () => {
  it('adaptive holds nothing and delays like natural when the core is idle', () => {
    const vms = [0.01, 0.01, 0.02, 0.002].map((rate) => steady(rate, 200))
    const adaptive = run(adaptivePolicy(), vms, 0.8, 300)
    const natural = run(naturalPolicy(), vms, 0.8, 300)
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
    const adaptive = run(adaptivePolicy(), vms, 0.3, 600)
    const natural = run(naturalPolicy(), vms, 0.3, 600)
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
    const results = [perPacketPolicy(), naturalPolicy(), fixedPolicy(1000, 64), dimPolicy()].map((policy) => {
      const { use, p99Us } = run(policy, vms, 0.4, 400)
      return { name: policy.name, onBudget: use <= 0.4, onTarget: Math.max(...p99Us) <= 120 }
    })
    expect(results).toEqual([
      { name: 'per-packet', onBudget: false, onTarget: true },
      { name: 'natural', onBudget: false, onTarget: true },
      { name: 'fixed', onBudget: true, onTarget: false },
      { name: 'dim', onBudget: true, onTarget: false },
    ])
    const adaptive = run(adaptivePolicy(), vms, 0.4, 400)
    expect(Math.max(...adaptive.p99Us)).toBeLessThanOrEqual(120)
    expect(adaptive.use).toBeLessThan(0.42)
  })

  it('adaptive settles within 60 ms and stays still when the load steps up and down', () => {
    const rate = (nowUs: number) => (nowUs > 300_000 && nowUs < 700_000 ? 0.1 : 0.03)
    const { periods } = run(adaptivePolicy(), [{ rate, targetUs: 300 }, steady(0.04, 300)], 0.25, 1100)
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
    const ramped = run(adaptivePolicy(), [{ rate: ramp, targetUs: 400 }], 0.2, 800)
    expect(ramped.use).toBeLessThan(0.21)
    expect(ramped.p99Us[0]).toBeLessThanOrEqual(400)
    const onOff = (nowUs: number) => (nowUs % 40_000 < 10_000 ? 0.2 : 0.01)
    const bursty = run(adaptivePolicy(), [{ rate: onOff, targetUs: 400 }], 0.25, 800)
    expect(bursty.p99Us[0]).toBeLessThanOrEqual(400)
    expect(bursty.drops).toBe(0)
  })

  it('adaptive does not collapse its batches when more is offered than the core can carry', () => {
    const vms = [1, 2, 3, 4].map(() => steady(0.6, 200))
    const adaptive = run(adaptivePolicy(), vms, 0.9, 200)
    const natural = run(naturalPolicy(), vms, 0.9, 200)
    expect(adaptive.batch).toBeGreaterThan(60)
    expect(adaptive.frames).toBeGreaterThan(0.98 * natural.frames)
    expect(adaptive.last.map(({ verdict }) => verdict)).toEqual(Array(4).fill('infeasible-cpu'))
    for (const delayUs of delays(adaptive.last)) expect(delayUs).toBeGreaterThanOrEqual(50)
  })

  it('adaptive names the VM that floods and keeps the others on target when one asks for more than the core', () => {
    const vms = [steady(3, 300), ...[1, 2, 3, 4, 5, 6, 7].map(() => steady(0.01, 300))]
    const { last, p99Us, drops, frames } = run(adaptivePolicy(), vms, 0.9, 600, 300)
    expect(last.map(({ verdict }) => verdict)).toEqual(['infeasible-cpu', ...Array(7).fill('held')])
    for (const p99 of p99Us.slice(1)) expect(p99).toBeLessThanOrEqual(300)
    expect(drops).toBeGreaterThan(0.2 * frames)
  })

  it('adaptive names a target that queueing alone exceeds when holds are none', () => {
    const { last, p99Us } = run(adaptivePolicy(), [steady(0.1, 5), steady(0.1, 500)], 0.95, 300)
    expect(last.map(({ verdict }) => verdict)).toEqual(['infeasible-queue', 'no-hold'])
    expect(p99Us[0]).toBeGreaterThan(5)
  })
})

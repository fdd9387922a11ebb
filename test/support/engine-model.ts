import { DeficitRoundRobin } from '../../src/aggregation/drr.js'
import type { HoldLimits } from '../../src/aggregation/hold-limits.js'
import { NATURAL_LIMITS, type Policy, type VifDecision } from '../../src/aggregation/policy.js'
import { histogramQuantile, merge, newCounts, record } from '../../src/core/histogram.js'
import { REASON_HOLD } from '../../src/core/layout.js'
import { type Random, seededRandom } from '../../src/stats/random.js'
import { HoldRule, modelPlane } from './open-batch.js'

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

/** A VM that receives. */
export interface Vm {
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

/** A control period as it was. */
interface Period {
  readonly atUs: number
  readonly use: number
  readonly p99Us: number
  readonly decisions: readonly VifDecision[]
}

/** Runs a policy for VMs for so many milliseconds; the first ones count in `periods` alone. */
export function run(policy: Policy, vms: readonly Vm[], budget: number, ms: number, warmMs = ms / 4) {
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

/** A VM whose load stands still. */
export const steady = (rate: number, targetUs: number): Vm => ({ rate: () => rate, targetUs })

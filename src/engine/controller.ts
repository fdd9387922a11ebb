/**
 * The controller: every few milliseconds it reads what the plane counted for each vif, lets the policy decide,
 * and writes the limits back. It runs in the engine's thread between two turns.
 *
 *   plane counters, histograms --> sample --> policy.decide --> limits in the port rows (unless dry run)
 *                                                |
 *                                                +--> kept decisions, for `tune explain`
 *
 * The engine's time is measured as a whole. What of it each receiver cost is not visible from outside the
 * plane, so a period's time is shared out by what the receivers published, weighted by the policy's prior costs.
 */
import { createPolicy, type PolicyConfig } from '../aggregation/create.js'
import { PRIOR_COSTS } from '../aggregation/estimators.js'
import type { HoldLimits } from '../aggregation/hold.js'
import type { Decision, Policy, VifSample } from '../aggregation/policy.js'
import {
  C_FLUSHED_BYTES,
  C_FLUSHED_FRAMES,
  C_PUBLISHES,
  C_TO_BURSTS,
  C_URGENT_BURSTS,
  DROP_RING_FULL,
  HISTOGRAM_BUCKETS,
  P_COUNTERS,
  P_DROPS,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_QUEUE,
  P_HISTOGRAM_TOTAL,
  PORT_BYTES,
  PORTS_AT,
} from '../memory/layout.js'
import type { LinearMemory } from '../memory/linear-memory.js'
import { histogramQuantile, since } from '../stats/histogram.js'

/**
 * Microseconds between two decisions: while something is held, and while nothing is. A decision takes the engine's
 * thread some 50 us when its code is cold, and every frame that arrives meanwhile waits.
 */
export const PERIOD_US = 10_000
export const CALM_PERIOD_US = 20_000
/** While nothing is held and less than this part of the budget is used, a decision is made only so often. */
const CALM_USE = 0.8
const LONGEST_CALM_US = 500_000
/** Spinning that took the engine over its budget is not tried again for so long. */
const SPIN_PAUSE_US = 1_000_000
/** Microseconds between two looks at the histograms: a p99 needs some hundred frames. */
const LOOK_US = 50_000
/** Decisions kept. */
const KEPT = 64
const DEFAULT_TARGET_US = 500
const DEFAULT_BUDGET = 0.8

export interface ControllerOptions {
  /** Default: natural. */
  readonly policy?: PolicyConfig
  /** Share of its core that the engine may use (0 to 1). Default 0.8. */
  readonly budget?: number
}

/** What an operator sets for one vif. */
export interface VifTarget {
  /** p99 of the time from arrival to publication, in microseconds. Default 500. */
  readonly targetUs?: number
  /** Share of the core relative to other vifs. Default 1. */
  readonly weight?: number
}

/** A vif under control: its row, and where the limits go. */
export interface ControlledVif {
  readonly index: number
  readonly name: string
  setLimits(limits: HoldLimits): void
}

/** A decision with the time it was made, in microseconds on the engine's clock. */
export interface KeptDecision extends Decision {
  readonly atUs: number
  readonly applied: boolean
}

interface Known {
  target: Required<VifTarget>
  counters: Float64Array
  histograms: Uint32Array[]
  p99: [number, number, number]
}

/** A sleep shorter than this, in microseconds, costs more than it saves. */
const MIN_REST_US = 10

function restOf({ policy, vifs }: Decision): number {
  if (policy !== 'adaptive' || vifs.length === 0) return 0
  const rest = Math.min(...vifs.map(({ limits }) => limits.holdUs)) / 2
  return rest < MIN_REST_US ? 0 : rest
}

const HISTOGRAMS = [P_HISTOGRAM_HOLD, P_HISTOGRAM_QUEUE, P_HISTOGRAM_TOTAL]
/** Offsets in a port row. */
const COUNTED = [
  ...[C_FLUSHED_FRAMES, C_FLUSHED_BYTES, C_TO_BURSTS, C_URGENT_BURSTS, C_PUBLISHES].map(
    (at) => P_COUNTERS + at * 8,
  ),
  P_DROPS + DROP_RING_FULL * 8,
]

export class Controller {
  readonly #memory: LinearMemory
  readonly #known = new Map<number, Known>()
  readonly #kept: KeptDecision[] = []
  #policy: Policy
  #config: PolicyConfig
  #budget: number
  #dryRun = false
  #lastUs = -1
  #lookedUs = 0
  #decidedUs = Number.NEGATIVE_INFINITY
  #holds = false
  #busyUs = 0
  #workedUs = 0
  #spunUs = 0
  #spinFromUs = Number.NEGATIVE_INFINITY
  #maySpin = true
  #restUs = 0

  constructor(memory: LinearMemory, options: ControllerOptions) {
    this.#memory = memory
    this.#config = options.policy ?? { name: 'natural' }
    this.#policy = createPolicy(this.#config)
    this.#budget = options.budget ?? DEFAULT_BUDGET
  }

  /** Whether limits depend on what is measured, so that the controller must run. */
  get active(): boolean {
    return this.#config.name === 'adaptive' || this.#config.name === 'dim'
  }

  get policy(): PolicyConfig {
    return this.#config
  }

  get budget(): number {
    return this.#budget
  }

  get dryRun(): boolean {
    return this.#dryRun
  }

  /** The last decisions, oldest first. */
  get decisions(): readonly KeptDecision[] {
    return this.#kept
  }

  /** Changes policy, budget or dry run; what is left out stays. */
  configure(options: ControllerOptions & { readonly dryRun?: boolean }): void {
    if (options.policy !== undefined) {
      this.#config = options.policy
      this.#policy = createPolicy(options.policy)
      this.#decidedUs = Number.NEGATIVE_INFINITY
    }
    if (options.budget !== undefined) this.#budget = options.budget
    this.#lastUs = Number.NEGATIVE_INFINITY
    if (options.dryRun !== undefined) this.#dryRun = options.dryRun
  }

  setTarget(index: number, target: VifTarget): void {
    const known = this.#knownOf(index)
    known.target = { ...known.target, ...target }
  }

  target(index: number): Required<VifTarget> {
    return this.#knownOf(index).target
  }

  /** The vifs have changed: the next period decides, however calm it is. */
  hurry(): void {
    this.#decidedUs = Number.NEGATIVE_INFINITY
  }

  /** Forgets a vif that was removed. */
  forget(index: number): void {
    this.#known.delete(index)
  }

  /** p99 of hold, queue and total over about the last 50 ms, in microseconds; NaN without frames. */
  p99(index: number): readonly [number, number, number] {
    return this.#knownOf(index).p99
  }

  #knownOf(index: number): Known {
    let known = this.#known.get(index)
    if (!known) {
      known = {
        target: { targetUs: DEFAULT_TARGET_US, weight: 1 },
        counters: this.#counters(index),
        histograms: HISTOGRAMS.map((at) => this.#histogram(index, at).slice()),
        p99: [Number.NaN, Number.NaN, Number.NaN],
      }
      this.#known.set(index, known)
    }
    return known
  }

  /** The counters named in COUNTED. Read as two u32: a BigInt each would be garbage. */
  #counters(index: number): Float64Array {
    const row = PORTS_AT + index * PORT_BYTES
    const { u32 } = this.#memory
    const values = new Float64Array(COUNTED.length)
    for (let at = 0; at < COUNTED.length; at++) {
      const place = (row + (COUNTED[at] as number)) >>> 2
      values[at] = (u32[place] as number) + (u32[place + 1] as number) * 2 ** 32
    }
    return values
  }

  #histogram(index: number, at: number): Uint32Array {
    const start = (PORTS_AT + index * PORT_BYTES + at) >>> 2
    return this.#memory.u32.subarray(start, start + HISTOGRAM_BUCKETS)
  }

  /**
   * How long the engine may sleep without asking for kicks, in microseconds; 0 while nothing is held. Half of the
   * shortest hold: the other half remains for what arrives at the wrong moment.
   */
  get restUs(): number {
    return this.#restUs
  }

  /** Whether the engine may look for work for a while before it sleeps: it holds nothing, and its budget allows it. */
  get maySpin(): boolean {
    return this.#maySpin && this.#restUs === 0
  }

  /** Whether the policy measures, and a period is over. */
  isDue(nowUs: number): boolean {
    return this.active && nowUs - this.#lastUs >= (this.#holds ? PERIOD_US : CALM_PERIOD_US)
  }

  /**
   * Runs a period, if one is due or the policy measures nothing.
   * @param workedUs microseconds in which the engine has worked since its start
   * @param spunUs microseconds in which it has looked for work and found none, beside that
   */
  run(nowUs: number, vifs: readonly ControlledVif[], workedUs: number, spunUs: number): void {
    if (this.active && !this.isDue(nowUs)) return
    const spun = spunUs - this.#spunUs
    this.#spunUs = spunUs
    this.#busyUs = this.#lastUs < 0 ? 0 : Math.max(0, workedUs - this.#workedUs)
    this.#workedUs = workedUs
    const periodUs = this.#lastUs < 0 ? PERIOD_US : nowUs - this.#lastUs
    this.#lastUs = nowUs
    if (spun > 0 && this.#busyUs + spun > this.#budget * periodUs) this.#spinFromUs = nowUs + SPIN_PAUSE_US
    this.#maySpin = !this.active || nowUs >= this.#spinFromUs
    if (this.#isCalm(nowUs, periodUs)) {
      for (const { index } of vifs) this.#knownOf(index).counters = this.#counters(index)
      return
    }
    this.#decidedUs = nowUs
    const look = nowUs - this.#lookedUs >= LOOK_US
    if (look) this.#lookedUs = nowUs
    const samples = vifs.map((vif) => this.#sample(vif.index, look))
    const weights = samples.map(
      ({ flushes, flushedFrames, flushedBytes }) =>
        flushes * PRIOR_COSTS.flushUs +
        flushedFrames * PRIOR_COSTS.frameUs +
        flushedBytes * PRIOR_COSTS.byteUs,
    )
    const whole = weights.reduce((sum, weight) => sum + weight, 0)
    const busyUs = Math.min(this.#busyUs, periodUs)
    const decision = this.#policy.decide({
      periodUs,
      busyUs,
      budget: this.#budget,
      vifs: samples.map((sample, at) => ({
        ...sample,
        serviceUs: whole > 0 ? (busyUs * (weights[at] as number)) / whole : 0,
      })),
    })
    if (!this.#dryRun)
      for (const { vif, limits } of decision.vifs) vifs.find((each) => each.index === vif)?.setLimits(limits)
    this.#restUs = this.#dryRun ? 0 : restOf(decision)
    this.#holds = decision.vifs.some(({ limits }) => limits.holdUs > 0)
    this.#kept.push({ ...decision, atUs: nowUs, applied: !this.#dryRun })
    if (this.#kept.length > KEPT) this.#kept.shift()
  }

  /**
   * Whether a decision can wait: nothing is held, and the engine is far from its budget, so nothing would be. A
   * decision stops the engine for long enough to show in the p99 if there were one every period.
   */
  #isCalm(nowUs: number, periodUs: number): boolean {
    if (!this.active || this.#holds) return false
    return this.#busyUs < CALM_USE * this.#budget * periodUs && nowUs - this.#decidedUs < LONGEST_CALM_US
  }

  #sample(index: number, look: boolean): Omit<VifSample, 'serviceUs'> {
    const known = this.#knownOf(index)
    const counters = this.#counters(index)
    const before = known.counters
    const delta = (at: number): number => (counters[at] as number) - (before[at] as number)
    const [frames, bytes, bursts, urgent, flushes, full] = [
      delta(0),
      delta(1),
      delta(2),
      delta(3),
      delta(4),
      delta(5),
    ]
    known.counters = counters
    if (look)
      for (const [at, place] of HISTOGRAMS.entries()) {
        const now = this.#histogram(index, place).slice()
        known.p99[at] = histogramQuantile(since(now, known.histograms[at] as Uint32Array), 0.99)
        known.histograms[at] = now
      }
    const [holdP99Us, queueP99Us, totalP99Us] = known.p99
    return {
      vif: index,
      ...known.target,
      arrivedFrames: frames + full,
      arrivedBytes: bytes,
      arrivedBursts: bursts,
      urgentBursts: urgent,
      flushes,
      flushedFrames: frames,
      flushedBytes: bytes,
      holdP99Us,
      queueP99Us,
      totalP99Us,
    }
  }
}

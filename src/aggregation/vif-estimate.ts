import { CostEstimator, fastUpSlowDown } from './estimators.js'
import type { VifSample } from './policy.js'
import type { SlackLoad } from './theory.js'

const RATE_UP_US = 2000
const RATE_DOWN_US = 20_000
const QUEUE_UP_US = 5000
const QUEUE_DOWN_US = 50_000

/** A p99 of fewer frames than this says less than its name, and moves the estimate in proportion less. */
const FRAMES_FOR_P99 = 100

/**
 * Part of the target that a hold may always use when CPU is scarce. Queueing in overload would otherwise leave no slack,
 * batches would shrink, flushes would cost more, and queueing would grow: the collapse that a rule "late, therefore hold
 * less" runs into. Above it lateness is queueing, which only fewer flushes or fewer frames cure.
 */
const LEAST_SLACK = 0.25

/** Part of the target aimed at: a p99 read from a histogram is off by up to 3 %, and scatters. */
const GUARD = 0.95

/** What the controller knows of one vif. */
export class VifEstimate {
  readonly #costs = new CostEstimator()
  #rate: number | undefined
  #burstRate: number | undefined
  #urgentShare = 0
  #bytesPerFrame = 0
  /** Delay that is not hold: p99 of queueing and service, in microseconds. */
  queueP99Us = 0
  /** Hold in force since the last decision. */
  holdUs = 0
  infeasible = false

  observe(sample: VifSample, periodUs: number): void {
    const perUs = (count: number, before: number | undefined) =>
      fastUpSlowDown(before, count / periodUs, periodUs, RATE_UP_US, RATE_DOWN_US)
    this.#rate = perUs(sample.arrivedFrames, this.#rate)
    this.#burstRate = perUs(sample.arrivedBursts, this.#burstRate)
    if (sample.arrivedFrames > 0) {
      const average = (before: number, now: number) =>
        fastUpSlowDown(before, now, periodUs, RATE_DOWN_US, RATE_DOWN_US)
      const bursts = Math.max(1, sample.arrivedBursts)
      this.#urgentShare = average(this.#urgentShare, Math.min(1, sample.urgentBursts / bursts))
      this.#bytesPerFrame = average(this.#bytesPerFrame, sample.arrivedBytes / sample.arrivedFrames)
    }
    if (sample.flushes > 0) {
      this.#costs.observe(sample.flushes, sample.flushedFrames, sample.flushedBytes, sample.serviceUs)
      this.#observeQueue(sample, periodUs)
    }
  }

  #observeQueue(sample: VifSample, periodUs: number): void {
    const seen = Math.max(sample.queueP99Us, sample.totalP99Us - sample.holdP99Us)
    if (!(seen >= 0)) return
    // Twice the target is as bad as any more, and is forgotten sooner when overload ends.
    const bounded = Math.min(seen, 2 * sample.targetUs)
    const trust = Math.min(1, sample.flushedFrames / FRAMES_FOR_P99)
    const moved = fastUpSlowDown(this.queueP99Us, bounded, periodUs, QUEUE_UP_US, QUEUE_DOWN_US)
    this.queueP99Us += trust * (moved - this.queueP99Us)
  }

  /** Costs and rates as the theory takes them, with the slack that `targetUs` leaves. */
  load(targetUs: number): SlackLoad {
    const { flushUs, frameUs, byteUs } = this.#costs.costs
    return {
      rate: this.#rate ?? 0,
      burstRate: Math.min(this.#burstRate ?? 0, this.#rate ?? 0),
      urgentShare: this.#urgentShare,
      flushUs,
      frameUs: frameUs + byteUs * this.#bytesPerFrame,
      slackUs: Math.max(GUARD * targetUs - this.queueP99Us, LEAST_SLACK * targetUs),
    }
  }

  get costs() {
    return this.#costs.costs
  }
}

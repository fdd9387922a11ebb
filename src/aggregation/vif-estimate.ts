import { type Costs, fastUpSlowDown, followRate, RecentPeak } from './estimators.js'
import type { VifSample } from './policy.js'
import type { SlackLoad } from './theory.js'

const SHARE_US = 50_000
const FILL_UP_US = 10_000
const FILL_DOWN_US = 30_000
/** Part of a transmit ring that a rest may fill by the mean rate: frames come in bursts. */
const SEND_SHARE = 0.25
/** So many crowded polls show that a rest is too long: shorten it, and come back within a third of a second. */
const CROWDED = 0.05
const CROWDED_STEP = 0.8
const ROOM_BACK_US = 300_000
const QUEUE_UP_US = 5000
const QUEUE_DOWN_US = 50_000
/** A p99 tells of the last 50 ms, so a delay counts for as long after it has changed. */
const P99_SPAN_US = 50_000

/** A p99 of fewer frames than this says less than its name, and moves the estimate in proportion less. */
const FRAMES_FOR_P99 = 100

/**
 * Part of the target that a delay may always use when CPU is scarce. Queueing in overload would otherwise leave no slack,
 * batches would shrink, publications would cost more, and queueing would grow: the collapse that a rule "late, therefore hold
 * less" runs into. Above it lateness is queueing, which only fewer publications or fewer frames cure. So little that a target
 * which the machine itself misses is missed by no more than a fifth of what the machine takes.
 */
const LEAST_SLACK = 0.2

/** Part of the target aimed at: a p99 read from a histogram is off by up to 3 %, and scatters. */
export const GUARD = 0.95

/** What the controller knows of one vif. */
export class VifEstimate {
  #rate: number | undefined
  #carriedRate: number | undefined
  #fillRate = 0
  #room = 1
  #burstFrames: number | undefined
  #urgentShare = 0
  #bytesPerFrame = 0
  readonly #peakRest = new RecentPeak(P99_SPAN_US)
  readonly #peakDelay = new RecentPeak(P99_SPAN_US)
  /** Delay that nobody decided: p99 of queueing and service, in microseconds. */
  queueP99Us = 0
  /** Delay by decision in force since the last decision, rest and hold together. */
  delayUs = 0
  infeasible = false

  /**
   * @param restUs rest in force over the period, in microseconds
   * @param isPaced whether it was long on purpose: full rings are no sign then
   */
  observe(sample: VifSample, periodUs: number, restUs: number, isPaced = false): void {
    this.#rate = followRate(this.#rate, sample.arrivedFrames, periodUs)
    this.#carriedRate = followRate(this.#carriedRate, sample.publishedFrames, periodUs)
    const fillRate = sample.sentFrames / periodUs
    this.#fillRate = fastUpSlowDown(this.#fillRate, fillRate, periodUs, FILL_UP_US, FILL_DOWN_US)
    // Frames come in bursts, and a sender that finds its ring full sends less: the mean alone would let the rest grow.
    const isCrowded = !isPaced && restUs > 0 && sample.crowdedPolls > CROWDED * sample.polls
    this.#room = isCrowded ? this.#room * CROWDED_STEP : Math.min(1, this.#room + periodUs / ROOM_BACK_US)
    const average = (before: number | undefined, now: number) =>
      fastUpSlowDown(before, now, periodUs, SHARE_US, SHARE_US)
    if (sample.arrivedFrames > 0) {
      const bursts = Math.max(1, Math.min(sample.arrivedBursts, sample.arrivedFrames))
      const urgent = Math.min(1, sample.urgentBursts / bursts)
      this.#bytesPerFrame = average(this.#bytesPerFrame, sample.arrivedBytes / sample.arrivedFrames)
      if (restUs === 0) {
        this.#burstFrames = average(this.#burstFrames, sample.arrivedFrames / bursts)
        this.#urgentShare = average(this.#urgentShare, urgent)
      } else {
        // The rest has joined bursts: an urgent one among many makes an urgent one of them all. By the share of those
        // without one, arrivals at random, so many were urgent:
        const each = -Math.log(1 - (urgent * bursts) / (bursts + 1))
        const before = sample.arrivedFrames / (this.#burstFrames ?? 1)
        this.#urgentShare = average(this.#urgentShare, Math.min(1, (each * bursts) / before))
      }
    } else this.#urgentShare = average(this.#urgentShare, 0)
    const peakRestUs = this.#peakRest.observe(restUs, periodUs)
    const peakDelayUs = this.#peakDelay.observe(Math.max(restUs, this.delayUs), periodUs)
    if (sample.publications > 0) this.#observeQueue(sample, periodUs, peakRestUs, peakDelayUs)
  }

  #observeQueue(sample: VifSample, periodUs: number, restUs: number, delayUs: number): void {
    const seen = Math.max(sample.queueP99Us - restUs, sample.totalP99Us - delayUs, 0)
    if (!(seen >= 0)) return
    // Twice the target is as bad as any more, and is forgotten sooner when overload ends.
    const bounded = Math.min(seen, 2 * sample.targetUs)
    const trust = Math.min(1, sample.publishedFrames / FRAMES_FOR_P99)
    const moved = fastUpSlowDown(this.queueP99Us, bounded, periodUs, QUEUE_UP_US, QUEUE_DOWN_US)
    this.queueP99Us += trust * (moved - this.queueP99Us)
  }

  /** Rates as the theory takes them with `costs`, and the slack that `targetUs` leaves. */
  load(targetUs: number, costs: Costs): SlackLoad {
    return this.#load(this.#rate ?? 0, targetUs, costs)
  }

  /** The same for what was carried: frames that were dropped cost next to nothing. */
  carriedLoad(targetUs: number, costs: Costs): SlackLoad {
    return this.#load(this.#carriedRate ?? 0, targetUs, costs)
  }

  #load(rate: number, targetUs: number, { wakeUs, publishUs, frameUs, byteUs }: Costs): SlackLoad {
    // Without any delay a thread batches by itself: what arrives while it wakes and publications goes with the next burst.
    const burstFrames = Math.max(this.#burstFrames ?? 1, 1 + rate * (wakeUs + publishUs))
    return {
      rate,
      burstRate: rate / burstFrames,
      urgentShare: this.#urgentShare,
      publishUs,
      frameUs: frameUs + byteUs * this.#bytesPerFrame,
      slackUs: Math.max(GUARD * targetUs - this.queueP99Us, LEAST_SLACK * targetUs),
    }
  }

  /** Mean time between bursts as they come, in microseconds; infinite without frames. */
  get gapUs(): number {
    return this.#rate ? (this.#burstFrames ?? 1) / this.#rate : Number.POSITIVE_INFINITY
  }

  /** How long the guest's own transmit rings may be left alone, in microseconds; infinite while it sends nothing. */
  longestRestUs({ sendRoom }: VifSample): number {
    return this.#fillRate > 0
      ? (SEND_SHARE * this.#room * sendRoom) / this.#fillRate
      : Number.POSITIVE_INFINITY
  }
}

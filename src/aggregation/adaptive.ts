import { fastUpSlowDown } from './estimators.js'
import { type HoldLimits, NO_LIMIT } from './hold.js'
import {
  type Decision,
  type HostSample,
  NATURAL_LIMITS,
  type Policy,
  type Verdict,
  type VifDecision,
  type VifSample,
} from './policy.js'
import { fairShares } from './share.js'
import { cpuShare, flushRate, type SlackLoad, slackScaling } from './theory.js'
import { VifEstimate } from './vif-estimate.js'

/**
 * A delay target per VM under one CPU budget. Each VM holds the same part theta of the slack that its target leaves,
 *
 *     T_i = theta (D_i - S_i)        D target p99, S measured p99 of everything that is not hold
 *
 * with the smallest theta that keeps all VMs within the budget, by the costs and rates as measured. From that follows:
 * - CPU not scarce: theta = 0, nothing is held. A hold is paid for in delay only when it buys CPU that is needed.
 * - Targets that even theta = 1 cannot meet are named VM by VM: those whose need exceeds their fair share. The others
 *   keep theirs, because the scheduler gives each what it needs up to its share.
 * - Lateness by queueing never leads to smaller batches (see `LEAST_SLACK`), and limits only trigger a publication, they
 *   do not bound it: a late vif is drained whole.
 *
 * Model errors (urgent flushes, gaps, bursts) are taken out by an integral term on the budget. It stands still while
 * theta is at a bound and could not follow, so it does not wind up.
 */

/** Time in which the integral term makes up for an error, in microseconds. */
const TRIM_US = 50_000
/** Bound of the integral term, as a part of the budget. */
const TRIM_BOUND = 0.25
/** A hold that differs by less from the one in force is not worth a change. */
const HYSTERESIS = 0.05
/** Shorter holds save nothing: a poll of the engine takes as long. */
const MIN_HOLD_US = 1
/** More frames per batch would save less than this part of the cost of a frame. */
const WORTHLESS_SAVING = 0.05
const MIN_FRAMES = 16
const MAX_FRAMES = 256
/** Silence of so many mean gaps between bursts ends a hold; random arrivals do that once in 400. */
const GAP_FACTOR = 6

class AdaptivePolicy implements Policy {
  readonly name = 'adaptive'
  readonly #vifs = new Map<number, VifEstimate>()
  #otherShare: number | undefined
  #useShare: number | undefined
  #trim = 0
  #theta = 0

  decide(sample: HostSample): Decision {
    const estimates = this.#observe(sample)
    const { budget } = sample
    const available = Math.max(0.01, budget - this.#otherShare! + this.#trim)
    const loads = sample.vifs.map((vif, i) => estimates[i]!.load(vif.targetUs))
    this.#theta = slackScaling(loads, available)
    const needs = loads.map((load) => cpuShare(load, load.slackUs))
    const weights = sample.vifs.map(({ weight }) => weight)
    const shares = fairShares(needs, weights, available)
    return {
      policy: this.name,
      vifs: sample.vifs.map((vif, i) =>
        this.#decideVif(vif, estimates[i]!, loads[i]!, needs[i]!, shares[i]!),
      ),
      figures: {
        theta: this.#theta,
        budget,
        useShare: this.#useShare!,
        otherShare: this.#otherShare!,
        availableShare: available,
        trimShare: this.#trim,
        needShare: needs.reduce((sum, need) => sum + need, 0),
      },
    }
  }

  #observe({ vifs, periodUs, busyUs, budget }: HostSample): VifEstimate[] {
    const present = new Set(vifs.map(({ vif }) => vif))
    for (const vif of this.#vifs.keys()) if (!present.has(vif)) this.#vifs.delete(vif)
    let serviceUs = 0
    const estimates = vifs.map((sample) => {
      const estimate = this.#vifs.get(sample.vif) ?? new VifEstimate()
      this.#vifs.set(sample.vif, estimate)
      estimate.observe(sample, periodUs)
      serviceUs += sample.serviceUs
      return estimate
    })
    const use = busyUs / periodUs
    const other = Math.max(0, busyUs - serviceUs) / periodUs
    this.#useShare = fastUpSlowDown(this.#useShare, use, periodUs, TRIM_US, TRIM_US)
    this.#otherShare = fastUpSlowDown(this.#otherShare, other, periodUs, TRIM_US / 5, TRIM_US / 5)
    this.#integrate(budget - use, periodUs, budget)
    return estimates
  }

  #integrate(error: number, periodUs: number, budget: number): void {
    // Below the budget with nothing held, or above it with all slack used, theta could not follow. Correcting back
    // towards zero is always right.
    const stuckLow = this.#theta === 0 && error > 0 && this.#trim >= 0
    const stuckHigh = this.#theta === 1 && error < 0 && this.#trim <= 0
    if (stuckLow || stuckHigh) return
    const moved = this.#trim + error * Math.min(1, periodUs / TRIM_US)
    this.#trim = Math.min(TRIM_BOUND * budget, Math.max(-TRIM_BOUND * budget, moved))
  }

  #decideVif(
    sample: VifSample,
    estimate: VifEstimate,
    load: SlackLoad,
    needShare: number,
    fairShare: number,
  ): VifDecision {
    const verdict = this.#verdict(sample, estimate, needShare, fairShare)
    const wanted = this.#theta * load.slackUs
    const change = Math.abs(wanted - estimate.holdUs)
    if (wanted < MIN_HOLD_US) estimate.holdUs = 0
    else if (estimate.holdUs === 0 || change > HYSTERESIS * estimate.holdUs) estimate.holdUs = wanted
    // Never above what the target leaves, hysteresis or not.
    estimate.holdUs = Math.min(estimate.holdUs, load.slackUs)
    const { flushUs, frameUs, byteUs } = estimate.costs
    const flushes = flushRate(load, estimate.holdUs)
    return {
      vif: sample.vif,
      limits: holdLimits(estimate.holdUs, load),
      verdict,
      figures: {
        targetUs: sample.targetUs,
        totalP99Us: sample.totalP99Us,
        holdP99Us: sample.holdP99Us,
        queueP99Us: estimate.queueP99Us,
        slackUs: load.slackUs,
        theta: this.#theta,
        rateFps: load.rate * 1e6,
        urgentShare: load.urgentShare,
        predictedBatch: flushes > 0 ? load.rate / flushes : 1,
        flushCostUs: flushUs,
        frameCostUs: frameUs,
        byteCostUs: byteUs,
        needShare,
        fairShare,
      },
    }
  }

  #verdict({ targetUs }: VifSample, estimate: VifEstimate, needShare: number, fairShare: number): Verdict {
    const band = estimate.infeasible ? 1 : 1 + HYSTERESIS
    const tooCostly = this.#theta === 1 && needShare > fairShare * band
    const tooSlow = estimate.queueP99Us > targetUs * band
    estimate.infeasible = tooCostly || tooSlow
    if (tooCostly) return 'infeasible-cpu'
    if (tooSlow) return 'infeasible-queue'
    return this.#theta === 0 ? 'no-hold' : 'held'
  }
}

function holdLimits(holdUs: number, load: SlackLoad): HoldLimits {
  if (holdUs === 0) return NATURAL_LIMITS
  const useful = load.frameUs > 0 ? Math.ceil(load.flushUs / (WORTHLESS_SAVING * load.frameUs)) : MAX_FRAMES
  const gapUs = load.burstRate > 0 ? GAP_FACTOR / load.burstRate : NO_LIMIT
  return {
    holdUs,
    maxFrames: Math.min(MAX_FRAMES, Math.max(MIN_FRAMES, useful)),
    maxBytes: NO_LIMIT,
    gapUs: gapUs < holdUs ? gapUs : NO_LIMIT,
    urgentFlush: true,
  }
}

/** Slack-scaling under the budget, targets and weights that every sample carries. */
export function adaptivePolicy(): Policy {
  return new AdaptivePolicy()
}

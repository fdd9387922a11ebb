import { CostEstimator, type Costs, fastUpSlowDown } from './estimators.js'
import { type HoldLimits, NO_LIMIT } from './hold-limits.js'
import {
  BURST,
  type Decision,
  type HostSample,
  NATURAL_LIMITS,
  type Policy,
  type Verdict,
  type VifDecision,
  type VifSample,
} from './policy.js'
import { fairShares, sumShares } from './share.js'
import { shown } from './shown.js'
import {
  leastScaling,
  MIN_REST_US,
  type Pacing,
  publicationRate,
  restFor,
  type SlackLoad,
  scaledShares,
  sharesAt,
  totalShare,
} from './theory.js'
import { GUARD, VifEstimate } from './vif-estimate.js'

/**
 * A delay target per VM under one CPU budget. Frames for each VM are delayed by the same part theta of the slack that its
 * target leaves,
 *
 *     T_i = theta (D_i - S_i)        D target p99, S measured p99 of everything that nobody decided
 *
 * with the smallest theta that keeps all VMs within the budget, by the costs and rates as measured. The delay is spent
 * where it buys most: the thread rests for R = min T_i between two polls of the senders' rings, as long as these have room
 * (no wakes, no kicks), and what a VM may wait beyond that is the hold of its batch, H_i = T_i - R (no calls; R is shorter
 * where more gathers than a burst, see `#sharedRest`):
 *
 *     | rest R: frames gather in the senders' rings | hold H_i: in the receiver's, not yet published |
 *
 * From that follows:
 * - The CPU is scarce if the time that the thread used and the time that it waited for its core exceed the budget. While it
 *   is not, theta = 0 and nothing is delayed: a delay is accepted only when it buys CPU that is needed.
 * - Targets that even theta = 1 cannot meet are named VM by VM: those whose need exceeds their fair share. The others
 *   keep theirs, because the scheduler gives each what it needs up to its share.
 * - Lateness by queueing never leads to smaller batches (see `LEAST_SLACK`), and limits only trigger a publication, they
 *   do not bound it: a late vif is drained whole.
 *
 * The model is never right in full (gaps, bursts, a core shared with others). What was used is compared with what the model
 * says for the limits in force, and their ratio corrects it. This integrates like a trim on the budget, but cannot wind up:
 * the comparison is not with the budget, so it holds whether or not theta is at a bound.
 */

/** Time over which use and model are compared, in microseconds. */
const TRIM_US = 25_000
/** Most that the model is corrected by, as a factor. */
const TRIM_BOUND = 4
/** A delay that differs by less from the one in force is not worth a change. */
const HYSTERESIS = 0.05
/** Shorter delays save nothing: a poll of the engine takes as long. */
const MIN_DELAY_US = 1
/** A shorter hold through the work after a rest is not worth a timer. */
const MIN_HOLD_US = 5
/** Least saving of a larger batch, as a part of the cost of a frame: batches do not grow beyond it. */
const MIN_SAVING = 0.05
const MIN_FRAMES = 16
const MAX_FRAMES = 256
/** Part of a receive ring that a batch may fill: the other part is for what comes before the guest has reacted. */
const RECEIVE_SHARE = 0.5
/**
 * Rest of a paced thread, in microseconds: long enough that the receivers run, no longer, because it is the p99 at full
 * speed. 50 carries no more and takes no less CPU; 12 takes more of both for one VM. docs/decisions/0009.
 */
const PACE_REST_US = 25
/** Part of the polls that must find rings full, and of the time that must be waited for the core. */
const PACE_CROWDED = 0.05
const PACE_WAIT_SHARE = 0.05
/** How long a reason must last, and the interval between probes without pacing. */
const PACE_DELAY_US = 15_000
const PACE_PROBE_US = 2_000_000
const NO_END = Number.POSITIVE_INFINITY
/**
 * Bursts that must come in a rest: for one to be chosen, for one in force to be chosen again, and for one to be made of the
 * delays that were chosen. Less each time, so that noise does not end a rest.
 */
const LEAST_REST_BURSTS = 4
const KEPT_REST_BURSTS = 2
const LEAST_IN_FORCE = 1.5
/** Silence of so many mean gaps between bursts ends a hold; random arrivals do that once in 400. */
const GAP_FACTOR = 6

/** Part of the budget that theta may miss it by before it is chosen anew. */
const BUDGET_BAND = 0.03

/** A changed value when it is worth the change, else the one in force; 0 when it is too short to count. */
function steady(wanted: number, inForce: number): number {
  if (wanted < MIN_DELAY_US) return 0
  return inForce > 0 && Math.abs(wanted - inForce) <= HYSTERESIS * inForce ? inForce : wanted
}

/** Whether most of the frames go to receivers whose rings fill within the delay that was chosen for them. */
function ringsFill(
  carried: readonly SlackLoad[],
  delaysUs: readonly number[],
  vifs: readonly VifSample[],
): boolean {
  let [all, filling] = [0, 0]
  for (const [i, { rate }] of carried.entries()) {
    all += rate
    if (rate * delaysUs[i]! >= vifs[i]!.receiveRoom) filling += rate
  }
  return filling > all / 2
}

class AdaptivePolicy implements Policy {
  readonly name = 'adaptive'
  readonly #vifs = new Map<number, VifEstimate>()
  readonly #costs = new CostEstimator()
  #useShare: number | undefined
  #waitShare: number | undefined
  #trimModel: number | undefined
  #theta = 0
  #restUs = 0
  /** Shorter holds are none. */
  #leastHoldUs = MIN_DELAY_US
  #isPaced = false
  /** Whether a paced thread need not rest, because its batches are whole rings. */
  #fillsRings = false
  /** How long the present state of pacing has lasted, and for how long there has been reason to end it. */
  #pacedUs = 0
  #otherwiseUs = 0

  decide(sample: HostSample): Decision {
    const estimates = this.#observe(sample)
    const { costs } = this.#costs
    const { budget, vifs } = sample
    const loads = vifs.map((vif, i) => estimates[i]!.load(vif.targetUs, costs))
    const pacing = {
      wakeUs: costs.wakeUs,
      longestRestUs: Math.min(...vifs.map((vif, i) => estimates[i]!.longestRestUs(vif))),
      leastBursts: this.#restUs > 0 ? KEPT_REST_BURSTS : LEAST_REST_BURSTS,
    }
    const carried = vifs.map((vif, i) => estimates[i]!.carriedLoad(vif.targetUs, costs))
    const trim = this.#trim(sample.periodUs, carried, estimates, pacing)
    const available = budget / trim
    const least = leastScaling(loads, available, pacing)
    if (!this.#isOnBudget(loads, available, pacing)) this.#theta = Math.min(1, least)
    const needs = scaledShares(loads, 1, pacing)
    const needShare = sumShares(needs)
    this.#pace(sample, this.#theta === 1 && needShare > available)
    if (this.#isPaced) this.#theta = 1
    for (const [i, { slackUs }] of loads.entries()) {
      const estimate = estimates[i]!
      // Never above what the target leaves, hysteresis or not.
      estimate.delayUs = Math.min(steady(this.#theta * slackUs, estimate.delayUs), slackUs)
    }
    const delaysUs = estimates.map(({ delayUs }) => delayUs)
    this.#fillsRings = this.#isPaced && ringsFill(carried, delaysUs, vifs)
    const rests = this.#isPaced && !this.#fillsRings
    // A paced thread leaves the senders' rings full: they must wait.
    const unsharedUs = restFor(loads, delaysUs, {
      ...pacing,
      ...(rests ? { longestRestUs: PACE_REST_US, leastBursts: 0 } : { leastBursts: LEAST_IN_FORCE }),
    })
    const longestUs = rests ? unsharedUs : this.#sharedRest(unsharedUs, loads)
    this.#restUs = Math.min(steady(longestUs, this.#restUs), longestUs)
    this.#leastHoldUs = this.#leastHold(rests || longestUs < unsharedUs)
    const workUs = rests && this.#restUs > 0 ? (this.#restUs * budget) / (1 - budget) : NO_END
    const weights = vifs.map(({ weight }) => weight)
    const shares = fairShares(needs, weights, available)
    return {
      policy: this.name,
      restUs: this.#restUs,
      workUs,
      vifs: vifs.map((vif, i) =>
        this.#decideVif(vif, estimates[i]!, loads[i]!, costs, { need: needs[i]!, fair: shares[i]!, least }),
      ),
      figures: shown({
        theta: this.#theta,
        budget,
        useShare: this.#useShare!,
        waitShare: this.#waitShare!,
        availableShare: available,
        needShare,
        trim,
        restUs: this.#restUs,
        workUs,
        longestRestUs: pacing.longestRestUs,
        wakeCostUs: costs.wakeUs,
        publishCostUs: costs.publishUs,
        frameCostUs: costs.frameUs,
        byteCostUs: costs.byteUs,
      }),
    }
  }

  #observe({ vifs, periodUs, busyUs, waitUs, wakes }: HostSample): VifEstimate[] {
    const present = new Set(vifs.map(({ vif }) => vif))
    for (const vif of this.#vifs.keys()) if (!present.has(vif)) this.#vifs.delete(vif)
    const work = { wakes, publications: 0, frames: 0, bytes: 0 }
    const estimates = vifs.map((sample) => {
      const estimate = this.#vifs.get(sample.vif) ?? new VifEstimate()
      this.#vifs.set(sample.vif, estimate)
      estimate.observe(sample, periodUs, this.#restUs, this.#isPaced && !this.#fillsRings)
      work.publications += sample.publications
      work.frames += sample.publishedFrames
      work.bytes += sample.publishedBytes
      return estimate
    })
    if (work.publications > 0) this.#costs.observe(work, busyUs)
    const share = (before: number | undefined, us: number) =>
      fastUpSlowDown(before, us / periodUs, periodUs, TRIM_US, TRIM_US)
    this.#useShare = share(this.#useShare, busyUs)
    this.#waitShare = share(this.#waitShare, waitUs)
    return estimates
  }

  /** Whether theta as it is spends the budget, near enough: a load that stands still gives a hold that stands still. */
  #isOnBudget(loads: readonly SlackLoad[], available: number, pacing: Pacing): boolean {
    if (this.#theta === 0 || this.#theta === 1) return false
    return Math.abs(totalShare(loads, this.#theta, pacing) - available) <= BUDGET_BAND * available
  }

  /**
   * Whether the thread must stop working while there is work: when its budget cannot be met, others wait for its core, and
   * senders offer more than is taken. It would only take what the receivers, who wait, have no buffers for. Ends when the
   * senders have room again, and every now and then to see whether the others still want the core.
   */
  #pace({ vifs, periodUs }: HostSample, isOver: boolean): void {
    const isCrowded = vifs.some(({ polls, crowdedPolls }) => crowdedPolls > PACE_CROWDED * polls)
    const wanted = this.#isPaced ? isCrowded : isCrowded && isOver && this.#waitShare! > PACE_WAIT_SHARE
    this.#pacedUs += periodUs
    this.#otherwiseUs = wanted === this.#isPaced ? 0 : this.#otherwiseUs + periodUs
    const isProbe = this.#isPaced && this.#pacedUs > PACE_PROBE_US
    if (!isProbe && this.#otherwiseUs <= PACE_DELAY_US) return
    this.#isPaced = !this.#isPaced
    this.#pacedUs = 0
    this.#otherwiseUs = 0
  }

  /**
   * A rest of which something is left for holds. What gathers in it is taken burst by burst, and without a hold each burst
   * ends all batches. With u of its time used, a thread works for R u / (1 - u) after a rest of R: the rest is the part 1 - u of
   * the delay, so that a hold lasts through the work, unless what gathers is a burst at most. A thread that always has
   * work never rests, and holds alone make its batches.
   */
  #sharedRest(restUs: number, loads: readonly SlackLoad[]): number {
    let rate = 0
    for (const load of loads) rate += load.rate
    const idleShare = Math.max(0, 1 - this.#useShare! - this.#waitShare!)
    const sharedUs = Math.min(restUs, Math.max(restUs * idleShare, BURST / rate))
    return sharedUs < MIN_REST_US ? 0 : sharedUs
  }

  /**
   * The shortest hold that is worth it. One that is due before the next rest is over ends that rest for all: the thread
   * wakes more often, and publishes late, after what it polled then. Only one that lasts through the work may be shorter.
   */
  #leastHold(lastsThroughWork: boolean): number {
    if (this.#restUs === 0) return MIN_DELAY_US
    return lastsThroughWork ? MIN_HOLD_US : this.#restUs
  }

  /** What was used over what the model says for the delays in force. */
  #trim(
    periodUs: number,
    loads: readonly SlackLoad[],
    estimates: readonly VifEstimate[],
    pacing: Pacing,
  ): number {
    const delaysUs = estimates.map(({ delayUs }) => delayUs)
    const model = sumShares(sharesAt(loads, delaysUs, this.#restUs, pacing))
    this.#trimModel = fastUpSlowDown(this.#trimModel, model, periodUs, TRIM_US, TRIM_US)
    if (this.#trimModel <= 0) return 1
    return Math.min(
      TRIM_BOUND,
      Math.max(1 / TRIM_BOUND, (this.#useShare! + this.#waitShare!) / this.#trimModel),
    )
  }

  #decideVif(
    sample: VifSample,
    estimate: VifEstimate,
    load: SlackLoad,
    { publishUs, frameUs, byteUs }: Costs,
    { need, fair, least }: { readonly need: number; readonly fair: number; readonly least: number },
  ): VifDecision {
    const verdict = this.#verdict(sample, estimate, need, fair)
    const publications = publicationRate(load, estimate.delayUs)
    const limits = this.#limits(sample, estimate, load)
    return {
      vif: sample.vif,
      limits,
      verdict,
      figures: shown({
        targetUs: sample.targetUs,
        totalP99Us: sample.totalP99Us,
        holdP99Us: sample.holdP99Us,
        queueP99Us: estimate.queueP99Us,
        floorP99Us: (estimate.queueP99Us + least * load.slackUs) / GUARD,
        slackUs: load.slackUs,
        theta: this.#theta,
        delayUs: this.#restUs + limits.holdUs,
        restUs: this.#restUs,
        rateFps: load.rate * 1e6,
        burstFrames: load.burstRate > 0 ? load.rate / load.burstRate : 1,
        urgentShare: load.urgentShare,
        predictedBatch: publications > 0 ? load.rate / publications : 1,
        publishCostUs: publishUs,
        frameCostUs: frameUs,
        byteCostUs: byteUs,
        needShare: need,
        fairShare: fair,
      }),
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

  /** What remains of the delay after the rest is the hold. */
  #limits({ receiveRoom }: VifSample, estimate: VifEstimate, load: SlackLoad): HoldLimits {
    const holdUs = estimate.delayUs - this.#restUs
    if (holdUs < this.#leastHoldUs) return NATURAL_LIMITS
    const useful = load.frameUs > 0 ? Math.ceil(load.publishUs / (MIN_SAVING * load.frameUs)) : MAX_FRAMES
    const room = Math.max(1, Math.floor((this.#fillsRings ? 1 : RECEIVE_SHARE) * receiveRoom))
    const gapUs = this.#restUs + GAP_FACTOR * estimate.gapUs
    return {
      holdUs,
      maxFrames: Math.min(MAX_FRAMES, room, Math.max(MIN_FRAMES, useful)),
      maxBytes: NO_LIMIT,
      gapUs: gapUs < holdUs ? gapUs : NO_LIMIT,
      urgentPublish: true,
    }
  }
}

/** Slack-scaling under the budget, targets and weights that every sample carries. */
export function adaptivePolicy(): Policy {
  return new AdaptivePolicy()
}

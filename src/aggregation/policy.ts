import { type HoldLimits, NO_LIMIT } from './hold-limits.js'

/**
 * A policy sets the hold limits of every vif from counters, once per control period (a few milliseconds). It has no
 * clock, no I/O and no ring, so engine and simulator run the same code.
 *
 *     plane: per frame            controller: per period
 *     mustPublish(limits)  --counters-->  policy.decide(sample)
 *            ^                                    |
 *            +------------- limits ---------------+--> figures for `tune explain`
 */

/** Counts of one vif over the period, and what its user asked for. */
export interface VifSample {
  /** Names the vif from period to period. */
  readonly vif: number
  /** p99 of the time from arrival to publication that the user accepts, in microseconds. */
  readonly targetUs: number
  /** Share of the core relative to other vifs, > 0. */
  readonly weight: number
  /** Frames and bytes that came for the vif, dropped ones included. */
  readonly arrivedFrames: number
  readonly arrivedBytes: number
  /** Polls that found frames for the vif. */
  readonly arrivedBursts: number
  /** Bursts with an urgent frame. */
  readonly urgentBursts: number
  /** Publications, and the frames and bytes that they carried. */
  readonly publications: number
  readonly publishedFrames: number
  readonly publishedBytes: number
  /** Frames that the vif's guest sent, and how many its transmit rings have room for. */
  readonly sentFrames: number
  readonly sendRoom: number
  /** Polls that found frames in them, and those that found hardly any room left. */
  readonly polls: number
  readonly crowdedPolls: number
  /** Frames that its receive rings have room for when they are empty. */
  readonly receiveRoom: number
  /** p99 over frames published lately, in microseconds; NaN when there were none. */
  readonly holdP99Us: number
  readonly queueP99Us: number
  readonly totalP99Us: number
}

/** One control period of an engine thread. */
export interface HostSample {
  readonly periodUs: number
  /** CPU time in which the thread did work (spinning is none), in microseconds. */
  readonly busyUs: number
  /** Time in which it could have worked but others had its core, in microseconds: CPU is scarce then, too. */
  readonly waitUs: number
  /** Sleeps that ended. */
  readonly wakes: number
  /** Share of the core that the thread may use (0 to 1). */
  readonly budget: number
  readonly vifs: readonly VifSample[]
}

/** Most frames that a thread takes from a port before it turns to the next. */
export const BURST = 64

/** What a decision comes to. `set`: the limits follow from the policy's settings alone. */
export const VERDICTS = {
  set: 'the limits are the settings of the policy',
  'no-hold': 'the CPU is not scarce, so nothing is held',
  held: 'delayed as long as theta allows of what the target leaves',
  'infeasible-cpu': 'even at the longest delay that the target allows it needs more CPU than its share',
  'infeasible-queue': 'queueing alone takes longer than the target; a shorter hold would not help',
} as const

/** What a decision comes to; `VERDICTS` says it in words. */
export type Verdict = keyof typeof VERDICTS
export const VERDICT_NAMES = Object.keys(VERDICTS) as readonly Verdict[]

/**
 * What a decision rests on, by name, units last. Policies that measure nothing have none of them, and what is not known or
 * without bound is left out. For the whole thread:
 *
 * - `theta` part of each slack that is spent; `budget` as set, `availableShare` the same as the model counts, `trim` their
 *   ratio; `useShare` and `waitShare` of the time worked, and ready to run while others had the processor
 * - `needShare` what would be used at the longest delays that the targets allow: above `availableShare`, the targets are
 *   infeasible within the budget
 * - `restUs`, `workUs`, `longestRestUs` the rest, the work before it, the rest that senders' rings have room for
 * - `wakeCostUs`, `publishCostUs`, `frameCostUs`, `byteCostUs` what a wake-up, a publication, a frame, a byte costs
 */
export const ENGINE_FIGURES = [
  'theta',
  'budget',
  'useShare',
  'waitShare',
  'availableShare',
  'needShare',
  'trim',
  'restUs',
  'workUs',
  'longestRestUs',
  'wakeCostUs',
  'publishCostUs',
  'frameCostUs',
  'byteCostUs',
] as const
/**
 * The same for one vif:
 *
 * - `targetUs`; `totalP99Us`, `holdP99Us` as measured over about the last 50 ms
 * - `queueP99Us` p99 of all that nobody decided: in the sender's ring beyond the rest, waiting for the processor, in the
 *   backlog. Above the target, no shorter hold meets it
 * - `floorP99Us` the lowest target that the budget pays for, all vifs delayed by the same part of their slack: above
 *   `targetUs`, the target is infeasible within the budget. Left out where no delay keeps it, because frames alone cost more
 * - `slackUs`, `delayUs` what the target leaves for delays, and what is spent of it: rest (`restUs`) and hold together
 * - `rateFps`, `burstFrames` frames a second, and frames that come together; `urgentShare` of the bursts that may not wait;
 *   `predictedBatch` frames a publication by the model
 * - `needShare` the core's share that it needs at its longest delay, `fairShare` what it gets of what is available
 * - `profile` what policy dim has chosen
 */
export const VIF_FIGURES = [
  'targetUs',
  'totalP99Us',
  'holdP99Us',
  'queueP99Us',
  'floorP99Us',
  'slackUs',
  'theta',
  'delayUs',
  'restUs',
  'rateFps',
  'burstFrames',
  'urgentShare',
  'predictedBatch',
  'publishCostUs',
  'frameCostUs',
  'byteCostUs',
  'needShare',
  'fairShare',
  'profile',
] as const

/** Figures of a decision for the whole engine. */
export type EngineFigures = Readonly<Partial<Record<(typeof ENGINE_FIGURES)[number], number>>>

/** Figures of a decision for one vif. */
export type VifFigures = Readonly<Partial<Record<(typeof VIF_FIGURES)[number], number>>>

/** Limits of one vif with the figures that they rest on. */
export interface VifDecision {
  readonly vif: number
  readonly limits: HoldLimits
  readonly verdict: Verdict
  readonly figures: VifFigures
}

/** All limits for the next period. */
export interface Decision {
  readonly policy: string
  /** How long the thread sleeps between polls of the senders' rings, without asking for kicks; 0: it asks for one at every frame. */
  readonly restUs: number
  /** After so much work the thread rests although there is more to do; infinite: it works on. */
  readonly workUs: number
  readonly vifs: readonly VifDecision[]
  readonly figures: EngineFigures
}

/** A way to choose hold limits. Keeps state between periods; equal samples in equal order give equal decisions. */
export interface Policy {
  readonly name: string
  /** The limits of every vif, where they do not depend on what is measured. */
  readonly limits?: HoldLimits
  decide(sample: HostSample): Decision
}

/** Publish when the burst is over, hold nothing. */
export const NATURAL_LIMITS: HoldLimits = {
  holdUs: 0,
  maxFrames: NO_LIMIT,
  maxBytes: NO_LIMIT,
  gapUs: NO_LIMIT,
  urgentPublish: false,
}

function constantPolicy(name: string, limits: HoldLimits): Policy {
  return {
    name,
    limits,
    decide: ({ vifs }) => ({
      policy: name,
      restUs: 0,
      workUs: Number.POSITIVE_INFINITY,
      vifs: vifs.map(({ vif }) => ({ vif, limits, verdict: 'set', figures: {} })),
      figures: {},
    }),
  }
}

/** One publication and one call per frame: the baseline of the literature. */
export function perPacketPolicy(): Policy {
  return constantPolicy('per-packet', { ...NATURAL_LIMITS, maxFrames: 1 })
}

/** One publication per burst, as drivers without a timer do. */
export function naturalPolicy(): Policy {
  return constantPolicy('natural', NATURAL_LIMITS)
}

/** The literature's container: released when it has `maxFrames` or is `holdUs` old. Source: Bourguiba et al. 2012. */
export function fixedPolicy(holdUs: number, maxFrames: number): Policy {
  return constantPolicy('fixed', { ...NATURAL_LIMITS, holdUs, maxFrames })
}

/** One line for a person: what was decided for a vif and the figures behind it. */
export function explain({ limits, verdict, figures }: VifDecision): string {
  const shown = Object.entries(figures)
    .filter(([, value]) => !Number.isNaN(value))
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
  const reason = `${verdict}: ${VERDICTS[verdict]}`
  return [`hold ${Number(limits.holdUs.toPrecision(4))} us`, reason, ...shown].join('; ')
}

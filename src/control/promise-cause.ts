/**
 * Why a delay target is missed, judged by what was measured while it was. A cause is named when it can explain the late
 * frames, in this order:
 *
 *     budget     the targets need more work than the budget, and what was not decided would be within the target
 *     shared     the switch waited for its processor for as much of the time as frames were late, or for half as much
 *     rate-limit the port's own limit toVm held back at least half as many frames as were late
 *     burst      frames come in trains far longer than a steady load of their rate would bring, while the switch has time
 *     receiver   at least half as many frames as were late waited for buffers of the guest, under a steady load
 *     machine    the target is not longer than a few wake-ups take, and nothing else delays the frames
 *     queueing   the time before the switch came to the frames is beyond the target by itself
 *     hold       what remains: frames were published later than was decided
 *
 * The share of late frames is what a cause is held against: a p99 is missed by the last few in a hundred, so whoever keeps
 * the switch from its processor for 2 % of the time has made it miss.
 */
import { delayText } from './delay-text.js'

/** What was measured over the time that a verdict is about. Shares are 0 to 1. */
export interface MissEvidence {
  readonly targetUs: number
  readonly p99Us: number
  /** p99 of the time before the switch came to the frames, and of the time that they were held. */
  readonly queueP99Us: number
  readonly holdP99Us: number
  /** Late frames, of all; and of the late ones, as many as waited for the switch beyond the target. */
  readonly lateShare: number
  readonly lateByQueueShare: number
  /** Frames that waited in the switch for buffers of the guest, or for its rate limit where it has one, of all. */
  readonly backloggedShare: number
  readonly isRateLimited: boolean
  /** Frames for the guest that came at once, in the mean; and as many as a steady load of their rate would bring at once. */
  readonly burstFrames: number
  readonly steadyBurstFrames: number
  /** Frames that come in the mean while one waits for the switch: when that is held up, a steady load gathers to so many. */
  readonly queuedFrames: number
  /** Of the time: in which the switch worked, and in which it was ready to and others had its processor. */
  readonly useShare: number
  readonly waitShare: number
  readonly budget: number
  /** Whether keeping the targets takes more of a processor than the budget is, by the work of the switch alone. */
  readonly isOverBudget: boolean
  /** Share of a processor that all targets together need, without what others take; undefined: the policy has no model. */
  readonly neededShare: number | undefined
  /** p99 of the delay that nobody decided, by the controller's estimate; undefined: it has none. */
  readonly undecidedP99Us: number | undefined
  /** The shortest target that the budget pays for; undefined: none, or not known. */
  readonly floorUs: number | undefined
  /** What a wake-up costs; undefined: not known. */
  readonly wakeUs: number | undefined
}

/** Causes of a miss; the most specific that explains it is named. */
export const MISS_CAUSES = [
  'budget',
  'shared',
  'rate-limit',
  'burst',
  'receiver',
  'machine',
  'queueing',
  'hold',
] as const
/** Why a target is missed. */
export type MissCause = (typeof MISS_CAUSES)[number]

/** A cause with what shows it, in words that follow "because", and what an operator can do about it, in a sentence. */
export interface ExplainedMiss {
  readonly cause: MissCause
  readonly because: string
  readonly advice: string
}

/** A cause explains the late frames if it can have met this part of them. */
const EXPLAINS = 0.5
/** Trains: so many frames at once, and so many times what a steady load would bring. */
const TRAIN_FRAMES = 8
const TRAIN_FACTOR = 4
/** A switch that uses less of the time has time left. */
const HAS_TIME = 0.7
const BUSY = 0.9
/** Of a wake-up's cost, which varies, a p99 is so many; and what it is where nothing was measured, in microseconds. */
const WAKE_FACTOR = 4
const WAKE_DEFAULT_US = 50
/** What is added to a budget or a target that just suffices. */
const MARGIN = 1.1

const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`

/** A share of a processor as one gives it: up to the next hundredth. */
function askedShare(share: number): string {
  return (Math.ceil(share * 100) / 100).toString()
}

/** The cause that explains most specifically why a target is missed. */
export function causeOf(evidence: MissEvidence): MissCause {
  const { lateShare, waitShare, burstFrames, useShare } = evidence
  const { undecidedP99Us = Number.POSITIVE_INFINITY, wakeUs = WAKE_DEFAULT_US } = evidence
  if (evidence.isOverBudget && undecidedP99Us <= evidence.targetUs) return 'budget'
  if (waitShare >= EXPLAINS * lateShare) return 'shared'
  const isBacklogged = evidence.backloggedShare >= EXPLAINS * lateShare
  // Where frames wait for buffers, that is what their time before the switch is made of, and nothing held it up.
  const steady = evidence.steadyBurstFrames + (isBacklogged ? 0 : evidence.queuedFrames)
  const isTrain =
    burstFrames >= TRAIN_FRAMES && burstFrames >= TRAIN_FACTOR * steady && useShare + waitShare < HAS_TIME
  if (isBacklogged && evidence.isRateLimited) return 'rate-limit'
  if (isTrain) return 'burst'
  if (isBacklogged) return 'receiver'
  if (evidence.lateByQueueShare < EXPLAINS) return 'hold'
  const slowUs = WAKE_FACTOR * wakeUs
  const isShort = evidence.targetUs <= slowUs && evidence.queueP99Us <= slowUs
  return isShort && useShare < BUSY ? 'machine' : 'queueing'
}

/** What the targets need against the budget, and what to do to stay within it. */
export function budgetWords(evidence: MissEvidence): Omit<ExplainedMiss, 'cause'> {
  const { neededShare = 0, budget, floorUs } = evidence
  const wanted = neededShare * MARGIN
  const target = floorUs === undefined ? '' : `the target to about ${delayText(floorUs)}`
  const ways = [
    ...(wanted <= 1 ? [`the budget to about ${askedShare(wanted)}`] : []),
    ...(target ? [target] : []),
  ]
  return {
    because: `the targets need ${askedShare(neededShare)} of a processor, the budget is ${budget}`,
    advice:
      ways.length > 0
        ? `Raise ${ways.join(', or ')}.`
        : 'No budget is enough for this load: send less, or divide the ports among two switches.',
  }
}

function queueingWords({ queueP99Us, useShare }: MissEvidence): Omit<ExplainedMiss, 'cause'> {
  const waited = `frames wait before the switch comes to them, p99 ${delayText(queueP99Us)}`
  return useShare >= BUSY
    ? {
        because: `${waited}: it works ${percent(useShare)} of the time`,
        advice: 'Lower the load, or divide the ports among two switches.',
      }
    : {
        because: `${waited}, although it works only ${percent(useShare)} of the time: something holds it up`,
        advice:
          'Look for what stops its process: a debugger, a freezer or quota of its control group, a device that blocks.',
      }
}

const WORDS: Readonly<Record<MissCause, (evidence: MissEvidence) => Omit<ExplainedMiss, 'cause'>>> = {
  budget: (evidence) => {
    const { because, advice } = budgetWords(evidence)
    return { because: `it is infeasible within the budget: ${because}`, advice }
  },
  shared: ({ waitShare }) => ({
    because: `others have the processor of the switch: it waits for it ${percent(waitShare)} of the time`,
    advice:
      'Give the switch a processor of its own (engine setting cpu, and keep others off it), or more weight in its control group.',
  }),
  'rate-limit': ({ backloggedShare }) => ({
    because: `its rate limit toVm holds ${percent(backloggedShare)} of the frames back`,
    advice: 'Raise toVm or its burst, or send the guest less.',
  }),
  receiver: ({ backloggedShare }) => ({
    because: `its guest posts buffers too late: ${percent(backloggedShare)} of the frames wait for one`,
    advice: 'Give the guest more processor time or larger receive rings, or send it less.',
  }),
  burst: ({ burstFrames, steadyBurstFrames, p99Us }) => ({
    because: `frames come in trains: ${Math.round(burstFrames)} at once in the mean, a steady load would bring ${Math.max(1, Math.round(steadyBurstFrames))}`,
    advice: `Have the sender pace what it sends (tc fq, or fromVm for its port), or raise the target to about ${delayText(p99Us * MARGIN)}.`,
  }),
  machine: ({ queueP99Us, p99Us, wakeUs = WAKE_DEFAULT_US }) => ({
    because: `this machine is no faster: a wake-up takes ${delayText(wakeUs)}, p99 of the way to the switch ${delayText(queueP99Us)}`,
    advice: `Raise the target to about ${delayText(p99Us * MARGIN)}, or keep processors awake: ringferry tune awake 0.5.`,
  }),
  queueing: queueingWords,
  hold: ({ holdP99Us, queueP99Us }) => ({
    because: `batches are published later than the target leaves time for: p99 of hold ${delayText(holdP99Us)}, of queue ${delayText(queueP99Us)}`,
    advice:
      'Raise the target or the budget a little; if the load changes all the time, the controller follows it late.',
  }),
}

/** The cause of a miss with its evidence in words. */
export function explainMiss(evidence: MissEvidence): ExplainedMiss {
  const cause = causeOf(evidence)
  return { cause, ...WORDS[cause](evidence) }
}

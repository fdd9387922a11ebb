/** What `ringferry tune explain` prints: one decision as a sentence, and what became of it. */
import type { Verdict } from '../aggregation/policy.js'
import { delayText } from '../control/delay-text.js'
import type { Tuning } from '../daemon/api/routes/tuning.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { shortNumber } from './output.js'
import { wrap } from './text-width.js'
import { type ShownTuning, shareText } from './tune-show.js'

type VifTuning = Tuning['vifs'][number]

const INDENT = '    '
const SHOWN_DECISIONS = 8
const SHOWN_REASONS = 3
/** A share of the processor to write: smaller ones are none. */
const LEAST_SHARE = 0.005

/** Why batches end, in words that follow "because". */
const REASONS: Readonly<Record<string, string>> = {
  full: 'the guest had no buffer left',
  frames: 'a batch had as many frames as it may',
  bytes: 'a batch had as many bytes as it may',
  'no-hold': 'a burst was over and nothing is held',
  polling: 'the guest polls and needs no call',
  urgent: 'a frame must not wait',
  deadline: 'a batch was held as long as decided',
  gap: 'no more frames came',
}

const ofProcessor = (share: number): string => `${Number(share.toPrecision(2))} of a processor`

/** "The switch uses 0.31 of its processor and waits 0.02 for it". */
function useWords({ useShare = 0, waitShare = 0 }: Tuning['figures']): string {
  const waits = waitShare < LEAST_SHARE ? '' : ` and waits for it ${shareText(waitShare)} of the time`
  return `the switch uses ${Number(useShare.toPrecision(2))} of its processor${waits}`
}

/** "rests 50 us between two polls and holds its batches 45 us" */
function delayWords({ delayUs = 0, restUs = 0 }: Readonly<Record<string, number>>): string {
  const holdUs = Math.max(0, delayUs - restUs)
  const parts = [
    ...(restUs > 0 ? [`rests ${delayText(restUs)} between two polls`] : []),
    ...(holdUs >= 1 || restUs === 0 ? [`holds its batches ${delayText(holdUs)}`] : []),
  ]
  return parts.join(' and ')
}

/** What is decided for a vif, by the verdict of its last decision. */
const DECISIONS: Readonly<Record<Verdict, (vif: VifTuning, tuning: Tuning) => string>> = {
  set: ({ limits }, { policy }) => {
    const ends: Readonly<Record<string, string>> = {
      natural: 'frames are published at the end of every burst',
      'per-packet': 'every frame is published by itself',
      fixed: `batches are held up to ${delayText(limits.holdUs)} or ${limits.maxFrames} frames`,
      dim: `batches are held up to ${delayText(limits.holdUs)} or ${limits.maxFrames} frames by the load`,
    }
    return `${ends[policy.name] ?? 'limits follow the settings'}, whatever the target: so policy ${policy.name} has it`
  },
  'no-hold': (_, { budget, figures }) =>
    `nothing is held and every burst is published at once: ${useWords(figures)}, which leaves room in its budget of ${budget}`,
  held: ({ decision }, { budget, figures: { theta = 1 } }) => {
    const { queueP99Us = 0, targetUs = 0, predictedBatch = 1, rateFps = 0 } = decision?.figures ?? {}
    return `the switch ${delayWords(decision?.figures ?? {})}: the target of ${delayText(targetUs)} leaves that beside ${delayText(queueP99Us)} of queueing, and ${shareText(theta)} of what targets leave is used, the least that keeps the budget of ${budget}; that makes batches of about ${predictedBatch.toFixed(1)} frames at ${shortNumber(rateFps)} frames/s`
  },
  'infeasible-cpu': ({ decision }, { budget }) => {
    const { needShare = 0, fairShare = 0, floorP99Us } = decision?.figures ?? {}
    const floor =
      floorP99Us === undefined ? '' : `; the budget would pay for a target of about ${delayText(floorP99Us)}`
    return `the switch ${delayWords(decision?.figures ?? {})}, which is all that the target leaves, and goes beyond its budget of ${budget}: the vif needs ${ofProcessor(needShare)}, its share is ${ofProcessor(fairShare)}${floor}`
  },
  'infeasible-queue': ({ decision }) => {
    const { queueP99Us = 0, targetUs = 0 } = decision?.figures ?? {}
    return `holding less would not help: frames wait ${delayText(queueP99Us)} before the switch comes to them, and the target is ${delayText(targetUs)}`
  },
}

function decisionSentence(vif: VifTuning, tuning: Tuning): string {
  const { decision } = vif
  if (!decision) return `Nothing was decided for ${vif.name} yet.`
  const words = DECISIONS[decision.verdict](vif, tuning)
  return `${words[0]?.toUpperCase()}${words.slice(1)}.`
}

/** "Batches ended because a frame must not wait (54 %), ..." */
function reasonsSentence({ published }: VifTuning): string {
  const counts = Object.entries(published).sort(([, a], [, b]) => b - a)
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  if (total === 0) return 'Nothing was published yet.'
  const shown = counts
    .slice(0, SHOWN_REASONS)
    .map(([name, count]) => `${REASONS[name] ?? name} (${shareText(count / total)})`)
  return `Since the port was added batches ended because ${shown.join(', or ')}${counts.length > SHOWN_REASONS ? ', or others' : ''}.`
}

/**
 * The last decision for a vif as a sentence, its verdict and why its batches ended, in lines of so many columns. Throws
 * NOT_FOUND. @param verbose with the figures of the last decisions
 */
export function explainTuning(
  { tuning, promises }: ShownTuning,
  name: string,
  columns: number,
  verbose = false,
): string {
  const vif = tuning.vifs.find((each) => each.name === name)
  const promise = promises.find((each) => each.name === name)
  if (!vif)
    throw new RingferryError(
      'NOT_FOUND',
      `vif ${name}: no vif of this name is under the policy${didYouMean(
        name,
        tuning.vifs.map((each) => each.name),
      )}; see ringferry tune show`,
    )
  const paragraphs = [
    decisionSentence(vif, tuning),
    ...(promise ? [`Its target: ${promise.sentence}. ${promise.advice}`.trim()] : []),
    reasonsSentence(vif),
    ...(verbose
      ? tuning.decisions.slice(-SHOWN_DECISIONS).map(({ atUs, applied, vifs }) => {
          const why = vifs.find((each) => each.name === name)?.why ?? 'not decided on'
          return `${(atUs / 1e6).toFixed(3)} s${applied ? '' : ', dry run'}: ${why}`
        })
      : []),
  ]
  return [`${name}: target ${delayText(vif.targetUs)} at p99, weight ${vif.weight}`, ...paragraphs]
    .flatMap((paragraph, at) => wrap(paragraph, columns, at === 0 || !verbose ? '' : INDENT))
    .join('\n')
}

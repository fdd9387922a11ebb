import type { PolicyName } from '../aggregation/create.js'
import { delayText } from './delay-text.js'
import type { ExplainedMiss } from './promise-cause.js'
import type { NotHeld, VifReading } from './promise-reading.js'
import { LEAST_FRAMES, type PromiseFacts } from './promise-verdict.js'

/** "10 s" or "5 min". */
function windowName(windowS: number): string {
  return windowS < 60 ? `${windowS} s` : `${windowS / 60} min`
}

/** "p99 of the last 10 s 123 us (8120 frames), target 200 us" */
function measured({ windowS, last10s, last300s, targetUs }: PromiseFacts): string {
  const { p99Us, frames } = windowS === 10 ? last10s : last300s
  const p99 = p99Us === null ? 'not known' : delayText(p99Us)
  return `p99 of the last ${windowName(windowS)} ${p99} (${frames} frames), target ${delayText(targetUs)}`
}

function noLoad(facts: PromiseFacts, { isAttached }: VifReading): string {
  const { frames } = facts.last300s
  if (!isAttached) return 'no load: no guest is attached'
  if (frames === 0) return 'no load'
  if (frames < LEAST_FRAMES) return `no load: ${frames} frames in 5 min, a p99 takes ${LEAST_FRAMES}`
  return `no verdict yet, a miss takes 5 s: ${measured(facts)}`
}

/** Why a target is not held, and what to do to have it held. */
const NOT_HELD: Readonly<Record<NotHeld, (policy: PolicyName) => readonly [string, string]>> = {
  policy: (policy) => [
    `policy ${policy} does not hold targets`,
    'To have targets held: ringferry tune policy adaptive.',
  ],
  publish: () => [
    'the setting publish of the port takes the place of the policy',
    'Take publish off the port to have its target held.',
  ],
  'dry-run': () => ['a dry run leaves the limits as they are', 'End tune --dry-run to have targets held.'],
}

/** A verdict in sentences; `advice` is empty where there is nothing to do. */
export function promiseWords(
  facts: PromiseFacts,
  reading: VifReading,
  miss: ExplainedMiss | undefined,
  overBudget: Omit<ExplainedMiss, 'cause'> | undefined,
): { readonly sentence: string; readonly advice: string } {
  switch (facts.state) {
    case 'met':
      return {
        sentence: `met since ${facts.since}${overBudget ? ` beyond the budget: ${overBudget.because};` : ':'} ${measured(facts)}`,
        advice: overBudget?.advice ?? '',
      }
    case 'no-load':
      return { sentence: noLoad(facts, reading), advice: '' }
    case 'not-held': {
      const [sentence, advice] = NOT_HELD[reading.notHeld ?? 'policy'](reading.policy)
      return { sentence: `${sentence}; ${measured(facts)}`, advice }
    }
    case 'missed': {
      const because = ` because ${miss?.because ?? 'of a cause that is not known'}`
      const advice = miss?.advice ?? ''
      return facts.missedByUs === 0
        ? {
            sentence: `missed since ${facts.since}${because}; within the target again, met after 10 s of it`,
            advice,
          }
        : { sentence: `missed by ${delayText(facts.missedByUs ?? 0)} since ${facts.since}${because}`, advice }
    }
  }
}

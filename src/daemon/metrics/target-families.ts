/** Metrics of delay targets: the verdicts of docs/promise.md. */
import { MISS_CAUSES } from '../../control/promise-cause.js'
import { PROMISE_STATES, type PromiseVerdict } from '../../control/promise-verdict.js'
import { type Family, oneHot, type ValueFamily } from './family.js'

const US_PER_S = 1e6
const WINDOWS = ['10s', '300s'] as const

function ofTarget(name: string, help: string, read: (verdict: PromiseVerdict) => number): ValueFamily {
  return {
    ...{ type: 'gauge', name: `ringferry_target_${name}`, help, labels: { port: 'port' } },
    read: ({ verdicts }) =>
      verdicts.map((verdict) => ({ labels: { port: verdict.name }, value: read(verdict) })),
  }
}

type Summary = PromiseVerdict['last10s']

/** A figure of both windows; it is left out where there were no frames. */
function ofWindows(name: string, help: string, read: (summary: Summary) => number | null): ValueFamily {
  return {
    ...{ type: 'gauge', name: `ringferry_target_${name}`, help, labels: { port: 'port', window: WINDOWS } },
    read: ({ verdicts }) =>
      verdicts.flatMap(({ name: port, last10s, last300s }) =>
        [last10s, last300s].flatMap((summary, at) => {
          const value = read(summary)
          return value === null ? [] : [{ labels: { port, window: WINDOWS[at] as string }, value }]
        }),
      ),
  }
}

export const TARGET_FAMILIES: readonly Family[] = [
  ofTarget(
    'delay_seconds',
    'The target: p99 from arrival to publication that was asked for',
    ({ targetUs }) => targetUs / US_PER_S,
  ),
  {
    ...{ type: 'gauge', name: 'ringferry_target_state', labels: { port: 'port', state: PROMISE_STATES } },
    help: '1 for the verdict about the target, 0 for the others',
    read: ({ verdicts }) =>
      verdicts.flatMap(({ name, state }) => oneHot({ port: name }, 'state', PROMISE_STATES, state)),
  },
  {
    ...{ type: 'gauge', name: 'ringferry_target_miss_cause', labels: { port: 'port', cause: MISS_CAUSES } },
    help: '1 for the cause why the target is missed, 0 for the others; budget: infeasible within the budget',
    read: ({ verdicts }) =>
      verdicts.flatMap(({ name, cause }) => oneHot({ port: name }, 'cause', MISS_CAUSES, cause)),
  },
  ofTarget(
    'missed_by_seconds',
    'By how much p99 is beyond the target; 0 unless it is missed',
    ({ missedByUs }) => (missedByUs ?? 0) / US_PER_S,
  ),
  ofTarget(
    'over_budget',
    'Whether keeping the targets takes more of a processor than the budget',
    ({ overBudget }) => (overBudget ? 1 : 0),
  ),
  ofWindows('p99_seconds', 'p99 from arrival to publication over the window', ({ p99Us }) =>
    p99Us === null ? null : p99Us / US_PER_S,
  ),
  ofWindows(
    'within_ratio',
    'Part of the frames within the target over the window',
    ({ withinShare }) => withinShare,
  ),
]

/**
 * Delays that a program counted, as metrics and as a curve. What was lost is part of them: it is late for ever, so that
 * no percentile gets better by losing. In a figure "for ever" is longer than anything that could have come back while
 * the window and the wait after it lasted.
 */

import type { Metrics } from '../record/metrics.js'
import type { DelayReport } from './programs/delay-counts.js'
import type { LoadWindow } from './workload.js'

type Delays = DelayReport['delays']

/** Points of the curve, as shares. */
const CURVE = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1] as const
/** Answers are waited for no longer than this after the window. */
export const GRACE_S = 1

/** The metrics of delayMetrics. */
export const DELAY_METRICS = ['meanUs', 'p50Us', 'p90Us', 'p99Us', 'p999Us', 'maxUs'] as const

/** What was sent and never came, and the delay in microseconds that stands for it. */
export interface Lost {
  readonly count: number
  readonly us: number
}

export const NOTHING_LOST: Lost = { count: 0, us: Number.POSITIVE_INFINITY }

/** So many lost in a window. */
export function lostIn({ warmUpS, measureS }: Pick<LoadWindow, 'warmUpS' | 'measureS'>, count: number): Lost {
  return { count, us: (warmUpS + measureS + GRACE_S) * 1e6 }
}

/** The value of rank ceil(q n) of counted values in ascending order, the lost ones last. NaN when there is none. */
export function delayQuantile(delays: Delays, q: number, lost: Lost = NOTHING_LOST): number {
  const arrived = delays.reduce((sum, [, many]) => sum + many, 0)
  if (arrived + lost.count === 0) return Number.NaN
  // The product of, say, 0.9 and 10 may lie a hair above 9.
  const rank = Math.max(1, Math.ceil((arrived + lost.count) * q - 1e-9))
  let seen = 0
  for (const [us, many] of delays) {
    seen += many
    if (seen >= rank) return us
  }
  return lost.us
}

/** Quantiles of all in microseconds, mean and largest of those that came; nothing when nothing was sent. */
export function delayMetrics(report: DelayReport, lost: Lost = NOTHING_LOST): Metrics {
  if (report.count + lost.count === 0) return {}
  const at = (q: number): number => delayQuantile(report.delays, q, lost)
  return {
    ...(report.count === 0 ? {} : { meanUs: report.meanUs, maxUs: report.maxUs }),
    ...{ p50Us: at(0.5), p90Us: at(0.9), p99Us: at(0.99), p999Us: at(0.999) },
  }
}

/** The series "percentiles": percent, then the delay in microseconds that so many stay within. */
export function percentileCurve(report: DelayReport, lost: Lost = NOTHING_LOST): [number, number][] {
  const count = report.count + lost.count
  if (count === 0) return []
  // A percentile that fewer values than needed stand behind says no more than the maximum.
  const points = CURVE.filter((q) => q === 1 || count * (1 - q) >= 1)
  return points.map((q) => [
    q * 100,
    q === 1 && lost.count === 0 ? report.maxUs : delayQuantile(report.delays, q, lost),
  ])
}

/**
 * The quantile among all that was offered, of which a share was lost, by a quantile function over what came.
 * @returns microseconds; `lostUs` where the lost ones begin
 */
export function quantileWithLoss(
  ofArrived: (q: number) => number,
  q: number,
  lossRatio: number,
  lostUs: number,
): number {
  if (lossRatio <= 0) return ofArrived(q)
  const among = q / (1 - lossRatio)
  return lossRatio >= 1 || among > 1 + 1e-12 ? lostUs : ofArrived(Math.min(1, among))
}

/** Delays that a guest program counted, as metrics and as a curve. */

import type { Metrics } from '../record/metrics.js'
import type { DelayReport } from './guest-programs/delay-counts.js'

type Delays = DelayReport['delays']

/** Points of the curve, as shares. */
const CURVE = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1] as const

/** The value of rank ceil(q n) of counted values in ascending order. NaN when there is none. */
export function delayQuantile(delays: Delays, q: number): number {
  const count = delays.reduce((sum, [, many]) => sum + many, 0)
  // The product of, say, 0.9 and 10 may lie a hair above 9.
  const rank = Math.max(1, Math.ceil(count * q - 1e-9))
  let seen = 0
  for (const [us, many] of delays) {
    seen += many
    if (seen >= rank) return us
  }
  return Number.NaN
}

/** Mean, largest and quantiles in microseconds; nothing when there was no delay. */
export function delayMetrics(report: DelayReport): Metrics {
  if (report.count === 0) return {}
  const at = (q: number): number => delayQuantile(report.delays, q)
  return {
    meanUs: report.meanUs,
    ...{ p50Us: at(0.5), p90Us: at(0.9), p99Us: at(0.99), p999Us: at(0.999) },
    maxUs: report.maxUs,
  }
}

/** The series "percentiles": percent, then the delay in microseconds that so many stay within. */
export function percentileCurve(report: DelayReport): [number, number][] {
  if (report.count === 0) return []
  // A percentile that fewer values than needed stand behind says no more than the maximum.
  const points = CURVE.filter((q) => q === 1 || report.count * (1 - q) >= 1)
  return points.map((q) => [q * 100, q === 1 ? report.maxUs : delayQuantile(report.delays, q)])
}

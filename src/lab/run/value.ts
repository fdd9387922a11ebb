/** The one number of a measurement that a study watches. */

import { jainIndex, mean } from '../../stats/summary.js'
import { METRICS, type MetricName } from '../record/metrics.js'
import type { Measurement } from '../record/record.js'
import type { Value } from '../study/study.js'

type Over = NonNullable<Value['over']>

/** How values of several workloads become one when the study does not say: rates add up, delays and losses do not. */
function usualOver(metric: MetricName): Over {
  const { unit, better } = METRICS[metric]
  if (/\/s$/.test(unit) || unit === 'count') return 'sum'
  return better === 'higher' ? 'min' : 'max'
}

const JOIN: Readonly<Record<Over, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  mean,
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  jain: jainIndex,
}

/** The value in a measurement, or undefined when it has none. `of` also names all workloads "of-VM" of an `each`. */
export function measuredValue(measurement: Measurement, value: Value): number | undefined {
  const { metric, of, over = usualOver(metric) } = value
  if (of === undefined && measurement.metrics[metric] !== undefined) return measurement.metrics[metric]
  const values = measurement.workloads
    .filter(({ label, vm }) => of === undefined || label === of || label === `${of}-${vm}`)
    .flatMap(({ metrics }) => metrics[metric] ?? [])
    .filter(Number.isFinite)
  return values.length === 0 ? undefined : JOIN[over](values)
}

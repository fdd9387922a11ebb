/**
 * What neighbours do to each other. A cell of a pair measures both members in one window and gives both ordered
 * entries; a cell whose aggressor is "none" measures a load alone.
 */
import { METRIC_NAMES, METRICS, type MetricName } from '../record/metrics.js'
import type { Measurement } from '../record/record.js'
import { measuredValue } from '../run/value.js'
import { ALONE } from '../study/colocate.js'
import { type Estimate, ratioOf, type Summary } from './estimate.js'
import { type RunCell, summariseBy } from './run-cells.js'

/** Which metric tells how a load does; undefined: it has none. */
export type MetricOfLoad = (load: string, workload: string) => MetricName | undefined

export interface Interference {
  /** Loads that can be victims, with what was measured of them. */
  readonly victims: readonly { readonly load: string; readonly metric: MetricName }[]
  readonly aggressors: readonly string[]
  /** `entries[victim][aggressor]`: together / alone. */
  readonly entries: readonly (readonly (Estimate | undefined)[])[]
  /**
   * The same with lower-is-better values turned over, so that 1 is unharmed and less is worse for every load. The
   * sum for (a, b) and (b, a) is the combined score of a pair: 2 when they do not disturb each other.
   */
  readonly kept: readonly (readonly (Estimate | undefined)[])[]
  readonly combined: readonly (readonly (number | undefined)[])[]
}

type Member = 'victim' | 'aggressor'

const nameOf = (cell: RunCell, member: Member): string => String(cell.factors[member])

/** Of the metrics that are results, the first in the table that a measurement of the load has. */
export function usualMetric(measurements: readonly Measurement[], label: string): MetricName | undefined {
  return METRIC_NAMES.find(
    (metric) =>
      METRICS[metric].better !== 'none' &&
      measurements.some((measurement) =>
        measurement.workloads.some((run) => run.label === label && run.metrics[metric] !== undefined),
      ),
  )
}

/** A load's metric beside an aggressor. Of a load beside itself both members count, averaged by round. */
function together(cells: readonly RunCell[], victim: string, aggressor: string, metric: MetricName) {
  const members = (cell: RunCell): Member[] => {
    const [a, b] = [nameOf(cell, 'victim'), nameOf(cell, 'aggressor')]
    const asFirst = a === victim && b === aggressor
    const asSecond = aggressor !== ALONE && a === aggressor && b === victim
    return [...(asFirst ? (['victim'] as const) : []), ...(asSecond ? (['aggressor'] as const) : [])]
  }
  const cell = cells.find((candidate) => members(candidate).length > 0)
  if (!cell) return undefined
  return summariseBy(cell.measurements, (measurement) => {
    const values = members(cell).flatMap((of) => measuredValue(measurement, { metric, of }) ?? [])
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length
  })
}

function turnedOver({ value, low, high, n }: Estimate): Estimate | undefined {
  if (!(value > 0)) return undefined
  const bounds = low !== undefined && high !== undefined && low > 0
  return { value: 1 / value, n, ...(bounds ? { low: 1 / high, high: 1 / low } : {}) }
}

/** The matrix of cells with the factors victim and aggressor; loads without a metric are no victims. */
export function interference(cells: readonly RunCell[], metricOf?: MetricOfLoad): Interference {
  const pairs = cells.filter(({ factors }) => factors.victim !== undefined && factors.aggressor !== undefined)
  const loads = [...new Set(pairs.flatMap((cell) => [nameOf(cell, 'victim'), nameOf(cell, 'aggressor')]))]
  const aggressors = loads.filter((load) => load !== ALONE)
  const victims = aggressors.flatMap((load) => {
    const own = pairs.filter((cell) => nameOf(cell, 'victim') === load).flatMap((cell) => cell.measurements)
    const workload = own
      .flatMap(({ workloads }) => workloads)
      .find(({ label }) => label === 'victim')?.workload
    const metric = metricOf ? metricOf(load, workload ?? load) : usualMetric(own, 'victim')
    const has =
      metric && own.some((measurement) => measuredValue(measurement, { metric, of: 'victim' }) !== undefined)
    return metric && has ? [{ load, metric }] : []
  })
  const alone = new Map<string, Summary | undefined>(
    victims.map(({ load, metric }) => [load, together(pairs, load, ALONE, metric)]),
  )
  const entries = victims.map(({ load, metric }) =>
    aggressors.map((aggressor) => {
      const [beside, single] = [together(pairs, load, aggressor, metric), alone.get(load)]
      return beside && single ? ratioOf(beside, single) : undefined
    }),
  )
  const kept = entries.map((row, at) =>
    row.map((entry) =>
      entry && METRICS[victims[at]!.metric].better === 'lower' ? turnedOver(entry) : entry,
    ),
  )
  const placeOf = (load: string) => victims.findIndex((victim) => victim.load === load)
  const combined = victims.map((victim, row) =>
    aggressors.map((aggressor, column) => {
      const other = kept[placeOf(aggressor)]?.[aggressors.indexOf(victim.load)]
      const own = kept[row]![column]
      return own && other ? own.value + other.value : undefined
    }),
  )
  return { victims, aggressors, entries, kept, combined }
}

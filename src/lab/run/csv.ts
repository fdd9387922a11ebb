/** A run as a table: one row a metric, a column for each factor. Quoting of RFC 4180. */
import { METRICS, type MetricName, type Metrics } from '../record/metrics.js'
import type { Measurement } from '../record/record.js'
import type { StoredRun } from './store.js'

/** A field, quoted when it must be. */
export function csvField(value: string | number | boolean | undefined): string {
  const text = value === undefined ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

type Row = readonly (string | number | boolean | undefined)[]

function metricRows(before: Row, metrics: Metrics): Row[] {
  return Object.entries(metrics).map(([name, value]) => [
    ...before,
    ...[name, METRICS[name as MetricName].unit, value],
  ])
}

function measurementRows(measurement: Measurement, run: string, factors: readonly string[]): Row[] {
  const { cell, round, twin = false, startedAt, noise, workloads, metrics } = measurement
  const before: Row = [
    ...[run, cell, ...factors.map((name) => measurement.factors[name])],
    ...[round, twin, startedAt, noise.verdict],
  ]
  return [
    ...workloads.flatMap((one) =>
      metricRows([...before, one.label, one.workload, one.vm, one.peer], one.metrics),
    ),
    ...metricRows([...before, '', '', '', ''], metrics),
  ]
}

/** All measurements of a run in long format: a head, and a row a metric. Metrics of a cell have no workload. */
export function runRows({ header, records }: StoredRun): {
  readonly head: readonly string[]
  readonly rows: readonly Row[]
} {
  const factors = [...new Set(header.planned.flatMap((cell) => Object.keys(cell.factors)))]
  const head = [
    ...['run', 'cell', ...factors, 'round', 'twin', 'startedAt', 'noise'],
    ...['label', 'workload', 'vm', 'peer', 'metric', 'unit', 'value'],
  ]
  const rows = records.flatMap((record) =>
    record.type === 'measurement' ? measurementRows(record, header.run, factors) : [],
  )
  return { head, rows }
}

/** The same as text, lines ended by CR LF. */
export function runCsv(run: StoredRun): string {
  const { head, rows } = runRows(run)
  return [head, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('')
}

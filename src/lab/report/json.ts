/** A report as JSON: every figure with its interval and all runs behind it, for programs. */
import type { Entry } from './figure.js'
import type { Report } from './report.js'

const entryData = ({ at, measure, estimate, runs }: Entry): object => ({
  at,
  measure: measure.label,
  unit: measure.unit,
  better: measure.better,
  value: estimate?.value ?? null,
  low: estimate?.low ?? null,
  high: estimate?.high ?? null,
  n: estimate?.n ?? 0,
  ...(runs ? { runs } : {}),
})

/** JSON text with a line break at its end; `null` for what was not measured or has no interval. */
export function renderJson(report: Report): string {
  const { figures, headline, cells, ...rest } = report
  const data = {
    format: 1,
    ...rest,
    headline: headline.map(entryData),
    figures: figures.map(({ id, kind, title, notes, entries, table }) => ({
      ...{ id, kind, title, notes, table },
      entries: entries.map(entryData),
    })),
    cells: cells.map(({ id, factors, measurements, twins, failures }) => ({
      ...{ id, factors },
      rounds: measurements.length,
      twins: twins.length,
      failures: failures.length,
    })),
  }
  return `${JSON.stringify(data, undefined, 2)}\n`
}

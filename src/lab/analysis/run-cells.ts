/** The records of a run by cell: what was planned, what was measured, what failed. */
import { RingferryError } from '../../errors/errors.js'
import type { Factors, Failure, LabRecord, Measurement, RunEvent, RunHeader } from '../record/record.js'
import { measuredValue } from '../run/value.js'
import { hasFactors } from '../study/cell.js'
import type { Value } from '../study/study.js'
import { type Estimate, ratioOf, type Summary, summarise } from './estimate.js'

export interface RunCell {
  readonly id: string
  readonly factors: Factors
  /** By round; of an A/A pair the first. */
  readonly measurements: readonly Measurement[]
  /** The second of each A/A pair. */
  readonly twins: readonly Measurement[]
  readonly failures: readonly Failure[]
}

export interface RunData {
  readonly header: RunHeader
  /** In the order of the plan; cells that were measured without being planned come last. */
  readonly cells: readonly RunCell[]
  readonly events: readonly RunEvent[]
  /** The last thing recorded is the end of the run. */
  readonly finished: boolean
}

const byRound = (a: Measurement, b: Measurement): number => a.round - b.round

/** Sorts records into cells. Throws CONFIG when there is no header. */
export function runData(records: readonly LabRecord[]): RunData {
  const header = records.find((record) => record.type === 'run')
  if (!header)
    throw new RingferryError(
      'CONFIG',
      'the records have no header: not a run of the lab, or its first line is lost',
    )
  const factors = new Map(header.planned.map((planned) => [planned.cell, planned.factors]))
  for (const record of records)
    if ('cell' in record && !factors.has(record.cell)) factors.set(record.cell, record.factors)
  const cells = [...factors].map(([id, cellFactors]): RunCell => {
    const own = records.flatMap((record) =>
      record.type === 'measurement' && record.cell === id ? [record] : [],
    )
    return {
      id,
      factors: cellFactors,
      measurements: own.filter(({ twin }) => !twin).sort(byRound),
      twins: own.filter(({ twin }) => twin).sort(byRound),
      failures: records.flatMap((record) =>
        record.type === 'failure' && record.cell === id ? [record] : [],
      ),
    }
  })
  const events = records.flatMap((record) =>
    record.type === 'resumed' || record.type === 'interrupted' || record.type === 'finished' ? [record] : [],
  )
  return { header, cells, events, finished: events.at(-1)?.type === 'finished' }
}

/** Cells whose factors have all these values; all cells without them. */
export function cellsWhere(cells: readonly RunCell[], where: Factors = {}): RunCell[] {
  return cells.filter(({ factors }) => hasFactors(factors, where))
}

/** A number of every measurement that has it, summarised. */
export function summariseBy(
  measurements: readonly Measurement[],
  pick: (measurement: Measurement) => number | undefined,
): Summary | undefined {
  return summarise(
    measurements.flatMap((measurement) => {
      const value = pick(measurement)
      if (value === undefined || !Number.isFinite(value)) return []
      return [{ round: measurement.round, value, marked: measurement.noise.verdict === 'marked' }]
    }),
  )
}

/** The value of a cell over its rounds. */
export function cellSummary(cell: RunCell, value: Value): Summary | undefined {
  return summariseBy(cell.measurements, (measurement) => measuredValue(measurement, value))
}

/**
 * The cell that stands for a cell in a ratio: it has the factors `relativeTo`, and agrees in every other factor that
 * both have. Undefined when there is none.
 */
export function referenceOf(
  cells: readonly RunCell[],
  cell: RunCell,
  relativeTo: Factors,
): RunCell | undefined {
  return cellsWhere(cells, relativeTo).find(({ factors }) =>
    Object.entries(factors).every(
      ([name, value]) =>
        relativeTo[name] !== undefined ||
        cell.factors[name] === undefined ||
        String(cell.factors[name]) === String(value),
    ),
  )
}

/** The ratio of a cell to its reference. The reference to itself is 1 by definition and has no interval. */
export function relativeTo(
  cells: readonly RunCell[],
  cell: RunCell,
  value: Value,
  factors: Factors,
): Estimate | undefined {
  const own = cellSummary(cell, value)
  const reference = referenceOf(cells, cell, factors)
  if (!own || !reference) return undefined
  if (reference.id === cell.id) return { value: 1, n: own.n }
  const base = cellSummary(reference, value)
  return base && ratioOf(own, base)
}

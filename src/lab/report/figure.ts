/** What every figure of a report is made of, whatever it shows. */
import type { ChartTable } from '../../plot/chart.js'
import type { Estimate } from '../analysis/estimate.js'
import type { RunCell } from '../analysis/run-cells.js'
import type { MetricName } from '../record/metrics.js'
import { headText, intervalText, type Measure, valueText } from './wording.js'

/** A figure in a report, with what it is a figure of. */
export interface Entry {
  /** Where it stands: {place: 'guest', direction: 'to_vm'}. */
  readonly at: Readonly<Record<string, string>>
  readonly measure: Measure
  /** Absent: planned and not measured. */
  readonly estimate?: Estimate
  /** Every run, in the order of the rounds. */
  readonly runs?: readonly number[]
}

export interface Picture {
  readonly title: string
  readonly svg: string
}

export interface ReportFigure {
  /** "figure-1": unique in the report. */
  readonly id: string
  readonly kind: string
  readonly title: string
  readonly pictures: readonly Picture[]
  readonly table: ChartTable
  /** What a reader must know to read it: rules, absences. */
  readonly notes: readonly string[]
  readonly entries: readonly Entry[]
  /** The figures that answer the study's question shortest; at most a dozen. */
  readonly headline: readonly Entry[]
  /** The same in sentences, where the study cannot write them beforehand. */
  readonly answer?: readonly string[]
}

/** What figures are built from. */
export interface FigureContext {
  readonly id: string
  readonly cells: readonly RunCell[]
  /** The metric that tells how a workload does; undefined: the report infers it from what was measured. */
  readonly primaryOf: ((workload: string) => MetricName | undefined) | undefined
}

const HEADLINE_ROWS = 12

/** The first entries that were measured. */
export function firstEntries(entries: readonly Entry[]): readonly Entry[] {
  return entries.filter(({ estimate }) => estimate !== undefined).slice(0, HEADLINE_ROWS)
}

/** Entries as a table: places, the figure, its interval, the number of runs. */
export function entryTable(entries: readonly Entry[]): ChartTable {
  const places = [...new Set(entries.flatMap(({ at }) => Object.keys(at)))]
  const measures = new Set(entries.map(({ measure }) => headText(measure)))
  const one = measures.size === 1 ? [...measures][0]! : undefined
  return {
    head: [...places, ...(one === undefined ? ['measure'] : []), one ?? 'value', '95 % interval', 'runs'],
    rows: entries.map(({ at, measure, estimate }) => [
      ...places.map((place) => at[place] ?? ''),
      ...(one === undefined ? [headText(measure)] : []),
      estimate ? valueText(estimate) : 'not measured',
      intervalText(estimate),
      String(estimate?.n ?? 0),
    ]),
  }
}

/** A note when figures rest on single runs. */
export function singleRunNotes(entries: readonly Entry[]): string[] {
  const single = entries.filter(({ estimate }) => estimate?.n === 1).length
  if (single === 0) return []
  const which =
    single === entries.length ? 'Every figure here rests' : `${single} of ${entries.length} figures rest`
  return [`${which} on one run: without repetition there is no interval, and small differences mean nothing.`]
}

/** A report as data: everything that its HTML, Markdown and JSON forms say. Pure: no clock, no files. */

import { type MarkedCell, markedCells, type TwinResult, twinResult } from '../analysis/noise.js'
import { mixedPrograms, mixedProgramsText } from '../analysis/programs.js'
import type { ChosenLoad } from '../analysis/representatives.js'
import { cellsWhere, type RunCell, type RunData, runData } from '../analysis/run-cells.js'
import type { MetricName } from '../record/metrics.js'
import type { LabRecord, RunEvent, RunHeader } from '../record/record.js'
import { preciseEnough } from '../run/history.js'
import { measuredValue } from '../run/value.js'
import type { Figure, Study, Value } from '../study/study.js'
import { buildAgainst } from './against.js'
import { answerOf } from './answer.js'
import { buildBars, buildLines } from './bars-and-lines.js'
import { buildClusters } from './clusters.js'
import type { Entry, FigureContext, ReportFigure } from './figure.js'
import { buildFrontier } from './frontier.js'
import { buildMatrix } from './matrix.js'
import { buildCdf, buildSeries } from './series-figure.js'
import { buildTable } from './table-figure.js'

export interface ReportOptions {
  /** The command that makes this report again; without it `ringferry lab report RUN`. */
  readonly command?: string
  /** The main metric of a workload, by its name (the workloads' own `primary`). */
  readonly primaryOf?: (workload: string) => MetricName | undefined
  /** Version of the program that writes the report. */
  readonly version?: string
}

export interface MissingCell {
  readonly cell: string
  readonly rounds: number
  /** Rounds that the study asks for at least. */
  readonly wanted: number
  readonly reason: string
}

export interface FailedAttempt {
  readonly cell: string
  readonly round: number
  readonly at: string
  readonly reason: string
  readonly impossible: boolean
}

export interface Report {
  readonly run: string
  readonly study: Study
  readonly header: Omit<RunHeader, 'study' | 'planned'>
  readonly commands: { readonly measured: string; readonly report: string }
  readonly version: string | undefined
  /** All planned cells have the rounds that were asked for, and the run came to its end. */
  readonly complete: boolean
  readonly status: string
  /** What makes cells incomparable. */
  readonly cautions: readonly string[]
  /** The study's question answered in sentences, as far as the run has the figures. */
  readonly answer: readonly string[]
  readonly headline: readonly Entry[]
  readonly headlineOf: string | undefined
  readonly figures: readonly ReportFigure[]
  readonly cells: readonly RunCell[]
  readonly window: { readonly warmUpS: number; readonly measureS: number }
  readonly rounds: { readonly min: number; readonly max: number; readonly halfWidth: number }
  readonly counts: { readonly planned: number; readonly measured: number; readonly measurements: number }
  readonly events: readonly RunEvent[]
  readonly noise: {
    readonly marked: readonly MarkedCell[]
    /** Of the study's primary value first, then of every other value of its figures that the pair has. */
    readonly twins: readonly TwinResult[]
  }
  readonly missing: readonly MissingCell[]
  readonly failures: readonly FailedAttempt[]
  /** Cells whose interval is still wider than the study's rule asks. */
  readonly imprecise: readonly string[]
  /** Of a study with a figure `clusters`: the chosen loads, by name. */
  readonly chosen: Readonly<Record<string, ChosenLoad>>
}

function buildFigure(figure: Figure, context: FigureContext): ReportFigure {
  switch (figure.figure) {
    case 'bars':
      return buildBars(figure, context)
    case 'lines':
      return buildLines(figure, context)
    case 'frontier':
      return buildFrontier(figure, context)
    case 'matrix':
      return buildMatrix(figure, context)
    case 'series':
      return buildSeries(figure, context)
    case 'cdf':
      return buildCdf(figure, context)
    case 'table':
      return buildTable(figure, context)
    case 'against':
      return buildAgainst(figure, context)
    case 'clusters':
      return buildClusters(figure, context)
  }
}

/** Whether a quick run keeps a single value of what a figure sets side by side. */
function lacksSeries({ report, quick }: Study, at: number): boolean {
  const figure = report[at]
  const series = figure && 'series' in figure ? figure.series : undefined
  return series !== undefined && quick.only[series]?.length === 1
}

/** The values that a study's figures show, each once, the primary one first. */
function valuesOf(study: Study): Value[] {
  const shown = study.report.flatMap((figure): Value[] => {
    if (figure.figure === 'bars' || figure.figure === 'lines') return [figure.value]
    if (figure.figure === 'frontier') return [figure.x, figure.y]
    if (figure.figure === 'against') return figure.columns.map(({ value }) => value)
    return figure.figure === 'table' ? [...figure.columns] : []
  })
  const byText = new Map([study.primary, ...shown].map((value) => [JSON.stringify(value), value]))
  return [...byText.values()]
}

function missingCells(cells: readonly RunCell[], wanted: number): MissingCell[] {
  return cells.flatMap(({ id, measurements, failures }) => {
    if (measurements.length >= wanted) return []
    const reason = failures.at(-1)?.reason ?? 'the run ended before it was measured'
    return [{ cell: id, rounds: measurements.length, wanted, reason }]
  })
}

/** How the run ended, in one sentence. */
function statusOf({ finished, events, header, cells }: RunData, missing: readonly MissingCell[]): string {
  const absent = missing.filter(({ rounds }) => rounds === 0).length
  const few = missing.length - absent
  const lacks = [
    ...(absent > 0 ? [`${absent} of ${cells.length} planned cells were not measured`] : []),
    ...(few > 0 ? [`${few} ${few === 1 ? 'has' : 'have'} fewer rounds than the study asks for`] : []),
  ].join(', ')
  const last = events.at(-1)
  const end = last?.type === 'interrupted' ? `was interrupted (${last.detail})` : 'has not come to its end'
  const quick = header.quick ? ' Quick run: short windows and few rounds, for a first look only.' : ''
  if (!finished) return `INCOMPLETE: the run ${end}${lacks ? `; ${lacks}` : ''}.${quick}`
  return lacks
    ? `INCOMPLETE: ${lacks}.${quick}`
    : `Complete: all ${cells.length} planned cells were measured.${quick}`
}

function measureCommand({ quick, guests, seed }: RunHeader, study: Study): string {
  return `ringferry lab run ${study.name}${quick ? ' --quick' : ''} --guests ${guests} --seed ${seed}`
}

/**
 * Builds the report of a run, finished or not. Throws CONFIG when the records have no header.
 * @param records of one run, in the order of its file
 * @param study as it ran (the header holds it)
 */
export function buildReport(
  records: readonly LabRecord[],
  study: Study,
  options: ReportOptions = {},
): Report {
  const data = runData(records)
  const { header, cells, events, finished } = data
  const declared = study.report.map((figure, at) =>
    buildFigure(figure, { id: `figure-${at + 1}`, cells, primaryOf: options.primaryOf }),
  )
  // A quick run leaves cells out on purpose: a picture of none of them, or of one series alone, says nothing.
  const figures = declared.filter(
    ({ kind, entries }, at) =>
      !header.quick || kind === 'series' || (entries.length > 0 && !lacksSeries(study, at)),
  )
  const rounds = { ...study.rounds, ...(header.quick ? withoutAbsent(study.quick.rounds) : {}) }
  const missing = missingCells(cells, rounds.min)
  const first = figures.find(({ headline }) => headline.length > 0)
  const { study: _study, planned, ...rest } = header
  const twinCells = study.aa ? cellsWhere(cells, study.aa) : []
  const imprecise = cells.filter(({ measurements }) => {
    const values = measurements.flatMap((measurement) => measuredValue(measurement, study.primary) ?? [])
    return values.length > 1 && !preciseEnough(values, rounds.halfWidth)
  })
  return {
    run: header.run,
    study,
    header: rest,
    commands: {
      measured: measureCommand(header, study),
      report: options.command ?? `ringferry lab report ${header.run}`,
    },
    version: options.version,
    complete: finished && missing.length === 0,
    status: statusOf(data, missing),
    cautions: mixedPrograms(cells).map(mixedProgramsText),
    answer: [...answerOf(study, cells), ...figures.flatMap(({ answer = [] }) => answer)],
    headline: first?.headline ?? [],
    headlineOf: first?.title,
    figures,
    cells,
    window: { ...study.window, ...(header.quick ? withoutAbsent(study.quick.window) : {}) },
    rounds,
    counts: {
      planned: planned.length,
      measured: cells.filter(({ measurements }) => measurements.length > 0).length,
      measurements: cells.reduce(
        (sum, { measurements, twins }) => sum + measurements.length + twins.length,
        0,
      ),
    },
    events,
    noise: {
      marked: markedCells(data),
      twins: twinCells.flatMap((cell) => valuesOf(study).flatMap((value) => twinResult(cell, value) ?? [])),
    },
    missing,
    failures: cells.flatMap(({ failures }) =>
      failures.map(({ cell, round, at, reason, impossible }) => ({ cell, round, at, reason, impossible })),
    ),
    imprecise: imprecise.map(({ id }) => id),
    chosen: Object.assign({}, ...figures.map((figure) => ('chosen' in figure ? figure.chosen : {}))),
  }
}

/** Without the keys whose value is undefined, so that they do not hide defaults. */
function withoutAbsent<T extends object>(value: T): { [key in keyof T]?: Exclude<T[key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never
}

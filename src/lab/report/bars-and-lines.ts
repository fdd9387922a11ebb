/** Figures over one factor: bars and lines, a series for each value of another factor. */
import { barChart } from '../../plot/bar-chart.js'
import type { Amount, Run } from '../../plot/chart.js'
import { lineChart } from '../../plot/line-chart.js'
import { exactText } from '../../plot/number-text.js'
import type { Estimate } from '../analysis/estimate.js'
import { knee } from '../analysis/knee.js'
import { cellSummary, type RunCell, relativeTo as ratioTo } from '../analysis/run-cells.js'
import { hasFactors } from '../study/cell.js'
import type { Figure, Value } from '../study/study.js'
import {
  type Entry,
  entryTable,
  type FigureContext,
  firstEntries,
  type ReportFigure,
  singleRunNotes,
} from './figure.js'
import { type Grid, type GridCell, gridOf, withoutForeign } from './grid.js'
import { factorsText, factorValueText, measureOf, ratioMeasure } from './wording.js'

type Bars = Extract<Figure, { figure: 'bars' }>
type Lines = Extract<Figure, { figure: 'lines' }>

function entriesOf(
  grid: Grid,
  names: { readonly x: string; readonly series?: string | undefined },
  entry: (cell: RunCell) => Omit<Entry, 'at'>,
): Entry[] {
  const named = grid.series.some((name) => name !== '')
  return grid.cells.map(({ x, series, cell }) => ({
    at: { [names.x]: x, ...(named ? { [names.series ?? (grid.extra.join(', ') || 'series')]: series } : {}) },
    ...entry(cell),
  }))
}

const extraNotes = ({ extra }: Grid): string[] =>
  extra.length === 0 ? [] : [`Cells also differ in ${extra.join(' and ')}; it is part of the series' names.`]

const at = (grid: Grid, x: string, series: string): GridCell | undefined =>
  grid.cells.find((cell) => cell.x === x && cell.series === series)

/** The runs of a cell as dots. */
function runsOf(cell: RunCell | undefined, value: Value): Run[] {
  const rounds = (cell && cellSummary(cell, value)?.rounds) ?? []
  return rounds.map((run) => ({ value: run.value, noisy: run.marked }))
}

/** Bars. @param figure as the study declares it */
export function buildBars(figure: Bars, { id, cells }: FigureContext): ReportFigure {
  const { value, relativeTo, published } = figure
  const has = (cell: RunCell): boolean => cellSummary(cell, value) !== undefined
  const grid = withoutForeign(gridOf(cells, figure.x, figure.series, figure.where), has)
  const measure = relativeTo ? ratioMeasure(value, relativeTo) : measureOf(value)
  const estimate = (cell: RunCell): Estimate | undefined =>
    relativeTo ? ratioTo(cells, cell, value, relativeTo) : cellSummary(cell, value)
  const entries = entriesOf(grid, figure, (cell) => {
    const [own, runs] = [estimate(cell), cellSummary(cell, value)?.rounds.map((round) => round.value)]
    return { measure, ...(own ? { estimate: own } : {}), ...(runs ? { runs } : {}) }
  })
  const amounts = (series: string): Amount[] =>
    grid.xs.map((x) => {
      const place = at(grid, x, series)
      return place && estimate(place.cell)
    })
  /** A series of which nothing was published has no bars for it. */
  const theirs = (series: string): Amount[] | undefined => {
    const figures = grid.xs.map((x) => published?.values[x]?.[series])
    return figures.some((figure) => figure !== undefined) ? figures : undefined
  }
  const chart = barChart({
    id,
    title: figure.title,
    x: { label: figure.x },
    y: { ...measure },
    categories: grid.xs,
    series: grid.series.map((label) => ({
      label: factorValueText(figure.series, label),
      ...{ values: amounts(label), published: theirs(label) },
      // A run has no ratio of its own: rounds are not pairs.
      ...(relativeTo ? {} : { runs: grid.xs.map((x) => runsOf(at(grid, x, label)?.cell, value)) }),
    })),
    ...(relativeTo ? { reference: { value: 1, label: factorsText(relativeTo) } } : {}),
    ...(figure.level ? { reference: figure.level } : {}),
  })
  const publishedAt = (entry: Entry): string => {
    const [x, series] = [
      entry.at[figure.x]!,
      figure.series === undefined ? '' : (entry.at[figure.series] ?? ''),
    ]
    const number = published?.values[x]?.[series]
    return number === undefined ? 'not published' : exactText(number)
  }
  const own = entryTable(entries)
  const table = published
    ? { head: [...own.head, 'published'], rows: own.rows.map((row, i) => [...row, publishedAt(entries[i]!)]) }
    : own
  const notes = [
    ...(relativeTo
      ? [
          `Ratios of geometric means to ${factorsText(relativeTo)}, which is 1 by definition; intervals hold the noise of both.`,
        ]
      : []),
    ...(published ? [`Published figures: ${published.source}.`] : []),
    ...extraNotes(grid),
    ...singleRunNotes(entries.filter((entry) => !(relativeTo && entry.estimate?.value === 1))),
  ]
  const shown = relativeTo
    ? entries.filter((_, i) => !hasFactors(grid.cells[i]!.cell.factors, relativeTo))
    : entries
  return {
    id,
    kind: 'bars',
    title: figure.title,
    pictures: [{ title: figure.title, svg: chart.svg }],
    table,
    notes,
    entries,
    headline: firstEntries(shown),
  }
}

/** Where a line bends, in words; lines whose good direction is down, and short ones, have no knee. */
function kneeNote(
  line: readonly { x: number; y: number }[],
  name: string,
  x: string,
  logX: boolean,
): string[] {
  const place = knee(logX ? line.map((point) => ({ ...point, x: Math.log(point.x) })) : line)
  if (place === undefined) return []
  const whose = name === '' ? 'The knee' : `The knee of ${name}`
  const rule =
    'the measured point farthest above the straight line from the first point to the highest, or the highest when it falls from there'
  return [`${whose} is at ${x} ${exactText(line[place]!.x)} (rule: ${rule}).`]
}

/** Lines over a numeric factor. Cells whose x is no number are left out, with a note. */
export function buildLines(figure: Lines, { id, cells }: FigureContext): ReportFigure {
  const { value, logX, logY } = figure
  const measure = measureOf(value)
  const has = (cell: RunCell): boolean => cellSummary(cell, value) !== undefined
  const all = withoutForeign(gridOf(cells, figure.x, figure.series, figure.where), has)
  const numeric = all.cells.filter(({ x }) => Number.isFinite(Number(x)))
  const grid = { ...all, cells: numeric }
  const entries = entriesOf(grid, figure, (cell) => {
    const own = cellSummary(cell, value)
    return { measure, ...(own ? { estimate: own, runs: own.rounds.map((round) => round.value) } : {}) }
  })
  const lines = grid.series.map((name) => ({
    label: factorValueText(figure.series, name),
    points: numeric
      .filter(({ series }) => series === name)
      .map(({ x, cell }) => ({ x: Number(x), y: cellSummary(cell, value), runs: runsOf(cell, value) }))
      .sort((a, b) => a.x - b.x),
  }))
  const chart = lineChart({
    id,
    title: figure.title,
    x: { label: figure.x, scale: logX ? 'log' : 'linear' },
    y: { ...measure, scale: logY ? 'log' : 'linear' },
    series: lines,
  })
  const knees = lines.flatMap(({ label, points }) => {
    const measured = points.flatMap(({ x, y }) => (y ? [{ x, y: y.value }] : []))
    return measure.better === 'higher' && value.over !== 'jain' && value.over !== 'mean'
      ? kneeNote(measured, label, figure.x, logX)
      : []
  })
  const left = all.cells.length - numeric.length
  return {
    id,
    kind: 'lines',
    title: figure.title,
    pictures: [{ title: figure.title, svg: chart.svg }],
    table: entryTable(entries),
    notes: [
      ...knees,
      ...extraNotes(grid),
      ...(left > 0 ? [`${left} cells have no number as ${figure.x} and are not drawn.`] : []),
      ...singleRunNotes(entries),
    ],
    entries,
    headline: firstEntries(entries),
  }
}

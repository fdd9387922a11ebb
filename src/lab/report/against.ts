/**
 * One value of a factor against the best of its other values, place by place: ratios with their intervals, and whether they
 * meet their aims. The best is the one with the best first column there; the other columns are held against the same one.
 */
import { exactText } from '../../plot/number-text.js'
import { ratioOf, type Summary } from '../analysis/estimate.js'
import { cellSummary, type RunCell } from '../analysis/run-cells.js'
import { hasFactors } from '../study/cell.js'
import type { Figure, Value } from '../study/study.js'
import { type Entry, type FigureContext, firstEntries, type ReportFigure, singleRunNotes } from './figure.js'
import { estimateText, headText, type Measure, measureOf } from './wording.js'

type Against = Extract<Figure, { figure: 'against' }>
type Aim = Against['columns'][number]['aim']

const isOf = ({ factors }: RunCell, { only }: Against): boolean =>
  Object.entries(only).every(([name, values]) =>
    values.some((value) => hasFactors(factors, { [name]: value })),
  )

/** The factors of a cell but the one that is compared. */
function placeOf({ factors }: RunCell, factor: string): Record<string, string> {
  const rest = Object.entries(factors).filter(([name]) => name !== factor)
  return Object.fromEntries(rest.map(([name, value]) => [name, String(value)]))
}

/** The cell with the best value; undefined when none has it. */
function bestOf(cells: readonly RunCell[], value: Value): { cell: RunCell; summary: Summary } | undefined {
  const sign = measureOf(value).better === 'lower' ? -1 : 1
  return cells
    .flatMap((cell) => {
      const summary = cellSummary(cell, value)
      return summary ? [{ cell, summary }] : []
    })
    .sort((a, b) => sign * (b.summary.value - a.summary.value))[0]
}

/** "at least 1.1: met"; empty without an aim or a figure. */
function aimText(aim: Aim, ratio: number | undefined): string {
  if (!aim || ratio === undefined) return ''
  const wanted = aim.atLeast === undefined ? `at most ${aim.atMost}` : `at least ${aim.atLeast}`
  const isMet = ratio >= (aim.atLeast ?? 0) && ratio <= (aim.atMost ?? Number.POSITIVE_INFINITY)
  return `${wanted}: ${isMet ? 'met' : 'missed'}`
}

/** Builds the figure. Places where the one or all others were not measured are left out, with a note. */
export function buildAgainst(figure: Against, { id, cells }: FigureContext): ReportFigure {
  const { factor, one, columns } = figure
  const first = (columns[0] as Against['columns'][number]).value
  const shown = cells.filter((cell) => isOf(cell, figure))
  const own = shown.filter((cell) => hasFactors(cell.factors, { [factor]: one }))
  const rows = own.flatMap((cell) => {
    const place = placeOf(cell, factor)
    const others = shown.filter((other) => other !== cell && hasFactors(placeOf(other, factor), place))
    const best = bestOf(others, first)
    return best && cellSummary(cell, first) ? [{ cell, place, best: best.cell }] : []
  })
  const measures = columns.map(({ value }): Measure => {
    const { label, better } = measureOf(value)
    return { label: `${label}, ratio to the best other ${factor}`, unit: '', better }
  })
  const ratios = rows.map(({ cell, best }) =>
    columns.map(({ value }) => {
      const [above, below] = [cellSummary(cell, value), cellSummary(best, value)]
      return above && below && ratioOf(above, below)
    }),
  )
  const places = [...new Set(rows.flatMap(({ place }) => Object.keys(place)))]
  const entries = rows.flatMap(({ place, best }, row) =>
    measures.flatMap((measure, column): Entry[] => {
      const estimate = ratios[row]?.[column]
      const at = { ...place, 'best other': String(best.factors[factor]) }
      return estimate ? [{ at, measure, estimate }] : []
    }),
  )
  const absent = own.length - rows.length
  return {
    id,
    kind: 'table',
    title: figure.title,
    pictures: [],
    table: {
      head: [
        ...places,
        `best other ${factor}`,
        ...columns.flatMap(({ value, aim }) => [
          `${headText(measureOf(value))}: ${one}`,
          'the best other',
          'ratio',
          ...(aim ? ['aim'] : []),
        ]),
      ],
      rows: rows.map(({ cell, place, best }, row) => [
        ...places.map((name) => place[name] ?? ''),
        String(best.factors[factor]),
        ...columns.flatMap(({ value, aim }, column) => {
          const ratio = ratios[row]?.[column]
          const number = (of: RunCell): string => {
            const summary = cellSummary(of, value)
            return summary ? exactText(summary.value) : '–'
          }
          return [
            number(cell),
            number(best),
            estimateText(ratio),
            ...(aim ? [aimText(aim, ratio?.value)] : []),
          ]
        }),
      ]),
    },
    notes: [
      `Ratios of ${factor} ${one} to the other with the best ${measureOf(first).label} in the same place, as geometric means; in parentheses the 95 % interval, which holds the noise of both. An aim is judged by the ratio alone.`,
      ...(absent > 0 ? [`${absent} of ${own.length} places have nothing to be compared.`] : []),
      ...singleRunNotes(entries),
    ],
    entries,
    headline: firstEntries(entries),
  }
}

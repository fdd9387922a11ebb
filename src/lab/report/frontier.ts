/** One value against another, a point a cell, with the front of those that none other beats. */
import { frontierChart } from '../../plot/frontier-chart.js'
import { paretoFront } from '../../plot/pareto.js'
import { cellSummary, cellsWhere } from '../analysis/run-cells.js'
import { hasFactors } from '../study/cell.js'
import type { Figure } from '../study/study.js'
import {
  type Entry,
  entryTable,
  type FigureContext,
  firstEntries,
  type ReportFigure,
  singleRunNotes,
} from './figure.js'
import { factorsText, headText, measureOf } from './wording.js'

type Frontier = Extract<Figure, { figure: 'frontier' }>

/** The good side of an axis that has none by itself is the low one. */
const side = (better: 'higher' | 'lower' | 'none') => (better === 'higher' ? 'higher' : 'lower')

/** Values that are further apart are drawn by their logarithms: else all but the largest lie on the axis. */
const LOG_FROM = 100

/** How an axis is drawn that has these values. */
function scaleOf(values: readonly number[]): { readonly scale?: 'log' } {
  const least = Math.min(...values)
  return least > 0 && Math.max(...values) >= LOG_FROM * least ? { scale: 'log' } : {}
}

/** Builds the figure. Cells that lack one of the values are left out, with a note. */
export function buildFrontier(figure: Frontier, { id, cells }: FigureContext): ReportFigure {
  const [x, y] = [measureOf(figure.x), measureOf(figure.y)]
  const chosen = cellsWhere(cells, figure.where)
  const points = chosen.flatMap((cell) => {
    const [own, other] = [cellSummary(cell, figure.x), cellSummary(cell, figure.y)]
    if (!own || !other) return []
    const series = figure.series === undefined ? undefined : cell.factors[figure.series]
    const name = String(cell.factors[figure.label] ?? factorsText(cell.factors))
    const size = figure.size && cellSummary(cell, figure.size)
    return [
      {
        label: series === undefined ? name : `${name}, ${series}`,
        x: own,
        y: other,
        ...(size ? { size: size.value } : {}),
        marked: figure.mark !== undefined && hasFactors(cell.factors, figure.mark),
      },
    ]
  })
  const size = figure.size && measureOf(figure.size)
  const chart = frontierChart({
    id,
    title: figure.title,
    x: { ...x, ...scaleOf(points.map((point) => point.x.value)) },
    y: { ...y, ...scaleOf(points.map((point) => point.y.value)) },
    points,
    ...(size ? { size } : {}),
    ...(figure.mark ? { markedLabel: factorsText(figure.mark) } : {}),
  })
  const plain = points.map((point) => ({ label: point.label, x: point.x.value, y: point.y.value }))
  const front = paretoFront(plain, { x: side(x.better), y: side(y.better) }).map(({ label }) => label)
  const entries = points.flatMap((point): Entry[] =>
    [
      { measure: x, summary: point.x },
      { measure: y, summary: point.y },
    ].map(({ measure, summary }) => ({
      at: { [figure.label]: point.label },
      measure,
      estimate: summary,
      runs: summary.rounds.map(({ value }) => value),
    })),
  )
  const failed = chosen.filter(({ measurements }) => measurements.length === 0).length
  return {
    id,
    kind: 'frontier',
    title: figure.title,
    pictures: [{ title: figure.title, svg: chart.svg }],
    table: entryTable(entries),
    notes: [
      ...(front.length === 0
        ? []
        : [
            `Not beaten in both ${headText(x)} and ${headText(y)} by another point: ${front.join(', ')}. The front is drawn through means; where intervals overlap, its order may be chance.`,
          ]),
      ...(failed > 0 ? [`${failed} of ${chosen.length} cells were not measured and are not drawn.`] : []),
      ...singleRunNotes(entries),
    ],
    entries,
    headline: firstEntries(entries),
  }
}

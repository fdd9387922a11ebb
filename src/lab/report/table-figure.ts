/** Cells as rows, values as columns. */
import { cellSummary, cellsWhere } from '../analysis/run-cells.js'
import type { Figure } from '../study/study.js'
import type { Entry, FigureContext, ReportFigure } from './figure.js'
import { estimateText, headText, measureOf } from './wording.js'

type Table = Extract<Figure, { figure: 'table' }>

/** Builds the figure. Columns that no cell has are left out, with a note. */
export function buildTable(figure: Table, { id, cells }: FigureContext): ReportFigure {
  const rows = cellsWhere(cells, figure.where)
  const columns = figure.columns.map((value) => ({
    measure: measureOf(value),
    summaries: rows.map((cell) => cellSummary(cell, value)),
  }))
  const full = columns.filter(({ summaries }) => summaries.some((summary) => summary !== undefined))
  const empty = columns.filter((column) => !full.includes(column)).map(({ measure }) => measure.label)
  const factors = [...new Set(rows.flatMap((cell) => Object.keys(cell.factors)))]
  const place = (at: number): Record<string, string> =>
    Object.fromEntries(factors.map((name) => [name, String(rows[at]!.factors[name] ?? '')]))
  return {
    id,
    kind: 'table',
    title: figure.title,
    pictures: [],
    table: {
      head: [...factors, 'runs', ...full.map(({ measure }) => headText(measure))],
      rows: rows.map((cell, at) => [
        ...Object.values(place(at)),
        String(cell.measurements.length),
        ...full.map(({ summaries }) =>
          cell.measurements.length === 0 ? 'not measured' : estimateText(summaries[at]),
        ),
      ]),
    },
    notes: [
      'In parentheses the 95 % interval of the mean; without one, the cell has a single run.',
      ...(empty.length > 0 ? [`Measured in no cell: ${empty.join(', ')}.`] : []),
    ],
    entries: full.flatMap(({ measure, summaries }) =>
      summaries.flatMap((summary, at): Entry[] =>
        summary
          ? [{ at: place(at), measure, estimate: summary, runs: summary.rounds.map(({ value }) => value) }]
          : [],
      ),
    ),
    headline: [],
  }
}

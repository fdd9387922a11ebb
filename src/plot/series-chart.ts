/** Raw lines of many points: time series, percentile curves. */
import type { Chart, ChartTable, SeriesChartInput } from './chart.js'
import { curveTable, drawCurves } from './curves.js'
import { exactText, figureOf, finite } from './number-text.js'
import { headText } from './sheet.js'

const HEIGHT = 240
/** A table of more rows is not read; it gives way to one row for each line. */
const MAX_ROWS = 120

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** What a line of many points comes to. */
function summaryTable(input: SeriesChartInput): ChartTable {
  const x = headText(input.x)
  const head = ['series', 'points', `first ${x}`, `last ${x}`, 'least', 'median', 'largest']
  const rows = input.series.map(({ label, points }) => {
    const figures = points.map((point) => figureOf(point.y)?.value).filter((value) => value !== undefined)
    figures.sort((a, b) => a - b)
    const xs = points.map((point) => point.x).filter((value) => finite(value) !== undefined)
    xs.sort((a, b) => a - b)
    const figuresText =
      figures.length === 0 ? ['–', '–', '–'] : [figures[0]!, median(figures), figures.at(-1)!].map(exactText)
    const ends = xs.length === 0 ? ['–', '–'] : [exactText(xs[0]!), exactText(xs.at(-1)!)]
    return [label, String(figures.length), ...ends, ...figuresText]
  })
  return { head, rows }
}

/** Lines without marks. Table: a row for each x, or, where that were too many, a summary of each line. */
export function seriesChart(input: SeriesChartInput): Chart {
  const full = curveTable(input)
  const table = full.rows.length > MAX_ROWS ? summaryTable(input) : full
  return drawCurves(input, { marks: false, spread: 'none', lineWidth: 1.6, height: HEIGHT }, table)
}

/** Measured points joined by lines, with whiskers or bands for their intervals. */
import type { Chart, LineChartInput } from './chart.js'
import { curveTable, drawCurves } from './curves.js'

const HEIGHT = 260

/** Series over a numeric x. Table: a row for each x, a column for each series. */
export function lineChart(input: LineChartInput): Chart {
  const style = { marks: true, spread: input.spread ?? 'whiskers', lineWidth: 2, height: HEIGHT } as const
  return drawCurves(input, style, curveTable(input))
}

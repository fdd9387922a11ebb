/** Lines over a numeric x: what the line chart and the series chart have in common. */
import {
  drawEmpty,
  drawField,
  drawLevel,
  drawSteps,
  type Field,
  levelEntry,
  noteHidden,
  stepRoom,
} from './cartesian.js'
import type { Chart, ChartTable, LineChartInput } from './chart.js'
import { element, group, pathThrough } from './element.js'
import { amountText, exactText, type Figure, figureOf, finite, shortText } from './number-text.js'
import { runDots, runLegend } from './run-dots.js'
import { createScale, isShowable, type Scale } from './scale.js'
import { axisText, headText, type LegendEntry, listText, Sheet } from './sheet.js'
import { seriesDash, seriesMark, seriesPaint } from './theme.js'

export interface CurveStyle {
  readonly marks: boolean
  readonly spread: 'band' | 'whiskers' | 'none'
  readonly lineWidth: number
  readonly height: number
}

/** Runs of a point lie beside each other over so many units of the drawing. */
const RUNS_WIDTH = 16

interface Place {
  readonly x: number
  readonly y: number
  readonly low: number | undefined
  readonly high: number | undefined
}

/** Points in the order of x, as far as they have an x. */
function sortedPoints(points: LineChartInput['series'][number]['points']) {
  return points
    .filter((point) => finite(point.x) !== undefined)
    .map((point) => ({ x: point.x, figure: figureOf(point.y), runs: point.runs ?? [] }))
    .sort((a, b) => a.x - b.x)
}

function legendSample(index: number, style: CurveStyle) {
  return (x: number, y: number) =>
    element('path', {
      d: `M${x - 11},${y}H${x + 11}`,
      stroke: seriesPaint(index),
      'stroke-width': Math.max(2, style.lineWidth),
      'stroke-dasharray': seriesDash(index),
    }) + (style.marks ? seriesMark(index, x, y, 4) : '')
}

/** Keeps of each column of the drawing the first, least, largest and last point: what a dense line looks like. */
function thin(places: readonly (Place | undefined)[]): (Place | undefined)[] {
  const kept: (Place | undefined)[] = []
  let column: Place[] = []
  const close = () => {
    if (column.length > 4) {
      const byY = [...column].sort((a, b) => a.y - b.y)
      const wanted = new Set([column[0], byY[0], byY.at(-1), column.at(-1)])
      kept.push(...column.filter((place) => wanted.has(place)))
    } else kept.push(...column)
    column = []
  }
  for (const place of places) {
    if (!place || (column[0] && Math.floor(column[0].x) !== Math.floor(place.x))) close()
    if (place) column.push(place)
    else kept.push(undefined)
  }
  close()
  return kept
}

/** Bands: each unbroken run of points with both bounds is one area. */
function drawBand(places: readonly (Place | undefined)[], index: number): string {
  const runs: Place[][] = [[]]
  for (const place of places) {
    if (place && place.low !== undefined && place.high !== undefined) runs.at(-1)!.push(place)
    else runs.push([])
  }
  const d = runs
    .filter((run) => run.length > 1)
    .map((run) => {
      const upper = run.map((place) => [place.x, place.high!] as const)
      const lower = run.map((place) => [place.x, place.low!] as const).reverse()
      return `${pathThrough([...upper, ...lower])}Z`
    })
  return d.length === 0
    ? ''
    : element('path', { d: d.join(''), fill: seriesPaint(index), 'fill-opacity': 0.2 })
}

/** A whisker of both bounds, or of the one that is known. */
export function drawWhisker(x: number, from: number, to: number, cap: number, paint: string): string {
  const d = `M${x.toFixed(2)},${from.toFixed(2)}V${to.toFixed(2)}m${-cap},0h${cap * 2}M${(x - cap).toFixed(2)},${from.toFixed(2)}h${cap * 2}`
  return element('path', { d, fill: 'none', stroke: paint, 'stroke-width': 1.5 })
}

function drawCurve(places: readonly (Place | undefined)[], index: number, style: CurveStyle): string[] {
  const members: string[] = []
  const drawn = style.marks ? places : thin(places)
  if (style.spread === 'band') members.push(drawBand(places, index))
  const line = pathThrough(drawn.map((place) => place && ([place.x, place.y] as const)))
  members.push(
    element('path', {
      d: line,
      fill: 'none',
      stroke: seriesPaint(index),
      'stroke-width': style.lineWidth,
      'stroke-linejoin': 'round',
      'stroke-dasharray': seriesDash(index),
    }),
  )
  drawn.forEach((place, at) => {
    if (!place) return
    const single = !drawn[at - 1] && !drawn[at + 1]
    const bounded = place.low !== undefined || place.high !== undefined
    // A band has no width at a point that stands alone: a whisker shows it.
    if (bounded && (style.spread === 'whiskers' || (style.spread === 'band' && single))) {
      members.push(drawWhisker(place.x, place.low ?? place.y, place.high ?? place.y, 4, seriesPaint(index)))
    }
    if (style.marks || single) members.push(seriesMark(index, place.x, place.y, style.marks ? 4 : 2.5))
  })
  return members.filter((member) => member !== '')
}

/** Where the figures of one series are, and how many the axes cannot show. */
function placesOf(points: ReturnType<typeof sortedPoints>, field: Field, xScale: Scale, yScale: Scale) {
  let hidden = 0
  const clamp = (value: number | undefined) => {
    if (value === undefined) return undefined
    return isShowable(yScale.kind, value) ? field.y(value) : field.bottom
  }
  const places = points.map(({ x, figure }): Place | undefined => {
    if (!figure) return undefined
    if (!isShowable(xScale.kind, x) || !isShowable(yScale.kind, figure.value)) {
      hidden++
      return undefined
    }
    return { x: field.x(x), y: field.y(figure.value), low: clamp(figure.low), high: clamp(figure.high) }
  })
  return { places, hidden }
}

/** Draws the chart; the table and the sentence for it come from the caller. */
export function drawCurves(input: LineChartInput, style: CurveStyle, table: ChartTable): Chart {
  const legend: LegendEntry[] = input.series.map(({ label }, index) => ({
    label,
    sample: legendSample(index, style),
  }))
  const named = legend.length > 1 || input.series[0]?.label ? legend : []
  const series = input.series.map(({ points }) => sortedPoints(points))
  const runs = runLegend(series.flat().flatMap((point) => point.runs))
  const sheet = new Sheet(input, [...named, ...levelEntry(input.target, input.y), ...runs])
  const shown = series.flat().filter((point) => point.figure !== undefined)
  const showsBounds = style.spread !== 'none'
  const ys = shown.flatMap(({ figure }) => boundsOf(figure!, showsBounds))
  ys.push(...series.flat().flatMap((point) => point.runs.map(({ value }) => value)))
  if (input.target) ys.push(input.target.value)
  const xs = shown.map((point) => point.x)
  if (xs.length > 0) xs.push(...(input.steps ?? []).map((step) => step.x))
  const xScale = createScale(input.x, xs, 6)
  const yScale = createScale(input.y, ys, 5)
  const options = { xAxis: input.x, yAxis: input.y, xScale, yScale, height: style.height }
  const field = drawField(sheet, { ...options, headroom: stepRoom(input.steps) })
  drawSteps(sheet, field, xScale, input.steps)
  let hidden = 0
  series.forEach((points, index) => {
    const located = placesOf(points, field, xScale, yScale)
    hidden += located.hidden
    const dots = points.map(({ x, runs }) => {
      const shown = runs.filter(({ value }) => isShowable(xScale.kind, x) && isShowable(yScale.kind, value))
      return runDots(shown, RUNS_WIDTH, (away, value) => [field.x(x) + away, field.y(value)])
    })
    sheet.add(group({}, [...drawCurve(located.places, index, style), ...dots.filter((dot) => dot !== '')]))
  })
  drawLevel(sheet, field, yScale, input.target)
  if (shown.length === 0) drawEmpty(sheet, field)
  noteHidden(sheet, hidden, [xScale.kind, yScale.kind])
  return sheet.finish(field.end, describe(input, ys), table)
}

function boundsOf(figure: Figure, withBounds: boolean): number[] {
  if (!withBounds) return [figure.value]
  return [figure.value, figure.low, figure.high].filter((value) => value !== undefined)
}

function describe(input: LineChartInput, ys: readonly number[]): string {
  const what = `${axisText(input.y)} over ${axisText(input.x)}`
  const names = input.series.map((one) => one.label).filter((label) => label !== '')
  const of = names.length > 0 ? ` of ${listText(names)}` : ''
  if (ys.length === 0) return `Line chart of ${what}${of}: no figures.`
  const [low, high] = ys.reduce(([a, b], y) => [Math.min(a, y), Math.max(b, y)], [ys[0]!, ys[0]!])
  const target = input.target ? `, with ${input.target.label} at ${shortText(input.target.value)}` : ''
  return `Line chart of ${what}${of}, from ${shortText(low)} to ${shortText(high)}${target}.`
}

/** One row for each x, one column for each series. */
export function curveTable(input: LineChartInput): ChartTable {
  const head = [headText(input.x), ...input.series.map((one) => one.label || headText(input.y))]
  const columns = input.series.map((one) => {
    const column = new Map<number, string>()
    // Two figures at one x stand beside each other: none is lost.
    for (const { x, y } of one.points) {
      const before = column.get(x)
      column.set(x, before === undefined ? amountText(y) : `${before}; ${amountText(y)}`)
    }
    return column
  })
  const xs = [...new Set(columns.flatMap((column) => [...column.keys()]))].filter(
    (x) => finite(x) !== undefined,
  )
  xs.sort((a, b) => a - b)
  return { head, rows: xs.map((x) => [exactText(x), ...columns.map((column) => column.get(x) ?? '–')]) }
}

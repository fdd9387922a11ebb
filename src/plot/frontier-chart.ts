/** Alternatives by two figures, with the front of those that none other beats and the chosen ones marked. */
import { drawEmpty, drawField, noteHidden } from './cartesian.js'
import type { Axis, Chart, ChartTable, FrontierChartInput, FrontierPoint } from './chart.js'
import { coordinate, element, group } from './element.js'
import { placeLabels } from './label-placement.js'
import { amountText, exactText, type Figure, figureOf, finite } from './number-text.js'
import { type Direction, paretoFront } from './pareto.js'
import { createScale, isShowable, type Scale } from './scale.js'
import { axisText, drawText, FONT, headText, type LegendEntry, listText, Sheet } from './sheet.js'
import { truncate } from './text-measure.js'
import { PAINT, seriesPaint } from './theme.js'

const HEIGHT = 300
const RADIUS = 5
const MAX_RADIUS = 16
const MIN_RADIUS = 3
const LABEL_SHARE = 0.42

interface Placed {
  readonly point: FrontierPoint
  readonly x: number
  readonly y: number
  readonly fx: Figure
  readonly fy: Figure
  readonly radius: number
  readonly onFront: boolean
}

const side = (axis: Axis, otherwise: 'higher' | 'lower') =>
  axis.better === 'higher' || axis.better === 'lower' ? axis.better : otherwise

/** A ring of five points around a mark: shape, not only colour, says that it is chosen. */
function star(x: number, y: number, radius: number): string {
  const corners = Array.from({ length: 10 }, (_, at) => {
    const reach = at % 2 === 0 ? radius : radius * 0.45
    const angle = (Math.PI / 5) * at - Math.PI / 2
    return `${coordinate(x + reach * Math.cos(angle))},${coordinate(y + reach * Math.sin(angle))}`
  })
  return element('polygon', {
    points: corners.join(' '),
    fill: PAINT.accent,
    stroke: PAINT.surface,
    'stroke-width': 1,
  })
}

function drawDot({
  x,
  y,
  radius,
  onFront,
}: {
  x: number
  y: number
  radius: number
  onFront: boolean
}): string {
  const paint = seriesPaint(0)
  const look = onFront ? { fill: paint, 'fill-opacity': 0.85 } : { fill: PAINT.surface, 'fill-opacity': 0.6 }
  return element('circle', { cx: x, cy: y, r: radius, stroke: paint, 'stroke-width': 1.6, ...look })
}

function drawMark(placed: Placed): string {
  const { x, y, radius, point } = placed
  if (!point.marked) return drawDot(placed)
  const ring = { fill: 'none', stroke: PAINT.accent, 'stroke-width': 2 }
  return (
    star(x, y, Math.max(9, radius)) + element('circle', { cx: x, cy: y, r: Math.max(9, radius) + 4, ...ring })
  )
}

/** Bounds of both figures as a thin cross. */
function drawBounds({ x, y, fx, fy }: Placed, place: (axis: 'x' | 'y', value: number) => number): string {
  const line = (from: number, to: number, level: number, lying: boolean) =>
    lying
      ? `M${coordinate(from)},${coordinate(level)}H${coordinate(to)}`
      : `M${coordinate(level)},${coordinate(from)}V${coordinate(to)}`
  let d = ''
  if (fx.low !== undefined || fx.high !== undefined)
    d += line(place('x', fx.low ?? fx.value), place('x', fx.high ?? fx.value), y, true)
  if (fy.low !== undefined || fy.high !== undefined)
    d += line(place('y', fy.low ?? fy.value), place('y', fy.high ?? fy.value), x, false)
  return d === '' ? '' : element('path', { d, stroke: PAINT.muted, 'stroke-width': 1.2 })
}

/** The front as steps: between two alternatives nothing better than the worse of both is known to exist. */
function drawFront(front: readonly Placed[], better: Direction): string {
  let d = ''
  for (const [at, { x, y }] of front.entries()) {
    if (at === 0) d = `M${coordinate(x)},${coordinate(y)}`
    else
      d += better.x === 'lower' ? `H${coordinate(x)}V${coordinate(y)}` : `V${coordinate(y)}H${coordinate(x)}`
  }
  const look = { fill: 'none', stroke: seriesPaint(0), 'stroke-width': 1.6, 'stroke-dasharray': '6 3' }
  return front.length < 2 ? '' : element('path', { d, ...look })
}

function legendOf(input: FrontierChartInput): LegendEntry[] {
  const dot = (onFront: boolean) => (x: number, y: number) => drawDot({ x, y, radius: RADIUS, onFront })
  const front = {
    d: '',
    fill: 'none',
    stroke: seriesPaint(0),
    'stroke-width': 1.6,
    'stroke-dasharray': '6 3',
  }
  const line = (x: number, y: number) => element('path', { ...front, d: `M${x - 11},${y}H${x + 11}` })
  const entries: LegendEntry[] = [
    { label: 'Pareto front', sample: (x, y) => line(x, y) + dot(true)(x, y) },
    { label: 'beaten by another', sample: dot(false) },
  ]
  if (input.points.some((point) => point.marked)) {
    entries.push({ label: input.markedLabel ?? 'chosen', sample: (x, y) => star(x, y, 9) })
  }
  return entries
}

/** Radius by area, so that a doubled size looks doubled. */
function radiusOf(point: FrontierPoint, largest: number): number {
  const size = finite(point.size)
  if (size === undefined || largest <= 0) return RADIUS
  return Math.max(MIN_RADIUS, MAX_RADIUS * Math.sqrt(Math.max(0, size) / largest))
}

function tableOf(input: FrontierChartInput, front: ReadonlySet<FrontierPoint>): ChartTable {
  const sized = input.points.some((point) => finite(point.size) !== undefined)
  const head = [
    'alternative',
    headText(input.x),
    headText(input.y),
    ...(sized ? [headText(input.size ?? { label: 'size' })] : []),
    'on the front',
    input.markedLabel ?? 'chosen',
  ]
  const rows = input.points.map((point) => [
    point.label,
    amountText(point.x),
    amountText(point.y),
    ...(sized ? [point.size === undefined ? '–' : exactText(point.size)] : []),
    front.has(point) ? 'yes' : 'no',
    point.marked ? 'yes' : 'no',
  ])
  return { head, rows }
}

function bounds(figure: Figure): number[] {
  return [figure.value, figure.low ?? figure.value, figure.high ?? figure.value]
}

function placeWithin(scale: Scale, value: number, start: number, to: (value: number) => number): number {
  return isShowable(scale.kind, value) ? to(value) : start
}

/** Alternatives by two figures. Table: a row for each, with whether it is on the front. */
export function frontierChart(input: FrontierChartInput): Chart {
  const better: Direction = { x: side(input.x, 'lower'), y: side(input.y, 'higher') }
  const measured = input.points.flatMap((point) => {
    const [fx, fy] = [figureOf(point.x), figureOf(point.y)]
    return fx && fy ? [{ point, fx, fy, x: fx.value, y: fy.value }] : []
  })
  const front = new Set(paretoFront(measured, better).map((one) => one.point))
  const sheet = new Sheet(input, legendOf(input))
  const xScale = createScale(
    input.x,
    measured.flatMap((one) => bounds(one.fx)),
    6,
  )
  const yScale = createScale(
    input.y,
    measured.flatMap((one) => bounds(one.fy)),
    5,
  )
  const field = drawField(sheet, { xAxis: input.x, yAxis: input.y, xScale, yScale, height: HEIGHT })
  const largest = Math.max(0, ...input.points.map((point) => finite(point.size) ?? 0))
  const placed: Placed[] = measured
    .filter((one) => isShowable(xScale.kind, one.x) && isShowable(yScale.kind, one.y))
    .map((one) => ({
      ...one,
      x: field.x(one.x),
      y: field.y(one.y),
      radius: radiusOf(one.point, largest),
      onFront: front.has(one.point),
    }))
  // Large marks first, so that none hides another.
  placed.sort((a, b) => b.radius - a.radius)
  const place = (axis: 'x' | 'y', value: number) =>
    axis === 'x'
      ? placeWithin(xScale, value, field.left, field.x)
      : placeWithin(yScale, value, field.bottom, field.y)
  const frontPlaces = placed.filter((one) => one.onFront).sort((a, b) => a.x - b.x)
  sheet.add(drawFront(frontPlaces, better))
  sheet.add(
    group(
      {},
      placed.map((one) => drawBounds(one, place) + drawMark(one)),
    ),
  )
  drawLabels(sheet, placed, { left: field.left, top: field.top, right: sheet.right, bottom: field.bottom })
  if (placed.length === 0) drawEmpty(sheet, field)
  if (largest > 0 && input.size) sheet.note(`Area of a mark: ${axisText(input.size)}.`)
  noteHidden(sheet, measured.length - placed.length, [xScale.kind, yScale.kind])
  const missing = input.points.length - measured.length
  if (missing > 0) sheet.note(`Not measured: ${missing} of ${input.points.length} (see the table).`)
  const chosen = input.points.filter((point) => point.marked).map((point) => point.label)
  const choice = chosen.length > 0 ? ` ${input.markedLabel ?? 'chosen'}: ${listText(chosen)}.` : ''
  const what = `${axisText(input.y)} against ${axisText(input.x)} of ${measured.length} alternatives`
  const best = input.points.filter((point) => front.has(point)).map((point) => point.label)
  const description = `${what}; on the Pareto front: ${listText(best) || 'none'}.${choice}`
  return sheet.finish(field.end, description, tableOf(input, front))
}

/** Labels of the chosen and of the front come first: they must not be the ones that find no room. */
function drawLabels(
  sheet: Sheet,
  placed: readonly Placed[],
  area: { left: number; top: number; right: number; bottom: number },
): void {
  const rank = (one: Placed) => (one.point.marked ? 0 : one.onFront ? 1 : 2)
  const ordered = [...placed].sort((a, b) => rank(a) - rank(b))
  const width = (area.right - area.left) * LABEL_SHARE
  const requests = ordered.map(({ point, x, y, radius }) => {
    const text = truncate(point.label, FONT.small, width)
    return { text, x, y, radius: point.marked ? Math.max(9, radius) + 5 : radius }
  })
  const labels = placeLabels(requests, FONT.small, area)
  labels.forEach((label, at) => {
    const one = ordered[at]!
    if (!label) return
    if (label.leader) {
      const [x, y] = label.leader
      sheet.add(
        element('path', {
          d: `M${coordinate(one.x)},${coordinate(one.y)}L${coordinate(x)},${coordinate(y)}`,
          stroke: PAINT.muted,
          'stroke-width': 0.8,
        }),
      )
    }
    sheet.add(
      drawText(label.text, label.x, label.y, {
        size: FONT.small,
        anchor: label.anchor,
        bold: one.point.marked === true,
        halo: true,
      }),
    )
  })
  const left = labels.filter((label) => !label).length
  if (left > 0) sheet.note(`Without a label, for want of room: ${left} (see the table).`)
}

/**
 * Grouped bars with whiskers, and figures published by others as hollow bars beside ours.
 *
 * Bars are computed along one axis (`along`: position among the categories, `value`: the figure) and drawn standing
 * or lying by `Orientation`. They lie down when there are too many, or when labels do not fit under them.
 */
import { drawEmpty, drawYLabel, levelEntry, levelLine, noteHidden } from './cartesian.js'
import type { Amount, BarChartInput, Chart, ChartTable, Run } from './chart.js'
import { coordinate, element, group } from './element.js'
import { amountText, figureOf, shortText } from './number-text.js'
import { runDots, runLegend, unpublishedMark } from './run-dots.js'
import { createScale, isShowable, type Scale } from './scale.js'
import { axisText, chartId, drawText, FONT, headText, type LegendEntry, listText, Sheet } from './sheet.js'
import { fits, textWidth, wrap } from './text-measure.js'
import { PAINT, seriesFill, seriesPaint } from './theme.js'

const STANDING_HEIGHT = 260
const MAX_STANDING_BARS = 24
const LABEL_LINES = 3
const LYING_BAR = 15
const MAX_BAR = 46
/** Share of a category's room that its bars take. */
const FILLED = 0.78

interface Slot {
  readonly series: number
  readonly published: boolean
  readonly amounts: readonly Amount[]
  readonly runs: readonly (readonly Run[])[]
}

/** Ours and the published ones of each series, in the order they are drawn inside a category. */
function slotsOf(input: BarChartInput): Slot[] {
  return input.series.flatMap(({ values, published, runs = [] }, series) => [
    { series, published: false, amounts: values, runs },
    ...(published ? [{ series, published: true, amounts: published, runs: [] }] : []),
  ])
}

interface Area {
  readonly lying: boolean
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  /** From the start of the categories, in units of the drawing. */
  readonly along: (offset: number) => number
  readonly value: (value: number) => number
}

/** A path over the area, given as for standing bars. */
function crossLine(area: Area, value: number): string {
  const at = coordinate(area.value(value))
  return area.lying
    ? `M${at},${coordinate(area.top)}V${coordinate(area.bottom)}`
    : `M${coordinate(area.left)},${at}H${coordinate(area.right)}`
}

function drawBar(
  area: Area,
  start: number,
  size: number,
  from: number,
  to: number,
  attributes: object,
): string {
  const a = area.value(from)
  const b = area.value(to)
  // A figure of zero still shows a line.
  const length = Math.max(1, Math.abs(b - a))
  const low = Math.min(a, b)
  const box = area.lying
    ? { x: low, y: area.along(start), width: length, height: size }
    : { x: area.along(start), y: Math.abs(b - a) < 1 ? low - 0.5 : low, width: size, height: length }
  return element('rect', { ...box, ...attributes })
}

/** An interval draws the axis out to at most so many times the largest figure: few rounds give wide ones. */
const FARTHEST = 2

/** A whisker; an end that lies beyond the axis has no cap, so that it reads as open. */
function drawBarWhisker(
  area: Area,
  middle: number,
  { low, high, to }: { readonly low: number; readonly high: number; readonly to: number },
  cap: number,
): string {
  const open = high > to
  const at = area.along(middle)
  const [a, b] = [area.value(low), area.value(Math.min(high, to))].map(coordinate)
  const [start, end] = [at - cap, at + cap].map(coordinate)
  const m = coordinate(at)
  const d = area.lying
    ? `M${a},${m}H${b}M${a},${start}V${end}${open ? '' : `M${b},${start}V${end}`}`
    : `M${m},${a}V${b}M${start},${a}H${end}${open ? '' : `M${start},${b}H${end}`}`
  const line = (paint: string, width: number) =>
    element('path', { d, fill: 'none', stroke: paint, 'stroke-width': width })
  return line(PAINT.surface, 3.6) + line(PAINT.ink, 1.5)
}

/** Draws all bars; returns how many figures the axis cannot show, and how many it shows. */
function drawBars(sheet: Sheet, input: BarChartInput, area: Area, scale: Scale, room: number) {
  const slots = slotsOf(input)
  const size = Math.min(MAX_BAR, (room * FILLED) / Math.max(1, slots.length))
  const base = scale.kind === 'log' ? scale.from : Math.min(Math.max(0, scale.from), scale.to)
  const fills = input.series.map((_, index) => seriesFill(sheet.id, index))
  for (const { definition } of fills) sheet.define(definition)
  const count = { hidden: 0, shown: 0, open: 0 }
  input.categories.forEach((_, category) => {
    const first = room * category + (room - size * slots.length) / 2
    const members = slots.map(({ series, published, amounts, runs }, at) => {
      const figure = figureOf(amounts[category])
      const start = first + at * size + size * 0.04
      const width = size * 0.92
      if (!figure) return absentMark(area, start + width / 2, base, size, published)
      if (!isShowable(scale.kind, figure.value)) {
        count.hidden++
        return ''
      }
      count.shown++
      const hollow = {
        fill: PAINT.surface,
        stroke: seriesPaint(series),
        'stroke-width': 1.8,
        'stroke-dasharray': '4 2',
      }
      const look = published
        ? hollow
        : { fill: fills[series]!.fill, stroke: seriesPaint(series), 'stroke-width': 1 }
      const bar = drawBar(area, start, width, base, figure.value, look)
      const shownRuns = (runs[category] ?? []).filter(
        ({ value }) => isShowable(scale.kind, value) && value <= scale.to,
      )
      const dots = runDots(shownRuns, width, (away, value) => {
        const [across, along] = [area.along(start + width / 2 + away), area.value(value)]
        return area.lying ? [along, across] : [across, along]
      })
      if (figure.low === undefined && figure.high === undefined) return bar + dots
      const clamp = (value: number) => (isShowable(scale.kind, value) ? value : base)
      const [low, high] = [clamp(figure.low ?? figure.value), clamp(figure.high ?? figure.value)]
      if (high > scale.to) count.open++
      const reach = { low: Math.max(low, scale.from), high, to: scale.to }
      return bar + drawBarWhisker(area, start + width / 2, reach, Math.min(5, size * 0.3)) + dots
    })
    sheet.add(
      group(
        {},
        members.filter((member) => member !== ''),
      ),
    )
  })
  return count
}

/** A small cross where a figure was not measured, a dash where nobody published one: absent is not zero. */
function absentMark(area: Area, middle: number, base: number, size: number, published: boolean): string {
  const away = area.value(base) + (area.lying ? 7 : -7)
  const [x, y] = area.lying ? [away, area.along(middle)] : [area.along(middle), away]
  if (published) return unpublishedMark(x, y)
  const r = Math.min(3.5, size * 0.3)
  const d = `M${coordinate(x - r)},${coordinate(y - r)}l${coordinate(2 * r)},${coordinate(2 * r)}m0,${coordinate(-2 * r)}l${coordinate(-2 * r)},${coordinate(2 * r)}`
  return element('path', { d, stroke: PAINT.muted, 'stroke-width': 1.4 })
}

function legendOf(input: BarChartInput): LegendEntry[] {
  const rect = (x: number, y: number, attributes: object) =>
    element('rect', { x: x - 10, y: y - 6, width: 20, height: 12, ...attributes })
  const entries = input.series.map(({ label }, series): LegendEntry => {
    const stroke = { stroke: seriesPaint(series), 'stroke-width': 1 }
    return {
      label,
      sample: (x, y) => rect(x, y, { fill: seriesFill(chartId(input), series).fill, ...stroke }),
    }
  })
  if (input.series.some((one) => one.published)) {
    const hollow = {
      fill: PAINT.surface,
      stroke: PAINT.muted,
      'stroke-width': 1.8,
      'stroke-dasharray': '4 2',
    }
    entries.push({ label: 'published', sample: (x, y) => rect(x, y, hollow) })
  }
  const named = entries.length > 1 || input.series[0]?.label ? entries : []
  const gaps = input.series.flatMap(({ published }) => published ?? [0])
  return [
    ...named,
    ...(gaps.some((amount) => !figureOf(amount))
      ? [{ label: 'not published', sample: (x: number, y: number) => unpublishedMark(x, y) }]
      : []),
    ...runLegend(input.series.flatMap(({ runs = [] }) => runs.flat())),
  ]
}

/** Bars that stand: figures upwards, labels below in up to three lines. */
function layStanding(
  sheet: Sheet,
  input: BarChartInput,
  scale: Scale,
): { area: Area; room: number; end: number } {
  const top = drawYLabel(sheet, input.y, sheet.top)
  const tickWidth = Math.max(20, ...scale.ticks.map((tick) => textWidth(tick.text, FONT.text)))
  const left = sheet.left + tickWidth + 8
  const right = sheet.right
  const bottom = top + STANDING_HEIGHT
  const room = (right - left) / Math.max(1, input.categories.length)
  const value = (amount: number) => bottom - scale.place(amount) * STANDING_HEIGHT
  const area = { lying: false, left, right, top, bottom, along: (offset: number) => left + offset, value }
  for (const tick of scale.ticks) {
    const at = value(tick.value)
    sheet.add(element('path', { d: crossLine(area, tick.value), stroke: PAINT.grid }))
    sheet.add(drawText(tick.text, left - 6, at + FONT.text * 0.35, { anchor: 'end', paint: PAINT.muted }))
  }
  let lines = 1
  input.categories.forEach((label, at) => {
    const wrapped = wrap(label, FONT.text, room - 6, LABEL_LINES)
    lines = Math.max(lines, wrapped.length)
    wrapped.forEach((line, row) => {
      const y = bottom + 6 + FONT.text * (1 + 1.2 * row)
      sheet.add(drawText(line, left + room * (at + 0.5), y, { anchor: 'middle' }))
    })
  })
  return { area, room, end: bottom + 6 + FONT.text * 1.2 * lines }
}

/** Bars that lie: a row for each category, its label before it, figures to the right. */
function layLying(
  sheet: Sheet,
  input: BarChartInput,
  scale: Scale,
): { area: Area; room: number; end: number } {
  const widest = Math.max(0, ...input.categories.map((label) => textWidth(label, FONT.text)))
  const labelWidth = Math.min(widest, (sheet.right - sheet.left) * 0.36)
  const left = sheet.left + labelWidth + 8
  const right = sheet.right - 14
  const top = sheet.top + 4
  const slots = slotsOf(input).length
  const fitsOneLine = widest <= labelWidth
  const room = Math.max(
    fitsOneLine ? 22 : FONT.text * 2.7,
    (slots * (slots > 3 ? LYING_BAR - 3 : LYING_BAR)) / FILLED,
  )
  const bottom = top + room * Math.max(1, input.categories.length)
  const value = (amount: number) => left + scale.place(amount) * (right - left)
  const area = { lying: true, left, right, top, bottom, along: (offset: number) => top + offset, value }
  let free = Number.NEGATIVE_INFINITY
  for (const tick of scale.ticks) {
    const at = value(tick.value)
    sheet.add(element('path', { d: crossLine(area, tick.value), stroke: PAINT.grid }))
    const half = textWidth(tick.text, FONT.text) / 2
    const middle = Math.min(at, sheet.right - half)
    if (middle - half < free) continue
    free = middle + half + 6
    sheet.add(drawText(tick.text, middle, bottom + 4 + FONT.text, { anchor: 'middle', paint: PAINT.muted }))
  }
  input.categories.forEach((label, at) => {
    const lines = wrap(label, FONT.text, labelWidth + 1, fitsOneLine ? 1 : 2)
    lines.forEach((line, row) => {
      const y = top + room * (at + 0.5) + FONT.text * (0.35 + 1.15 * (row - (lines.length - 1) / 2))
      sheet.add(drawText(line, left - 7, y, { anchor: 'end' }))
    })
  })
  return { area, room, end: bottom + 4 + FONT.text }
}

/** One row for each category; published figures in columns of their own. */
function tableOf(input: BarChartInput): ChartTable {
  const slots = slotsOf(input)
  const name = (slot: Slot) => {
    const label = input.series[slot.series]!.label || headText(input.y)
    return slot.published ? `${label}, published` : label
  }
  const head = [headText(input.x), ...slots.map(name)]
  return {
    head,
    rows: input.categories.map((label, at) => [
      label,
      ...slots.map(({ amounts }) => amountText(amounts[at])),
    ]),
  }
}

function describe(input: BarChartInput, values: readonly number[]): string {
  const names = input.series.map((one) => one.label).filter((label) => label !== '')
  const of = names.length > 0 ? ` of ${listText(names)}` : ''
  const what = `Bar chart of ${axisText(input.y)}${of} for ${listText(input.categories) || 'no categories'}`
  if (values.length === 0) return `${what}: no figures.`
  const reference = input.reference
    ? `, with ${input.reference.label} at ${shortText(input.reference.value)}`
    : ''
  return `${what}, from ${shortText(Math.min(...values))} to ${shortText(Math.max(...values))}${reference}.`
}

/** Grouped bars with intervals. Table: a row for each category, a column for each series (and its published figures). */
export function barChart(input: BarChartInput): Chart {
  const slots = slotsOf(input)
  const figures = slots.flatMap(({ amounts }) => input.categories.map((_, at) => figureOf(amounts[at])))
  const values = figures.flatMap((figure) => (figure ? [figure.value] : []))
  const farthest = FARTHEST * Math.max(0, ...values.map(Math.abs), Math.abs(input.reference?.value ?? 0))
  const within = (value: number) => Math.max(-farthest, Math.min(farthest, value))
  const reach = figures.flatMap((figure) =>
    figure ? [figure.value, within(figure.low ?? figure.value), within(figure.high ?? figure.value)] : [],
  )
  if (input.reference) reach.push(input.reference.value)
  for (const { value } of slots.flatMap(({ runs }) => runs.flat())) reach.push(within(value))
  const legend = [...legendOf(input), ...levelEntry(input.reference, input.y)]
  const width = Math.max(320, input.width ?? 560)
  const room = (width - 80) / Math.max(1, input.categories.length)
  const many = slots.length * input.categories.length > MAX_STANDING_BARS
  const lying = many || !input.categories.every((label) => fits(label, FONT.text, room - 6, LABEL_LINES))
  const sheet = new Sheet(input, legend)
  const scale = createScale(input.y, reach, 5, true)
  const { area, room: slot, end } = lying ? layLying(sheet, input, scale) : layStanding(sheet, input, scale)
  const { hidden, open } = drawBars(sheet, input, area, scale, slot)
  const base = scale.kind === 'log' ? scale.from : Math.min(Math.max(0, scale.from), scale.to)
  sheet.add(element('path', { d: crossLine(area, base), stroke: PAINT.muted, 'stroke-width': 1.4 }))
  if (input.reference && isShowable(scale.kind, input.reference.value)) {
    sheet.add(levelLine(crossLine(area, input.reference.value)))
  }
  if (values.length === 0) drawEmpty(sheet, area)
  noteHidden(sheet, hidden, [scale.kind])
  if (open > 0) sheet.note(`Whiskers without a cap go on beyond the axis: ${open} (see the table).`)
  const below = wrap(axisText(lying ? input.y : input.x), FONT.text, sheet.right - sheet.left, 2)
  below.forEach((line, at) => {
    const style = { anchor: 'middle', paint: PAINT.muted } as const
    sheet.add(drawText(line, (area.left + area.right) / 2, end + FONT.text * 1.3 * (at + 1), style))
  })
  return sheet.finish(end + below.length * FONT.text * 1.3 + 6, describe(input, values), tableOf(input))
}

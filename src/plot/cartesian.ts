/** The field between two axes: grid, ticks, labels, and the lines that mark a level or a step. */
import type { Axis, Level, StepMarker } from './chart.js'
import { coordinate, element, group } from './element.js'
import { shortText } from './number-text.js'
import { isShowable, type Scale } from './scale.js'
import { axisText, drawText, FONT, type LegendEntry, type Sheet } from './sheet.js'
import { textWidth, truncate, wrap } from './text-measure.js'
import { PAINT } from './theme.js'

/** The field in coordinates of the sheet, and where the parts below it end. */
export interface Field {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  /** Below tick texts and the label of the x axis. */
  readonly end: number
  readonly x: (value: number) => number
  readonly y: (value: number) => number
}

export interface FieldOptions {
  readonly xAxis: Axis
  readonly yAxis: Axis
  readonly xScale: Scale
  readonly yScale: Scale
  readonly height: number
  /** Room above the field for texts of step markers. */
  readonly headroom?: number
}

/** The label of the y axis stands above the field, as text that is read without turning the head. */
export function drawYLabel(sheet: Sheet, axis: Axis, top: number): number {
  const lines = wrap(axisText(axis), FONT.text, sheet.right - sheet.left, 2)
  lines.forEach((line, at) => {
    sheet.add(drawText(line, sheet.left, top + FONT.text * (1 + 1.25 * at), { paint: PAINT.muted }))
  })
  return top + lines.length * FONT.text * 1.25 + 11
}

/** Draws axes and grid of a field with two numeric axes. */
export function drawField(sheet: Sheet, options: FieldOptions): Field {
  const { xAxis, yAxis, xScale, yScale, height, headroom = 0 } = options
  const top = drawYLabel(sheet, yAxis, sheet.top) + headroom
  const tickWidth = Math.max(20, ...yScale.ticks.map((tick) => textWidth(tick.text, FONT.text)))
  const left = sheet.left + tickWidth + 8
  const right = sheet.right - 12
  const bottom = top + height
  const x = (value: number) => left + xScale.place(value) * (right - left)
  const y = (value: number) => bottom - yScale.place(value) * height
  const members: string[] = []
  for (const { value, text } of yScale.ticks) {
    members.push(element('path', { d: `M${left},${y(value).toFixed(2)}H${right}`, stroke: PAINT.grid }))
    members.push(drawText(text, left - 6, y(value) + FONT.text * 0.35, { anchor: 'end', paint: PAINT.muted }))
  }
  members.push(...drawXTicks(sheet, xScale, x, bottom))
  members.push(
    element('path', { d: `M${left},${top}V${bottom}H${right}`, fill: 'none', stroke: PAINT.muted }),
  )
  let end = bottom + 6 + FONT.text
  for (const line of wrap(axisText(xAxis), FONT.text, sheet.right - sheet.left, 2)) {
    end += FONT.text * 1.3
    members.push(drawText(line, (left + right) / 2, end, { anchor: 'middle', paint: PAINT.muted }))
  }
  sheet.add(group({}, members))
  return { left, right, top, bottom, end: end + 6, x, y }
}

/** Ticks of the x axis; texts that would touch the one before are left out, their ticks stay. */
function drawXTicks(sheet: Sheet, scale: Scale, x: (value: number) => number, bottom: number): string[] {
  const members: string[] = []
  let free = Number.NEGATIVE_INFINITY
  for (const { value, text } of scale.ticks) {
    const at = x(value)
    members.push(element('path', { d: `M${at.toFixed(2)},${bottom}v5`, stroke: PAINT.muted }))
    const half = textWidth(text, FONT.text) / 2
    const middle = Math.min(at, sheet.right - half)
    if (middle - half < free) continue
    free = middle + half + 6
    members.push(drawText(text, middle, bottom + 6 + FONT.text, { anchor: 'middle', paint: PAINT.muted }))
  }
  return members
}

const LEVEL_LINE = { stroke: PAINT.accent, 'stroke-width': 1.6, 'stroke-dasharray': '6 4' } as const

/** The line of a level along a path. */
export function levelLine(d: string): string {
  return element('path', { d, ...LEVEL_LINE })
}

/** A level is named in the legend: beside its line the name would lie over the figures. */
export function levelEntry(level: Level | undefined, axis: Axis): LegendEntry[] {
  if (!level) return []
  const unit = axis.unit ? ` ${axis.unit}` : ''
  const label = `${level.label} (${shortText(level.value)}${unit})`
  return [{ label, sample: (x, y) => levelLine(`M${coordinate(x - 11)},${coordinate(y)}h22`) }]
}

/** A level across the field. */
export function drawLevel(sheet: Sheet, field: Field, scale: Scale, level: Level | undefined): void {
  if (!level || !isShowable(scale.kind, level.value)) return
  sheet.add(
    levelLine(`M${coordinate(field.left)},${coordinate(field.y(level.value))}H${coordinate(field.right)}`),
  )
}

const STEP_ROWS = 3
const STEP_ROW = FONT.small * 1.3

/** How much room above the field the texts of step markers take. */
export function stepRoom(steps: readonly StepMarker[] | undefined): number {
  return steps && steps.length > 0 ? Math.min(STEP_ROWS, steps.length) * STEP_ROW + 4 : 0
}

/** Vertical lines with their texts above the field, in as many rows as they need, from the top; too many lose their text. */
export function drawSteps(
  sheet: Sheet,
  field: Field,
  scale: Scale,
  steps: readonly StepMarker[] | undefined,
): void {
  const shown = (steps ?? []).filter((step) => isShowable(scale.kind, step.x)).sort((a, b) => a.x - b.x)
  const rows = Math.min(STEP_ROWS, steps?.length ?? 0)
  const free = Array.from({ length: rows }, () => field.left - 4)
  for (const step of shown) {
    const at = field.x(step.x)
    const text = truncate(step.label, FONT.small, (field.right - field.left) * 0.6)
    const width = textWidth(text, FONT.small)
    const start = Math.max(field.left - 4, Math.min(at + 4, sheet.right - width))
    // The line comes down from its text: it must not cross a text in a row below.
    const row = free.findIndex((_, from) => free.slice(from).every((end) => end <= start))
    const baseline = field.top - 8 - (rows - 1 - row) * STEP_ROW
    const top = row < 0 ? field.top : baseline - FONT.small + 2
    const d = `M${coordinate(at)},${coordinate(top)}V${coordinate(field.bottom)}`
    sheet.add(element('path', { d, stroke: PAINT.muted, 'stroke-dasharray': '3 3' }))
    if (row < 0) continue
    for (let below = row; below < rows; below++) free[below] = below === row ? start + width + 10 : at + 2
    sheet.add(drawText(text, start, baseline, { size: FONT.small, paint: PAINT.muted, halo: true }))
  }
}

/** Notes on the sheet that figures were left out because a bent axis cannot show them. */
export function noteHidden(sheet: Sheet, hidden: number, kinds: readonly string[]): void {
  if (hidden === 0) return
  const bent = [...new Set(kinds)].filter((kind) => kind !== 'linear').join(' or ')
  sheet.note(
    `Not drawn, because a ${bent} axis cannot show them: ${hidden} ${hidden === 1 ? 'figure' : 'figures'} (see the table).`,
  )
}

/** "No figures" in the middle of an empty field. */
export function drawEmpty(
  sheet: Sheet,
  field: { left: number; right: number; top: number; bottom: number },
): void {
  sheet.add(
    drawText('no figures', (field.left + field.right) / 2, (field.top + field.bottom) / 2, {
      anchor: 'middle',
      paint: PAINT.muted,
    }),
  )
}

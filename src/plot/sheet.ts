/**
 * The sheet a chart is drawn on: title, subtitle and legend from the top, the chart's own part, notes below.
 *
 *   title                 A chart asks for its room (`sheet.top`), draws with absolute coordinates, says how far
 *   subtitle              down it came, and `finish` wraps all in one accessible <svg>.
 *   legend legend legend
 *   [ the chart's part ]
 *   notes
 */
import type { Axis, Chart, ChartFrame, ChartTable } from './chart.js'
import { element, escapeText, group } from './element.js'
import { textWidth, truncate, wrap } from './text-measure.js'
import { PAINT } from './theme.js'

/** Sizes of text, in units of the drawing. */
export const FONT = { title: 17, text: 14, small: 13 } as const

const DEFAULT_WIDTH = 560
const MIN_WIDTH = 320
const MARGIN = 10
const LEGEND_ROW = 20
const SWATCH = 26
/** Wider drawings are not shrunk below three quarters of their size; they scroll. */
const SHRINKS_UP_TO = 640

export interface LegendEntry {
  readonly label: string
  /** SVG of the sample, drawn with its middle at a place; about 22 wide and 12 high. */
  readonly sample: (x: number, y: number) => string
}

export interface TextStyle {
  readonly size?: number
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly paint?: string
  readonly bold?: boolean
  readonly transform?: string
  /** Draws the page's colour around the letters, for text over lines. */
  readonly halo?: boolean
}

/** One line of text; `y` is its baseline. */
export function drawText(text: string, x: number, y: number, style: TextStyle = {}): string {
  const { size = FONT.text, anchor, paint = PAINT.ink, bold, transform, halo } = style
  const attributes = {
    x,
    y,
    'font-size': size,
    'text-anchor': anchor === 'start' ? undefined : anchor,
    'font-weight': bold ? '600' : undefined,
    fill: paint,
    transform,
    ...(halo
      ? { stroke: PAINT.surface, 'stroke-width': 3, 'stroke-linejoin': 'round', 'paint-order': 'stroke' }
      : {}),
  }
  return element('text', attributes, escapeText(text))
}

/** The label of an axis: what, unit, and which way is good. */
export function axisText(axis: Axis): string {
  const unit = axis.unit ? ` (${axis.unit})` : ''
  const better = axis.better && axis.better !== 'none' ? `, ${axis.better} is better` : ''
  return `${axis.label}${unit}${better}`
}

/** The head of a table's column for an axis. */
export function headText(axis: Axis): string {
  return axis.unit ? `${axis.label} (${axis.unit})` : axis.label
}

/** The prefix of a chart's ids. */
export function chartId(frame: ChartFrame): string {
  const made = frame.title.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return (frame.id ?? `plot-${made}`).replace(/[^A-Za-z0-9_-]/g, '-')
}

/** A sheet with what stands above the chart's own part. */
export class Sheet {
  readonly id: string
  readonly width: number
  /** Where the chart's part begins. */
  readonly top: number
  readonly left = MARGIN
  readonly right: number
  readonly #frame: ChartFrame
  readonly #members: string[] = []
  readonly #definitions: string[] = []
  readonly #notes: string[] = []

  /** `width` replaces the frame's for charts that need more. */
  constructor(frame: ChartFrame, legend: readonly LegendEntry[], width = frame.width ?? DEFAULT_WIDTH) {
    this.#frame = frame
    this.id = chartId(frame)
    this.width = Math.max(MIN_WIDTH, width)
    this.right = this.width - MARGIN
    let y = 6
    const lines = (text: string, size: number, bold: boolean) => {
      for (const line of wrap(text, size * (bold ? 1.07 : 1), this.width - 2 * MARGIN, 3)) {
        y += size * 1.28
        this.add(
          drawText(line, MARGIN, y - size * 0.2, { size, bold, paint: bold ? PAINT.ink : PAINT.muted }),
        )
      }
    }
    lines(frame.title, FONT.title, true)
    if (frame.subtitle) lines(frame.subtitle, FONT.text, false)
    this.top = this.#drawLegend(legend, y + 8)
  }

  add(...members: string[]): void {
    this.#members.push(...members.filter((member) => member !== ''))
  }

  /** Adds to `<defs>`. */
  define(definition: string): void {
    if (definition !== '') this.#definitions.push(definition)
  }

  /** A line of text below the chart. */
  note(text: string): void {
    this.#notes.push(text)
  }

  #drawLegend(entries: readonly LegendEntry[], top: number): number {
    if (entries.length === 0) return top + 4
    let x = this.left
    let y = top + LEGEND_ROW / 2
    const room = this.right - this.left - SWATCH
    const members: string[] = []
    for (const { label, sample } of entries) {
      const text = truncate(label, FONT.small, room)
      const width = SWATCH + textWidth(text, FONT.small) + 14
      if (x > this.left && x + width - 14 > this.right) {
        x = this.left
        y += LEGEND_ROW
      }
      members.push(sample(x + 11, y), drawText(text, x + SWATCH, y + FONT.small * 0.35, { size: FONT.small }))
      x += width
    }
    this.add(group({}, members))
    return y + LEGEND_ROW / 2 + 8
  }

  /** The finished chart; `bottom` is where its own part ends, `description` is used when the frame has none. */
  finish(bottom: number, description: string, table: ChartTable): Chart {
    let y = bottom
    for (const note of this.#notes) {
      for (const line of wrap(note, FONT.small, this.width - 2 * MARGIN, 3)) {
        y += FONT.small * 1.35
        this.add(drawText(line, MARGIN, y, { size: FONT.small, paint: PAINT.muted }))
      }
    }
    const height = Math.ceil(y + MARGIN)
    const titleId = `${this.id}-title`
    const descId = `${this.id}-desc`
    const shrink = this.width > SHRINKS_UP_TO ? `min-width:${Math.round(this.width * 0.75)}px;` : ''
    const attributes = {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'plot',
      id: this.id,
      role: 'img',
      'aria-labelledby': `${titleId} ${descId}`,
      viewBox: `0 0 ${this.width} ${height}`,
      style: `${shrink}max-width:${Math.round(this.width * 1.15)}px`,
      'font-family': "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif",
    }
    const members = [
      element('title', { id: titleId }, escapeText(this.#frame.title)),
      element(
        'desc',
        { id: descId },
        escapeText([this.#frame.description ?? description, ...this.#notes].join(' ')),
      ),
      ...(this.#definitions.length > 0 ? [element('defs', {}, this.#definitions.join(''))] : []),
      element('rect', { width: this.width, height, fill: PAINT.surface }),
      ...this.#members,
    ]
    return { svg: element('svg', attributes, `\n${members.join('\n')}\n`), table }
  }
}

/** Joins names for a sentence: `a, b and c`; of more than four, how many more there are. */
export function listText(names: readonly string[]): string {
  if (names.length > 4) return `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** A heat map of ratios: rows by columns, the figure in each entry, colour by how far it is from the centre. */
import type { Amount, Chart, MatrixChartInput } from './chart.js'
import { element, group } from './element.js'
import { amountText, figureOf, shortText } from './number-text.js'
import { drawText, FONT, type LegendEntry, Sheet } from './sheet.js'
import { textWidth, truncate } from './text-measure.js'
import { PAINT } from './theme.js'

const DEFAULT_WIDTH = 560
const MIN_ENTRY = 40
const MAX_ENTRY = 90
const ENTRY_HEIGHT = 30
/** Longer ones than a workload's name and what it is measured by are cut. */
const MAX_ROW_LABEL = 280
const MAX_COLUMN_LABEL = 200
/** The ratio, up or down, at which colour is at its strongest. */
const FULL_AT = 4
const STRONGEST = 0.8

/** How strongly an entry is coloured, -1 (bad) to 1 (good): ratios count alike up and down. */
function strength(value: number, centre: number, better: 'higher' | 'lower'): number {
  const ratio = value / centre
  const up = ratio > 0 ? Math.log(ratio) / Math.log(FULL_AT) : -1
  const bounded = Math.max(-1, Math.min(1, up))
  return better === 'higher' ? bounded : -bounded
}

function isClear(amount: Amount, centre: number): boolean {
  const figure = figureOf(amount)
  if (figure?.low === undefined || figure.high === undefined) return false
  return figure.low > centre || figure.high < centre
}

interface Grid {
  readonly left: number
  readonly top: number
  readonly entryWidth: number
}

function drawEntry(input: MatrixChartInput, row: number, column: number, grid: Grid): string {
  const { centre = 1, better = 'higher' } = input
  const amount = input.entries[row]?.[column]
  const figure = figureOf(amount)
  const box = {
    ...{ x: grid.left + column * grid.entryWidth + 1, y: grid.top + row * ENTRY_HEIGHT + 1 },
    ...{ width: grid.entryWidth - 2, height: ENTRY_HEIGHT - 2 },
  }
  if (!figure) return element('rect', { ...box, fill: 'none', stroke: PAINT.grid, 'stroke-dasharray': '2 3' })
  const good = strength(figure.value, centre, better)
  // Square root: small differences from the centre are the ones that matter, and must be seen.
  const opacity = (Math.sqrt(Math.abs(good)) * STRONGEST).toFixed(2)
  const look = { fill: good < 0 ? PAINT.low : PAINT.high, 'fill-opacity': opacity, stroke: PAINT.grid }
  const size = FONT.text
  const text = entryText(figure.value, grid.entryWidth - 4)
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 + size * 0.35 }
  const bold = isClear(amount, centre)
  return (
    element('rect', { ...box, ...look }) +
    drawText(text, middle.x, middle.y, { size, anchor: 'middle', bold })
  )
}

/** Two decimals where they fit; fewer digits where the entry is narrow. */
function entryText(value: number, width: number): string {
  const full = Math.abs(value) < 100 ? value.toFixed(2) : shortText(value, 3)
  const candidates = [full, shortText(value, 2), shortText(value, 1)]
  return candidates.find((text) => textWidth(text, FONT.text) <= width) ?? candidates.at(-1)!
}

function legendOf(better: 'higher' | 'lower'): LegendEntry[] {
  const swatch = (fill: string, opacity: number) => (x: number, y: number) =>
    element('rect', {
      x: x - 10,
      y: y - 6,
      width: 20,
      height: 12,
      fill,
      'fill-opacity': opacity,
      stroke: PAINT.grid,
    })
  return [
    { label: better === 'higher' ? 'worse (lower)' : 'worse (higher)', sample: swatch(PAINT.low, STRONGEST) },
    { label: 'same', sample: swatch(PAINT.surface, 1) },
    {
      label: better === 'higher' ? 'better (higher)' : 'better (lower)',
      sample: swatch(PAINT.high, STRONGEST),
    },
    {
      label: 'not measured',
      sample: (x, y) =>
        element('rect', {
          x: x - 10,
          y: y - 6,
          width: 20,
          height: 12,
          fill: 'none',
          stroke: PAINT.muted,
          'stroke-dasharray': '2 3',
        }),
    },
  ]
}

/** Heads of the columns: level where all fit, else upright. Returns where the entries begin. */
function drawColumnHeads(sheet: Sheet, input: MatrixChartInput, grid: Omit<Grid, 'top'>): number {
  const { left, entryWidth } = grid
  const level = input.columns.every((label) => textWidth(label, FONT.text) <= entryWidth - 4)
  const longest = Math.max(0, ...input.columns.map((label) => textWidth(label, FONT.text)))
  const height = level ? FONT.text * 1.3 : Math.min(MAX_COLUMN_LABEL, longest) + 4
  const labelY = sheet.top + FONT.text
  sheet.add(drawText(`${input.x.label} →`, left, labelY, { paint: PAINT.muted }))
  const bottom = labelY + 8 + height
  input.columns.forEach((label, at) => {
    const x = left + (at + 0.5) * entryWidth
    if (level) sheet.add(drawText(label, x, bottom - 5, { anchor: 'middle' }))
    else {
      const text = truncate(label, FONT.text, MAX_COLUMN_LABEL)
      const transform = `rotate(-90 ${(x + FONT.text * 0.35).toFixed(2)} ${(bottom - 4).toFixed(2)})`
      sheet.add(drawText(text, x + FONT.text * 0.35, bottom - 4, { transform }))
    }
  })
  sheet.add(
    drawText(
      `${truncate(input.y.label, FONT.text, left - sheet.left - 8 - textWidth(' ↓', FONT.text))} ↓`,
      left - 8,
      bottom - 5,
      {
        anchor: 'end',
        paint: PAINT.muted,
      },
    ),
  )
  return bottom
}

function describe(input: MatrixChartInput): string {
  const size = `${input.rows.length} ${input.y.label} by ${input.columns.length} ${input.x.label}`
  const figures = input.rows.flatMap((row, r) =>
    input.columns.flatMap((column, c) => {
      const figure = figureOf(input.entries[r]?.[c])
      return figure ? [{ row, column, value: figure.value }] : []
    }),
  )
  if (figures.length === 0) return `Matrix of ${input.entryLabel}, ${size}: no figures.`
  const sorted = figures.sort((a, b) => a.value - b.value)
  const tell = (one: (typeof sorted)[number]) => `${shortText(one.value)} (${one.row}, ${one.column})`
  return `Matrix of ${input.entryLabel}, ${size}, from ${tell(sorted[0]!)} to ${tell(sorted.at(-1)!)}.`
}

/** Ratios by row and column. Table: the same matrix, with intervals. */
export function matrixChart(input: MatrixChartInput): Chart {
  const labels = [...input.rows, `${input.y.label} ↓ `]
  const labelWidth = Math.min(
    MAX_ROW_LABEL,
    Math.ceil(Math.max(40, ...labels.map((label) => textWidth(label, FONT.text)))),
  )
  const columns = Math.max(1, input.columns.length)
  const wanted = input.width ?? DEFAULT_WIDTH
  const width = Math.max(wanted, labelWidth + 36 + columns * MIN_ENTRY)
  const sheet = new Sheet(input, legendOf(input.better ?? 'higher'), width)
  const left = sheet.left + labelWidth + 8
  const entryWidth = Math.min(MAX_ENTRY, (sheet.right - left) / columns)
  const top = drawColumnHeads(sheet, input, { left, entryWidth })
  const grid = { left, top, entryWidth }
  input.rows.forEach((label, row) => {
    const y = top + (row + 0.5) * ENTRY_HEIGHT + FONT.text * 0.35
    const members = [drawText(truncate(label, FONT.text, labelWidth), left - 8, y, { anchor: 'end' })]
    for (let column = 0; column < input.columns.length; column++)
      members.push(drawEntry(input, row, column, grid))
    sheet.add(group({}, members))
  })
  const bottom = top + Math.max(1, input.rows.length) * ENTRY_HEIGHT
  const { centre = 1 } = input
  const bold = input.entries.some((row) => row.some((amount) => isClear(amount, centre)))
  if (input.rows.length === 0 || input.columns.length === 0) {
    sheet.add(
      drawText('no figures', sheet.width / 2, (top + bottom) / 2, { anchor: 'middle', paint: PAINT.muted }),
    )
  }
  sheet.note(
    `Entry: ${input.entryLabel}.${bold ? ` Bold: the interval leaves out ${shortText(centre)}.` : ''}`,
  )
  const head = [`${input.y.label} \\ ${input.x.label}`, ...input.columns]
  const rows = input.rows.map((label, row) => [
    label,
    ...input.columns.map((_, column) => amountText(input.entries[row]?.[column])),
  ])
  return sheet.finish(bottom + 4, describe(input), { head, rows })
}

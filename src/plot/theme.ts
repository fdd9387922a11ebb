/**
 * Colours, dashes, hatches and marks. Every colour is a custom property with its light value as fallback, so that a
 * chart alone in a file is right too. No two of the first eight series differ by colour alone: each has its own
 * hatch, dash and mark. Palette: Okabe and Ito 2008, darkened (light) or lightened (dark) to 3:1 against the page.
 */
import { coordinate, element } from './element.js'

const LIGHT: Readonly<Record<string, string>> = {
  surface: '#ffffff',
  ink: '#1f2328',
  muted: '#57606a',
  grid: '#dfe3e8',
  accent: '#a8005c',
  low: '#e0762b',
  high: '#2f8fc9',
  1: '#0072b2',
  2: '#d55e00',
  3: '#008a64',
  4: '#b5508f',
  5: '#9a7500',
  6: '#5b6470',
  7: '#3d8fd1',
  8: '#8a4b1e',
}

const DARK: Readonly<Record<string, string>> = {
  surface: '#15181c',
  ink: '#e8eaed',
  muted: '#a8b0ba',
  grid: '#32383f',
  accent: '#ff7ac0',
  low: '#b4500a',
  high: '#13699e',
  1: '#56b4e9',
  2: '#ff8a3d',
  3: '#2cc79a',
  4: '#e59acb',
  5: '#e8c33c',
  6: '#b4bcc6',
  7: '#8fc4ff',
  8: '#cf9a6e',
}

const SERIES_COLOURS = 8

/** Paint by role: the custom property with its light value as fallback. */
export const PAINT = {
  surface: `var(--plot-surface, ${LIGHT.surface})`,
  ink: `var(--plot-ink, ${LIGHT.ink})`,
  muted: `var(--plot-muted, ${LIGHT.muted})`,
  grid: `var(--plot-grid, ${LIGHT.grid})`,
  accent: `var(--plot-accent, ${LIGHT.accent})`,
  low: `var(--plot-low, ${LIGHT.low})`,
  high: `var(--plot-high, ${LIGHT.high})`,
} as const

/** The colour of the series with this index. */
export function seriesPaint(index: number): string {
  const name = String((index % SERIES_COLOURS) + 1)
  return `var(--plot-${name}, ${LIGHT[name]})`
}

const DASHES = [undefined, '7 4', '2 3', '10 3 2 3', '14 4', '5 2', '10 3 2 3 2 3', '1 5'] as const

/** The dash of the line with this index; differs from its neighbours' also where colours begin again. */
export function seriesDash(index: number): string | undefined {
  return DASHES[(index + Math.floor(index / SERIES_COLOURS) * 3) % DASHES.length]
}

/** Lines and dots over the series colour, in a tile of 8 by 8; the first is plain. */
const HATCHES = [
  '',
  'M-2,2L2,-2M0,8L8,0M6,10L10,6',
  'M0,2H8M0,6H8',
  'M-2,6L2,10M0,0L8,8M6,-2L10,2',
  'M2,0V8M6,0V8',
  'M0,0L8,8M8,0L0,8',
  'M2,2h2v2h-2zM6,6h2v2h-2z',
  'M0,4H8M4,0V8',
] as const

/** The fill of the series with this index, and its definition; `id` is the prefix of the chart's ids. */
export function seriesFill(id: string, index: number): { fill: string; definition: string } {
  const hatch = HATCHES[(index + Math.floor(index / SERIES_COLOURS)) % HATCHES.length]!
  if (hatch === '') return { fill: seriesPaint(index), definition: '' }
  const name = `${id}-hatch-${index}`
  const tile = [
    element('rect', { width: 8, height: 8, fill: seriesPaint(index) }),
    element('path', {
      d: hatch,
      fill: 'none',
      stroke: PAINT.surface,
      'stroke-width': 1.2,
      'stroke-opacity': 0.8,
    }),
  ]
  const pattern = { id: name, width: 8, height: 8, patternUnits: 'userSpaceOnUse' }
  return { fill: `url(#${name})`, definition: element('pattern', pattern, tile.join('')) }
}

/** Outlines of marks around the origin for a radius of one. */
const MARKS: readonly (readonly (readonly [number, number])[] | undefined)[] = [
  undefined,
  [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  [
    [0, -1.2],
    [1.1, 0.8],
    [-1.1, 0.8],
  ],
  [
    [0, -1.3],
    [1.3, 0],
    [0, 1.3],
    [-1.3, 0],
  ],
  [
    [0, 1.2],
    [1.1, -0.8],
    [-1.1, -0.8],
  ],
  [
    [-0.4, -1.1],
    [0.4, -1.1],
    [0.4, -0.4],
    [1.1, -0.4],
    [1.1, 0.4],
    [0.4, 0.4],
    [0.4, 1.1],
    [-0.4, 1.1],
    [-0.4, 0.4],
    [-1.1, 0.4],
    [-1.1, -0.4],
    [-0.4, -0.4],
  ],
  [
    [0, -1.2],
    [1.15, -0.37],
    [0.71, 0.97],
    [-0.71, 0.97],
    [-1.15, -0.37],
  ],
  [
    [-1.1, -1],
    [1.1, -1],
    [-1.1, 1],
    [1.1, 1],
  ],
]

/** The mark of the series with this index at a place, of about this radius. */
export function seriesMark(index: number, x: number, y: number, radius: number, paint: object = {}): string {
  const attributes = { fill: seriesPaint(index), stroke: PAINT.surface, 'stroke-width': 1, ...paint }
  const outline = MARKS[(index + Math.floor(index / SERIES_COLOURS) * 3) % MARKS.length]
  if (!outline) return element('circle', { cx: x, cy: y, r: radius, ...attributes })
  const points = outline.map(([dx, dy]) => `${coordinate(x + dx * radius)},${coordinate(y + dy * radius)}`)
  return element('polygon', { points: points.join(' '), ...attributes })
}

const declare = (colours: Readonly<Record<string, string>>) =>
  Object.entries(colours)
    .map(([name, value]) => `--plot-${name}:${value};`)
    .join('')

/**
 * The style of a page with charts: light, dark by the reader's setting, and light again on paper. Charts scroll
 * inside an element of class `plot-frame` when they are too wide to shrink (matrices of many columns).
 */
export const PLOT_CSS = `:root{${declare(LIGHT)}}
@media (prefers-color-scheme: dark){:root{${declare(DARK)}}}
@media print{:root{${declare(LIGHT)}}.plot{print-color-adjust:exact;-webkit-print-color-adjust:exact;break-inside:avoid}}
.plot-frame{overflow-x:auto}
.plot{display:block;width:100%;height:auto}
`

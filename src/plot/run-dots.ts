/** The runs behind a figure as dots beside each other; hollow: the machine was not quiet before it. */
import type { Run } from './chart.js'
import { element } from './element.js'
import { drawText, FONT, type LegendEntry } from './sheet.js'
import { PAINT } from './theme.js'

const RADIUS = 2.4
/** Dots spread over so much of a bar's width. */
const SPREAD = 0.5

function dot(x: number, y: number, noisy: boolean): string {
  return element('circle', {
    ...{ cx: x, cy: y, r: RADIUS, 'stroke-width': 1.1 },
    ...(noisy ? { fill: PAINT.surface, stroke: PAINT.ink } : { fill: PAINT.ink, stroke: PAINT.surface }),
  })
}

/**
 * Dots of runs, in the order they were made.
 * @param width room across the figure; @param place where a dot lies, by its distance from the middle and its value
 */
export function runDots(
  runs: readonly Run[],
  width: number,
  place: (away: number, value: number) => readonly [x: number, y: number],
): string {
  const step = runs.length > 1 ? (width * SPREAD) / (runs.length - 1) : 0
  return runs
    .map(({ value, noisy = false }, at) => dot(...place(step * (at - (runs.length - 1) / 2), value), noisy))
    .join('')
}

/** What dots mean, for a legend; nothing where there are none. */
export function runLegend(runs: readonly Run[]): LegendEntry[] {
  const entry = (label: string, noisy: boolean): LegendEntry => ({
    label,
    sample: (x, y) => dot(x, y, noisy),
  })
  return [
    ...(runs.some(({ noisy }) => !noisy) ? [entry('a run', false)] : []),
    ...(runs.some(({ noisy }) => noisy) ? [entry('a run, machine not quiet', true)] : []),
  ]
}

/** The sign of what nobody published: absent is not "not measured". */
export function unpublishedMark(x: number, y: number): string {
  return drawText('–', x, y + FONT.small * 0.35, { size: FONT.small, anchor: 'middle', paint: PAINT.muted })
}

/** Victim x aggressor: what is left of each load beside each other one, and the combined score of each pair. */
import { matrixChart } from '../../plot/matrix-chart.js'
import { exactText } from '../../plot/number-text.js'
import { interference, usualMetric } from '../analysis/interference.js'
import { cellsWhere } from '../analysis/run-cells.js'
import { METRICS } from '../record/metrics.js'
import type { Figure } from '../study/study.js'
import {
  type Entry,
  entryTable,
  type FigureContext,
  type Picture,
  type ReportFigure,
  singleRunNotes,
} from './figure.js'

type Matrix = Extract<Figure, { figure: 'matrix' }>

const WORST = 6

/**
 * Builds the figure. When the study names metrics, only loads that are named are victims: a matrix of delays has no row
 * of throughput. Loads are looked up by their own name, then by their workload's.
 */
export function buildMatrix(figure: Matrix, { id, cells, primaryOf }: FigureContext): ReportFigure {
  const named = Object.keys(figure.values).length > 0
  const chosen = cellsWhere(cells, figure.where)
  const result = interference(chosen, (load, workload) => {
    if (named) return figure.values[load] ?? figure.values[workload]
    const alone = chosen.filter((cell) => cell.factors.victim === load).flatMap((cell) => cell.measurements)
    return primaryOf?.(workload) ?? usualMetric(alone, 'victim')
  })
  const { victims, aggressors } = result
  const directions = new Set(victims.map(({ metric }) => METRICS[metric].better))
  // Rows of both directions in one picture: all are turned so that less is worse.
  const mixed = directions.has('lower') && directions.size > 1
  const better = directions.has('lower') && !mixed ? 'lower' : 'higher'
  const shown = mixed ? result.kept : result.entries
  const measure = {
    label: mixed ? 'performance kept, together / alone' : 'together / alone',
    unit: '',
    better,
  } as const
  const rowName = (row: number): string => `${victims[row]!.load}: ${METRICS[victims[row]!.metric].label}`
  const entries: Entry[] = shown.flatMap((row, at) =>
    row.map((estimate, column) => ({
      at: {
        victim: victims[at]!.load,
        'measured by': METRICS[victims[at]!.metric].label,
        aggressor: aggressors[column]!,
      },
      measure,
      ...(estimate ? { estimate } : {}),
    })),
  )
  const frame = { x: { label: 'aggressor' }, y: { label: 'victim' }, columns: aggressors }
  const chart = matrixChart({
    ...frame,
    id,
    title: figure.title,
    rows: victims.map((_, row) => rowName(row)),
    entries: shown,
    entryLabel: measure.label,
    better,
  })
  const pictures: Picture[] = [{ title: figure.title, svg: chart.svg }]
  const pairs = victims.flatMap((victim, row) =>
    aggressors.flatMap((aggressor, column) => {
      const score = result.combined[row]![column]
      return score === undefined || aggressors.indexOf(victim.load) > column
        ? []
        : [{ pair: `${victim.load} + ${aggressor}`, score }]
    }),
  )
  if (figure.combined && pairs.length > 0) {
    const title = `Combined score of each pair: ${figure.title}`
    const score = matrixChart({
      ...frame,
      id: `${id}-combined`,
      title,
      rows: victims.map(({ load }) => load),
      entries: result.combined,
      entryLabel: 'sum of both shares kept; 2: no interference',
      centre: 2,
      better: 'higher',
    })
    pictures.push({ title, svg: score.svg })
  }
  const harm = ({ estimate }: Entry): number => (better === 'lower' ? -estimate!.value : estimate!.value)
  const measured = entries.filter(({ estimate }) => estimate !== undefined)
  const clear = measured.filter(
    ({ estimate }) => estimate!.low !== undefined && (estimate!.low > 1 || estimate!.high! < 1),
  )
  const rowless = aggressors.filter((load) => !victims.some((victim) => victim.load === load))
  const worstPair = pairs.toSorted((a, b) => a.score - b.score)[0]
  const bestPair = pairs.toSorted((a, b) => b.score - a.score)[0]
  return {
    id,
    kind: 'matrix',
    title: figure.title,
    pictures,
    table: entryTable(entries),
    notes: [
      mixed
        ? 'An entry is the share of its performance alone that a victim keeps: values of which less is better are turned over, so that below 1 is worse in every row.'
        : `An entry is the value together over the value alone; ${better === 'lower' ? 'above' : 'below'} 1 is worse.`,
      `${clear.length} of ${measured.length} measured entries have an interval that leaves out 1.${measured.length >= 20 ? ` With so many, about ${Math.max(1, Math.round(measured.length * 0.05))} would do so by chance alone.` : ''}`,
      ...(rowless.length > 0
        ? [`No row, only a column: ${rowless.join(', ')} (nothing of them was measured for this matrix).`]
        : []),
      ...(figure.combined && worstPair && bestPair
        ? [
            `Combined score, the sum of the shares that both keep: worst ${exactText(worstPair.score)} (${worstPair.pair}), best ${exactText(bestPair.score)} (${bestPair.pair}); 2 means no interference. It has no interval.`,
          ]
        : []),
      ...singleRunNotes(entries),
    ],
    entries,
    headline: measured.toSorted((a, b) => harm(a) - harm(b)).slice(0, WORST),
  }
}

/** Raw lines behind figures: percentiles, delay by load, a rate over time; one line for each value of a factor. */
import { seriesChart } from '../../plot/series-chart.js'
import { median } from '../../stats/summary.js'
import type { RunCell } from '../analysis/run-cells.js'
import type { Figure } from '../study/study.js'
import type { FigureContext, ReportFigure } from './figure.js'
import { gridOf } from './grid.js'

type Series = Extract<Figure, { figure: 'series' }>
type Cdf = Extract<Figure, { figure: 'cdf' }>
type Points = readonly (readonly [number, number])[]

/** The series of every round of a cell; a label also names all workloads "label-VM" of an `each`. */
function roundsOf(cell: RunCell, of: string, name: string): Points[] {
  return cell.measurements.flatMap(({ workloads }) =>
    workloads
      .filter(({ label, vm }) => label === of || label === `${of}-${vm}`)
      .flatMap(({ series }) => (series?.[name] ? [series[name]] : [])),
  )
}

/** One line for several rounds: the median at every x that all of them have; the first round when they share too few. */
export function joinRounds(rounds: readonly Points[]): { readonly points: Points; readonly joined: boolean } {
  const [first = [], ...others] = rounds
  const maps = others.map((points) => new Map(points))
  const shared = first.filter(([x]) => maps.every((map) => map.has(x)))
  if (others.length === 0 || shared.length < first.length / 2)
    return { points: first, joined: rounds.length < 2 }
  const points = shared.map(([x, y]) => [x, median([y, ...maps.map((map) => map.get(x)!)])] as const)
  return { points, joined: true }
}

/** The distribution of delays: percentiles laid on their side, on an axis that shows the tail. */
export function buildCdf(figure: Cdf, context: FigureContext): ReportFigure {
  const grid = gridOf(context.cells, figure.series, undefined, figure.where)
  const lines = grid.cells.flatMap(({ x, series, cell }) => {
    const rounds = roundsOf(cell, figure.of, 'percentiles')
    if (rounds.length === 0) return []
    const { points } = joinRounds(rounds)
    // The axis has no place for 100 %: nothing is sure to be there.
    const shown = points.filter(([percent, us]) => percent < 100 && us > 0)
    return [
      {
        label: series === '' ? x : `${x}, ${series}`,
        points: shown.map(([percent, us]) => ({ x: us, y: percent })),
      },
    ]
  })
  const chart = seriesChart({
    ...{ id: context.id, title: figure.title, series: lines },
    x: { label: 'delay', unit: 'us', scale: 'log', better: 'lower' },
    y: { label: 'there within this delay', unit: '%', scale: 'percentile' },
  })
  return {
    ...{ id: context.id, kind: 'series', title: figure.title, table: chart.table },
    pictures: [{ title: figure.title, svg: chart.svg }],
    notes: [
      lines.length === 0
        ? 'Nothing of this was measured.'
        : 'Lines are medians over rounds, without intervals; what was lost is late for ever.',
    ],
    ...{ entries: [], headline: [] },
  }
}

/** Builds the figure; its table holds every point that is drawn. */
export function buildSeries(figure: Series, { id, cells }: FigureContext): ReportFigure {
  const grid = gridOf(cells, figure.series, undefined, figure.where)
  const lines = grid.cells.flatMap(({ x, series, cell }) => {
    const rounds = roundsOf(cell, figure.of, figure.name)
    const label = series === '' ? x : `${x}, ${series}`
    return rounds.length === 0 ? [] : [{ label, rounds: rounds.length, ...joinRounds(rounds) }]
  })
  const chart = seriesChart({
    id,
    title: figure.title,
    x: { label: figure.xLabel, scale: figure.logX ? 'log' : 'linear' },
    y: { label: figure.yLabel, scale: figure.logY ? 'log' : 'linear' },
    series: lines.map(({ label, points }) => ({ label, points: points.map(([x, y]) => ({ x, y })) })),
  })
  const apart = lines.filter(({ joined }) => !joined).map(({ label }) => label)
  const counts = lines.map(({ label, rounds }) => `${label}: ${rounds}`).join(', ')
  return {
    id,
    kind: 'series',
    title: figure.title,
    pictures: [{ title: figure.title, svg: chart.svg }],
    table: chart.table,
    notes: [
      ...(lines.length === 0
        ? ['Nothing of this was measured.']
        : [`Lines are medians over rounds, without intervals. Rounds by line: ${counts}.`]),
      ...(apart.length > 0
        ? [`The first round alone, because rounds have different x: ${apart.join(', ')}.`]
        : []),
    ],
    entries: [],
    headline: [],
  }
}

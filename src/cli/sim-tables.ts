/** What simulations gave, for the terminal. */
import type { ReplicationRules } from '../experiment/replicate.js'
import { columnTitle, type SeedBar } from '../experiment/seed-figure.js'
import type { Figures, Summary } from '../experiment/summary.js'
import { formatTable, shortNumber } from './output.js'

/** Of the longest bar. */
const BAR_COLUMNS = 30

function percent(part: number): string {
  return `${part >= 0 ? '+' : ''}${(part * 100).toFixed(1)} %`
}

/** Bars of a row, one below the other: simulated, then published. */
function bar(mbps: number, most: number, fill: string): string {
  return fill.repeat(Math.round((mbps / most) * BAR_COLUMNS))
}

/** The founding document's Figure 2. */
export function seedTable(bars: readonly SeedBar[]): string {
  const most = Math.max(...bars.map(({ mbps }) => mbps.estimate))
  const rows = bars.map((one) => {
    const { direction, mbps, publishedMbps, bottleneck } = one
    return [
      columnTitle(one),
      direction === 'transmit' ? 'TX' : 'RX',
      mbps.estimate.toFixed(0),
      publishedMbps === null ? '-' : publishedMbps.toFixed(0),
      publishedMbps === null ? '' : percent(mbps.estimate / publishedMbps - 1),
      bar(mbps.estimate, most, '#'),
      bottleneck,
    ]
  })
  const head = ['program in', '', 'Mb/s', 'published', 'error', 'simulated', 'used up']
  return `${formatTable(head, rows, [2, 3, 4])}

-: not published. The costs are fitted to the published sums (docs/simulator.md): agreement there shows that the model holds
together, not that it predicts. "ringferry sim steps --generation 2005" shows them.`
}

/** A number in so many digits that say something. */
function sensible(number: number, digits: number): string {
  if (number >= 10 ** (digits - 1)) return shortNumber(Math.round(number))
  return Number(number.toPrecision(digits)).toString()
}

/** A figure with half its interval. */
export function value(figures: Figures, name: string): string {
  const figure = figures[name]
  if (!figure) return '-'
  const half = figure.high - figure.estimate
  return half > 0 ? `${sensible(figure.estimate, 3)} +- ${sensible(half, 2)}` : sensible(figure.estimate, 3)
}

/** A model's figures with 95 % intervals. */
export function summaryTable(summary: Summary, { of, halfWidth, max }: ReplicationRules): string {
  const { traffic, vms, host, replications, warmUpMs, bottleneck, isSaturated, isNarrow } = summary
  const column = (names: readonly string[]) => names.map((_, at) => at + 1)
  const trafficNames = ['fps', 'mbps', 'lossRatio', 'p50Us', 'p99Us', 'p999Us']
  const vmNames = ['toVmFps', 'fromVmFps', 'batchFrames', 'holdP99Us', 'totalP99Us', 'cpu', 'drops']
  const hostNames = ['driverCpu', 'guestCpu', 'hostCpu', 'cyclesPerFrame', 'callsPerFrame', 'switchesPerS']
  const notes = [
    isSaturated
      ? 'Saturated: more is offered than is carried, so delays tell how long queues are, and nothing else.'
      : '',
    isNarrow
      ? ''
      : `After ${max} replications half the interval of ${of} is still above ${halfWidth * 100} % of it.`,
  ].filter((note) => note !== '')
  return [
    formatTable(
      ['traffic', ...trafficNames],
      traffic.map(({ label, figures }) => [label, ...trafficNames.map((name) => value(figures, name))]),
      column(trafficNames),
    ),
    formatTable(
      ['VM', ...vmNames],
      vms.map(({ name, figures }) => [name, ...vmNames.map((each) => value(figures, each))]),
      column(vmNames),
    ),
    formatTable(
      ['machine', ...hostNames],
      [['', ...hostNames.map((name) => value(host, name))]],
      column(hostNames),
    ),
    `${replications} replications, ${warmUpMs} ms of warm-up each; used up: ${bottleneck}`,
    ...notes,
  ].join('\n\n')
}

/** The founding document's Figure 2, simulated: bars of every architecture beside the published ones. */
import { barChart } from '../plot/bar-chart.js'
import type { Chart } from '../plot/chart.js'
import { PUBLISHED_MBPS, type SeedCase, seedCaseName, seedCases, seedModel } from '../sim/seed.js'
import type { Interval } from '../stats/interval.js'
import { intervalOf, type ReplicationRules, replicate } from './replicate.js'

/** One bar. */
export interface SeedBar extends SeedCase {
  readonly name: string
  readonly mbps: Interval
  readonly publishedMbps: number | null
  readonly bottleneck: string
  /** Cycles of all threads for each data segment. */
  readonly cyclesPerSegment: number
}

const RULES: ReplicationRules = { min: 3, max: 10, halfWidth: 0.02, of: 'mbps' }

/** Simulates all bars. @param onBar called after each, with how many there are */
export function seedFigure(
  options: {
    readonly seed: number
    readonly plane: WebAssembly.Module
    readonly replications?: number | undefined
  },
  onBar: (bar: SeedBar, of: number) => void = () => {},
): SeedBar[] {
  const { seed, plane, replications } = options
  const rules = replications === undefined ? RULES : { ...RULES, min: replications, max: replications }
  const cases = seedCases()
  return cases.map((one) => {
    const { runs } = replicate(seedModel(one), { rules, seed, plane, warmUp: 'given' })
    const name = seedCaseName(one)
    const bar = {
      ...one,
      name,
      mbps: intervalOf(runs, ({ mbps }) => mbps),
      publishedMbps: PUBLISHED_MBPS[name] ?? null,
      bottleneck: runs.at(-1)!.bottleneck,
      cyclesPerSegment: intervalOf(runs, ({ cyclesPerFrame }) => cyclesPerFrame).estimate,
    }
    onBar(bar, cases.length)
    return bar
  })
}

const TITLES: Readonly<Record<SeedCase['architecture'], string>> = {
  native: 'native',
  'type-1': 'Type-I VMM',
  'type-2': 'Type-II VMM',
  xen: 'Xen',
  ringferry: 'Ringferry',
}

/** "Xen, driver domain". */
export function columnTitle({ architecture, place, device }: SeedCase): string {
  if (place === 'native') return 'native'
  if (place === 'driver') return `${TITLES[architecture]}, driver domain`
  if (device === 'direct') return 'guest with its own NIC (SR-IOV)'
  return `${TITLES[architecture]}, guest${device === 'full' ? ', full virtualization' : ''}`
}

/** The figure as a chart. */
export function seedChart(bars: readonly SeedBar[]): Chart {
  const categories = [...new Set(bars.map(columnTitle))]
  const of = (direction: SeedCase['direction']) => {
    const inOrder = categories.map((title) =>
      bars.find((bar) => columnTitle(bar) === title && bar.direction === direction),
    )
    return {
      label: direction,
      values: inOrder.map((bar) =>
        bar === undefined ? null : { value: bar.mbps.estimate, low: bar.mbps.low, high: bar.mbps.high },
      ),
      published: inOrder.map((bar) => bar?.publishedMbps ?? null),
    }
  }
  return barChart({
    id: 'seed',
    title: 'Network performance by architecture, simulated beside published',
    subtitle: 'four gigabit NICs, one TCP connection each, one processor of 2.4 GHz; hollow: published',
    width: 900,
    x: { label: 'where the program runs' },
    y: { label: 'throughput', unit: 'Mb/s', better: 'higher', from: 0 },
    categories,
    series: [of('transmit'), of('receive')],
  })
}

/** What replications gave, in figures with intervals: for tables and JSON. */

import type { Results } from '../sim/results.js'
import type { Interval } from '../stats/interval.js'
import { intervalOf, type Replicated } from './replicate.js'

/** Figures with 95 % intervals, by name, units last; null: there is none. */
export type Figures = Readonly<Record<string, Interval | null>>

export interface Summary {
  readonly model: string
  readonly seed: number
  readonly replications: number
  readonly warmUpMs: number
  readonly isNarrow: boolean
  readonly bottleneck: string
  readonly isSaturated: boolean
  readonly host: Figures
  readonly traffic: readonly ({ readonly label: string } & { readonly figures: Figures })[]
  readonly vms: readonly { readonly name: string; readonly figures: Figures; readonly why: string }[]
}

const HOST = [
  'mbps',
  'fps',
  'driverCpu',
  'guestCpu',
  'hostCpu',
  'cyclesPerFrame',
  'callsPerFrame',
  'switchesPerS',
  'drops',
] as const
const TRAFFIC = ['mbps', 'fps', 'offeredFps', 'lossRatio', 'transactionsPerS'] as const
const DELAY = ['meanUs', 'p50Us', 'p99Us', 'p999Us'] as const
const VM = [
  'toVmFps',
  'fromVmFps',
  'batchFrames',
  'calls',
  'drops',
  'holdMeanUs',
  'holdP99Us',
  'queueP99Us',
  'totalP99Us',
  'cpu',
] as const

/** JSON has neither NaN nor infinity. */
function finite({ estimate, low, high }: Interval): Interval | null {
  if (!Number.isFinite(estimate)) return null
  return {
    estimate,
    low: Number.isFinite(low) ? low : estimate,
    high: Number.isFinite(high) ? high : estimate,
  }
}

function figures(runs: readonly Results[], names: readonly string[], of: (run: Results) => object): Figures {
  const value = (run: Results, name: string): number =>
    (of(run) as Record<string, number>)[name] ?? Number.NaN
  return Object.fromEntries(names.map((name) => [name, finite(intervalOf(runs, (run) => value(run, name)))]))
}

/** @param seed as it was asked for */
export function summarise({ runs, warmUpMs, isNarrow }: Replicated, seed: number): Summary {
  const last = runs.at(-1)!
  return {
    ...{ model: last.model, seed, replications: runs.length, warmUpMs, isNarrow },
    bottleneck: last.bottleneck,
    isSaturated: runs.some((run) => run.isSaturated),
    host: figures(runs, HOST, (run) => run),
    traffic: last.traffic.map(({ label }, at) => ({
      label,
      figures: {
        ...figures(runs, TRAFFIC, (run) => run.traffic[at]!),
        ...figures(runs, DELAY, (run) => run.traffic[at]!.delay),
      },
    })),
    vms: last.vms.map(({ name, why }, at) => ({
      name,
      figures: figures(runs, VM, (run) => run.vms[at]!),
      why,
    })),
  }
}

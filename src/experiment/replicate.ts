/** A model run several times with seeds of its own, until its interval is narrow enough. */

import type { Model } from '../sim/model.js'
import type { Results } from '../sim/results.js'
import { runModel } from '../sim/run.js'
import { type Interval, meanInterval } from '../stats/interval.js'
import type { WATCHED } from './model-schema.js'
import { findWarmUpMs } from './warm-up.js'

export type Watched = (typeof WATCHED)[number]

export interface ReplicationRules {
  readonly min: number
  readonly max: number
  /** Half the 95 % interval, as a part of the mean, at which it ends. */
  readonly halfWidth: number
  readonly of: Watched
}

export interface Replicated {
  readonly runs: readonly Results[]
  readonly warmUpMs: number
  /** Whether the interval is as narrow as was asked. */
  readonly isNarrow: boolean
}

/** Seed of each replication: the same for every model, so that all meet the same arrivals (common random numbers). */
const seedOf = (seed: number, replication: number): number => seed * 100_003 + replication

/**
 * Runs a model until half the interval of the watched value is narrow enough, at least `min` and at most `max` times.
 * @param warmUp `auto`: found in a run of its own; else the model's
 */
export function replicate(
  model: Model,
  {
    rules,
    seed,
    plane,
    warmUp,
    onRun,
  }: {
    readonly rules: ReplicationRules
    readonly seed: number
    readonly plane: WebAssembly.Module
    readonly warmUp: 'auto' | 'given'
    readonly onRun?: (runs: readonly Results[]) => void
  },
): Replicated {
  const warmUpMs = warmUp === 'auto' ? findWarmUpMs(model, { seed: seedOf(seed, 0), plane }) : model.warmUpMs
  const runs: Results[] = []
  for (let replication = 0; replication < rules.max; replication++) {
    runs.push(runModel({ ...model, warmUpMs }, { seed: seedOf(seed, replication), plane }))
    onRun?.(runs)
    if (runs.length >= rules.min && isNarrow(runs, rules)) return { runs, warmUpMs, isNarrow: true }
  }
  return { runs, warmUpMs, isNarrow: isNarrow(runs, rules) }
}

function isNarrow(runs: readonly Results[], { of, halfWidth }: ReplicationRules): boolean {
  if (runs.length < 2) return false
  const { estimate, high } = intervalOf(runs, (run) => run[of])
  return high - estimate <= halfWidth * Math.abs(estimate)
}

/** The mean of a figure over runs with its 95 % interval; runs without the figure are left out. */
export function intervalOf(runs: readonly Results[], figure: (run: Results) => number): Interval {
  return meanInterval(runs.map(figure).filter((value) => !Number.isNaN(value)))
}

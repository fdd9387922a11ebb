/**
 * Two runs side by side, cell by cell: is B worse than A? A cell is called better or worse only when the difference is
 * both unlikely by chance (permutation test, Benjamini-Hochberg over the cells) and large enough to matter.
 */
import { mean } from '../../stats/summary.js'
import { METRICS, type MetricName } from '../record/metrics.js'
import type { Factors, Measurement } from '../record/record.js'
import type { StoredRun } from '../run/store.js'
import { measuredValue } from '../run/value.js'
import { canonicalJson } from '../study/cell.js'
import { type Value, valueSchema } from '../study/study.js'
import { benjaminiHochberg, meanPermutationP, smallestP } from './compare-chance.js'

export interface CompareOptions {
  /** Default: what A's study watches. */
  readonly metric?: MetricName
  /** Smallest relative difference that matters; default 0.05. */
  readonly minEffect?: number
  /** False discovery rate; default 0.05. */
  readonly alpha?: number
  /** For relabellings by chance, where there are too many for all. */
  readonly seed?: number
}

export const VERDICTS = ['same', 'better', 'worse', 'changed', 'undecided', 'lost', 'missing'] as const
/**
 * same: no difference shown that matters. changed: differs in a metric that has no good direction. undecided: a large
 * difference, but too few rounds to show one. lost: A measured it, B tried and failed. missing: one run has no values.
 */
export type Verdict = (typeof VERDICTS)[number]

export interface CellComparison {
  readonly cell: string
  readonly factors: Factors
  readonly verdict: Verdict
  readonly a: readonly number[]
  readonly b: readonly number[]
  /** mean(b) / mean(a) - 1; null when there is none. */
  readonly change: number | null
  /** Adjusted over the cells; null when not tested. */
  readonly p: number | null
}

export interface Comparison {
  readonly metric: MetricName
  readonly unit: string
  readonly better: 'higher' | 'lower' | 'none'
  readonly minEffect: number
  readonly alpha: number
  readonly cells: readonly CellComparison[]
  /** A cell is worse or lost. */
  readonly regression: boolean
  /** At least one cell could be decided; the same figures in both runs need no test. */
  readonly usable: boolean
}

interface CellValues {
  readonly cell: string
  readonly factors: Factors
  readonly values: readonly number[]
  readonly failed: boolean
}

function cellsOf(run: StoredRun, value: Value): Map<string, CellValues> {
  const measured = run.records.filter(
    (record): record is Measurement => record.type === 'measurement' && record.twin !== true,
  )
  return new Map(
    run.header.planned.map(({ cell, factors }) => [
      canonicalJson(factors),
      {
        ...{ cell, factors },
        values: measured.filter((one) => one.cell === cell).flatMap((one) => measuredValue(one, value) ?? []),
        failed: run.records.some(
          (record) => record.type === 'failure' && record.cell === cell && !record.impossible,
        ),
      },
    ]),
  )
}

/** The value that two runs are compared by. */
export function comparedValue(run: StoredRun, metric: MetricName | undefined): Value {
  return metric === undefined ? valueSchema.parse(run.header.study.primary) : { metric }
}

function relativeChange(a: readonly number[], b: readonly number[]): number | null {
  const base = mean(a)
  if (a.length === 0 || b.length === 0) return null
  if (base === 0) return mean(b) === 0 ? 0 : Number.POSITIVE_INFINITY * Math.sign(mean(b))
  return (mean(b) - base) / Math.abs(base)
}

/** Compares two runs. Cells are matched by their factors; those that only one run planned are missing. */
export function compareRuns(runA: StoredRun, runB: StoredRun, options: CompareOptions = {}): Comparison {
  const { minEffect = 0.05, alpha = 0.05, seed = 1 } = options
  const value = comparedValue(runA, options.metric)
  const { better, unit } = METRICS[value.metric]
  const [inA, inB] = [cellsOf(runA, value), cellsOf(runB, value)]
  const pairs = [...new Set([...inA.keys(), ...inB.keys()])].map((key) => {
    const [one, two] = [inA.get(key), inB.get(key)]
    const { cell, factors } = (one ?? two) as CellValues
    return { cell, factors, a: one?.values ?? [], b: two?.values ?? [], failed: two?.failed ?? false }
  })
  // A cell that cannot reach alpha even alone is no test; it would only make the others' harder.
  const testable = pairs.filter(
    ({ a, b }) => a.length > 0 && b.length > 0 && smallestP(a.length, b.length) <= alpha,
  )
  const adjusted = benjaminiHochberg(testable.map(({ a, b }) => meanPermutationP(a, b, seed)))
  const cells = pairs.map(({ cell, factors, a, b, failed }): CellComparison => {
    const at = testable.findIndex((pair) => pair.cell === cell)
    const p = adjusted[at] ?? null
    const change = relativeChange(a, b)
    return { cell, factors, a, b, change, p, verdict: judge({ a, b, failed, change, p }) }
  })

  function judge(one: Pick<CellComparison, 'a' | 'b' | 'change' | 'p'> & { failed: boolean }): Verdict {
    if (one.change === null) return one.a.length > 0 && one.failed ? 'lost' : 'missing'
    if (Math.abs(one.change) < minEffect) return 'same'
    if (one.p === null) return 'undecided'
    if (one.p > alpha) return 'same'
    if (better === 'none') return 'changed'
    return one.change > 0 === (better === 'higher') ? 'better' : 'worse'
  }

  return {
    ...{ metric: value.metric, unit, better, minEffect, alpha, cells },
    regression: cells.some(({ verdict }) => verdict === 'worse' || verdict === 'lost'),
    usable: cells.some(({ verdict }) => verdict !== 'undecided' && verdict !== 'missing'),
  }
}

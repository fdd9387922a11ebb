/**
 * Costs by least squares: of each row the processor time is a sum over what was done,
 *
 *     used = sum_k cost_k count_k,   cost_k >= 0,   weights 1 / used^2 (errors count as parts of what was used)
 *
 * Error bars come from drawing cells again (bootstrap): rounds of one cell share what the model does not know, so rows are no
 * independent draws. The covariance is that of the draws, too.
 */
import type { Interval } from '../../stats/interval.js'
import { nonNegativeFit } from '../../stats/non-negative.js'
import { seededRandom } from '../../stats/random.js'
import { mean, quantileSorted } from '../../stats/summary.js'
import type { Row } from './work.js'

/** A step's cost in nanoseconds with its 95 % interval. */
export interface FittedCost extends Interval {
  readonly step: string
}

export interface CostFit {
  /** Of the steps that rows have; those of which nothing was done are left out. */
  readonly costs: readonly FittedCost[]
  /** Of the costs, in their order, in squared nanoseconds. */
  readonly covariance: readonly (readonly number[])[]
  /** Mean absolute error of the rows' processor time, as a part of it. */
  readonly error: number
  readonly rows: number
}

const DRAWS = 300
const SEED = 1

function solve(rows: readonly Row[]): readonly number[] {
  return nonNegativeFit(
    rows.map(({ counts, usedNs }) => counts.map((count) => count / usedNs)),
    rows.map(() => 1),
  ).x
}

function covarianceOf(draws: readonly (readonly number[])[], columns: readonly number[]): number[][] {
  const means = columns.map((column) => mean(draws.map((draw) => draw[column]!)))
  return columns.map((a, i) =>
    columns.map(
      (b, j) =>
        draws.reduce((sum, draw) => sum + (draw[a]! - means[i]!) * (draw[b]! - means[j]!), 0) /
        (draws.length - 1),
    ),
  )
}

/** Fits the costs of steps. @param rows at least one with time used */
export function fitCosts(all: readonly Row[], steps: readonly string[]): CostFit {
  const rows = all.filter(({ usedNs }) => usedNs > 0)
  const x = solve(rows)
  const cells = [...new Set(rows.map(({ cell }) => cell))].map((name) =>
    rows.filter(({ cell }) => cell === name),
  )
  const random = seededRandom(SEED)
  const draws = Array.from({ length: DRAWS }, () =>
    solve(cells.flatMap(() => cells[Math.floor(random() * cells.length)]!)),
  )
  const columns = steps.flatMap((_, column) =>
    rows.some(({ counts }) => counts[column]! > 0) ? [column] : [],
  )
  const costs = columns.map((column) => {
    const drawn = draws.map((draw) => draw[column]!).sort((a, b) => a - b)
    return {
      step: steps[column]!,
      estimate: x[column]!,
      low: quantileSorted(drawn, 0.025),
      high: quantileSorted(drawn, 0.975),
    }
  })
  const errors = rows.map(({ counts, usedNs }) =>
    Math.abs(counts.reduce((sum, count, at) => sum + count * x[at]!, 0) / usedNs - 1),
  )
  return { costs, covariance: covarianceOf(draws, columns), error: mean(errors), rows: rows.length }
}

/** Pairs of costs that rise and fall together or against each other: only what both make is known. */
export function entangled({ costs, covariance }: CostFit, least = 0.9): [string, string, number][] {
  return costs.flatMap((a, i) =>
    costs.slice(i + 1).flatMap((b, after): [string, string, number][] => {
      const j = i + 1 + after
      const scale = Math.sqrt(covariance[i]![i]! * covariance[j]![j]!)
      const correlation = scale > 0 ? covariance[i]![j]! / scale : 0
      return Math.abs(correlation) >= least ? [[a.step, b.step, correlation]] : []
    }),
  )
}

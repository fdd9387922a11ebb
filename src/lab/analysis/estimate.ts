/** Several runs of one cell as a figure with its interval. */
import { nonNegativeMeanInterval } from '../../stats/interval.js'
import { pairedRatioInterval, ratioInterval } from '../../stats/ratio.js'
import { mean, median } from '../../stats/summary.js'

/** A figure, its 95 % interval where there is one, and how many runs it rests on. */
export interface Estimate {
  readonly value: number
  /** Absent for a single run: one run says nothing of its own error. */
  readonly low?: number
  readonly high?: number
  readonly n: number
}

/** A run by its round. */
export interface RoundValue {
  readonly round: number
  readonly value: number
  /** The machine was not quiet. */
  readonly marked: boolean
}

/** `value`, `low`, `high`: the mean with Student's interval, the low end not below 0 when no run is. */
export interface Summary extends Estimate {
  readonly median: number
  /** Runs that began on a machine that was not quiet. They are part of the figure. */
  readonly marked: number
  /** Every run, by round. */
  readonly rounds: readonly RoundValue[]
}

/** Summarises runs. Undefined for none. */
export function summarise(rounds: readonly RoundValue[]): Summary | undefined {
  if (rounds.length === 0) return undefined
  const values = rounds.map(({ value }) => value)
  const marked = rounds.filter((run) => run.marked).length
  const shared = { n: values.length, median: median(values), marked, rounds }
  if (values.length === 1) return { ...shared, value: mean(values) }
  const { estimate, low, high } = nonNegativeMeanInterval(values)
  return { ...shared, value: estimate, low, high }
}

/**
 * a / b with its 95 % interval (src/stats/ratio.ts), n the smaller number of runs. Where a run is 0 or less the
 * ratio of means without an interval; undefined when that has no meaning either.
 * @param paired runs of equal rounds were made side by side; rounds that only one side has are left out
 */
export function ratioOf(a: Summary, b: Summary, paired = false): Estimate | undefined {
  const pairs = a.rounds.flatMap((run) => {
    const other = b.rounds.find(({ round }) => round === run.round)
    return other ? [[run.value, other.value] as const] : []
  })
  const byPairs = paired && pairs.length > 0
  const above = byPairs ? pairs.map(([value]) => value) : a.rounds.map(({ value }) => value)
  const below = byPairs ? pairs.map(([, value]) => value) : b.rounds.map(({ value }) => value)
  const n = Math.min(above.length, below.length)
  if ([...above, ...below].some((value) => !(value > 0))) {
    const value = mean(above) / mean(below)
    return Number.isFinite(value) ? { value, n } : undefined
  }
  const { estimate, low, high } = byPairs ? pairedRatioInterval(above, below) : ratioInterval(above, below)
  return Number.isFinite(high) ? { value: estimate, low, high, n } : { value: estimate, n }
}

/** Whether an estimate's interval leaves out a number. False without an interval. */
export function leavesOut({ low, high }: Estimate, number: number): boolean {
  return low !== undefined && high !== undefined && (number < low || number > high)
}

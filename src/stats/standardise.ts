/** Features of unlike units made comparable: every column with mean 0 and standard deviation 1. */
import { mean } from './summary.js'

export interface Standardised {
  /** As many rows and columns as went in. */
  readonly rows: readonly (readonly number[])[]
  /** Columns in which all rows are equal: they became 0 and tell nothing apart. */
  readonly constant: readonly number[]
}

/** Whether values span more than a decade, so that their logarithm is the fairer scale. Zeros do not count. */
export function spansDecades(values: readonly number[], decades = 1): boolean {
  const positive = values.filter((value) => value > 0)
  if (values.some((value) => value < 0) || positive.length < 2) return false
  return Math.max(...positive) / Math.min(...positive) > 10 ** decades
}

/** log(1 + x / s) with s the smallest positive value: zero stays 0, and a decade more is the same step everywhere. */
function logarithms(values: readonly number[]): number[] {
  const positive = values.filter((value) => value > 0)
  const smallest = positive.length === 0 ? 1 : Math.min(...positive)
  return values.map((value) => Math.log1p(value / smallest))
}

/**
 * Standardises a table column by column (deviation by n, not n - 1).
 * @param rows all of one length, finite
 * @param log which columns are taken as logarithms first; these must not be negative
 * Throws RangeError for rows of unlike length, values that are not finite, a negative value in a column of `log`.
 */
export function standardise(
  rows: readonly (readonly number[])[],
  log: readonly boolean[] = [],
): Standardised {
  const width = rows[0]?.length ?? 0
  if (rows.some((row) => row.length !== width || !row.every(Number.isFinite)))
    throw new RangeError(`rows of ${width} finite numbers expected`)
  const constant: number[] = []
  const columns = Array.from({ length: width }, (_, at) => {
    const raw = rows.map((row) => row[at]!)
    if (log[at] && raw.some((value) => value < 0)) throw new RangeError(`column ${at} has no logarithm`)
    const values = log[at] ? logarithms(raw) : raw
    const centre = mean(values)
    const deviation = Math.sqrt(mean(values.map((value) => (value - centre) ** 2)))
    const isConstant = deviation <= 1e-12 * Math.max(1, Math.abs(centre))
    if (isConstant) constant.push(at)
    return values.map((value) => (isConstant ? 0 : (value - centre) / deviation))
  })
  return { rows: rows.map((_, row) => columns.map((column) => column[row]!)), constant }
}

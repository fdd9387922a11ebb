/** Least squares whose coefficients cannot be negative, for few columns. */

export interface NonNegativeFit {
  readonly x: readonly number[]
  /** Sum of the squared residuals. */
  readonly residual: number
  /** Of the coefficients above 0 by ordinary least squares; rows and columns of the others are 0. */
  readonly covariance: readonly (readonly number[])[]
}

/** Columns up to which all subsets are tried. */
const MOST_COLUMNS = 12
/** A pivot below this part of the largest is none: the columns say the same. */
const SINGULAR = 1e-10

/** The inverse of a symmetric positive definite matrix; undefined: it is singular. Gauss-Jordan with row pivots. */
function inverse(matrix: readonly (readonly number[])[]): number[][] | undefined {
  const size = matrix.length
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let at = 0; at < size; at++) {
    let best = at
    for (let row = at + 1; row < size; row++)
      if (Math.abs(rows[row]![at]!) > Math.abs(rows[best]![at]!)) best = row
    const pivot = rows[best]![at]!
    if (Math.abs(pivot) < SINGULAR) return undefined
    ;[rows[at], rows[best]] = [rows[best]!, rows[at]!]
    rows[at] = rows[at]!.map((value) => value / pivot)
    for (let row = 0; row < size; row++) {
      const factor = rows[row]![at]!
      if (row !== at && factor !== 0)
        rows[row] = rows[row]!.map((value, column) => value - factor * rows[at]![column]!)
    }
  }
  return rows.map((row) => row.slice(size))
}

/**
 * The x >= 0 that minimises |A x - y|^2: the best of the ordinary solutions over all subsets of columns that are not negative.
 * Columns are scaled to length 1 meanwhile, so that their units do not matter. A column of zeros gets 0.
 * @param rows of A; @param y as many
 * Throws RangeError for more than 12 columns.
 */
export function nonNegativeFit(rows: readonly ArrayLike<number>[], y: ArrayLike<number>): NonNegativeFit {
  const columns = rows[0]?.length ?? 0
  if (columns > MOST_COLUMNS) throw new RangeError(`at most ${MOST_COLUMNS} columns, got ${columns}`)
  const norms = Array.from({ length: columns }, (_, column) =>
    Math.sqrt(rows.reduce((sum, row) => sum + row[column]! ** 2, 0)),
  )
  const scaled = rows.map((row) => norms.map((norm, column) => (norm > 0 ? row[column]! / norm : 0)))
  const gram = norms.map((_, i) =>
    norms.map((_, j) => scaled.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
  )
  const moment = norms.map((_, i) => scaled.reduce((sum, row, at) => sum + row[i]! * y[at]!, 0))
  const square = rows.reduce((sum, _, at) => sum + y[at]! ** 2, 0)
  let best = { residual: square, used: [] as number[], z: [] as number[], inverted: [] as number[][] }
  for (let subset = 1; subset < 1 << columns; subset++) {
    const used = norms.flatMap((norm, column) => (((subset >> column) & 1) === 1 && norm > 0 ? [column] : []))
    if (used.length !== popCount(subset)) continue
    const inverted = inverse(used.map((i) => used.map((j) => gram[i]![j]!)))
    if (!inverted) continue
    const z = inverted.map((row) => row.reduce((sum, value, at) => sum + value * moment[used[at]!]!, 0))
    if (z.some((value) => value < 0)) continue
    const residual = Math.max(0, square - z.reduce((sum, value, at) => sum + value * moment[used[at]!]!, 0))
    if (residual < best.residual) best = { residual, used, z, inverted }
  }
  const { used, z, inverted, residual } = best
  const variance = residual / Math.max(1, rows.length - used.length)
  const at = (column: number): number => used.indexOf(column)
  return {
    residual,
    x: norms.map((norm, column) => (at(column) < 0 ? 0 : z[at(column)]! / norm)),
    covariance: norms.map((a, i) =>
      norms.map((b, j) => (at(i) < 0 || at(j) < 0 ? 0 : (variance * inverted[at(i)]![at(j)]!) / (a * b))),
    ),
  }
}

function popCount(bits: number): number {
  let count = 0
  for (let left = bits; left !== 0; left &= left - 1) count++
  return count
}

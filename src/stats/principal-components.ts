/** The directions in which rows differ most, for a picture in two dimensions. Eigenvectors by Jacobi rotations. */
import { mean } from './summary.js'

export interface PrincipalComponents {
  /** For each row its place along each component. */
  readonly scores: readonly (readonly number[])[]
  /** Share of the total variance along each component; 0 when there is none. */
  readonly shares: readonly number[]
  /** For each component the weight of each column; unit length, the largest weight positive. */
  readonly weights: readonly (readonly number[])[]
}

interface Eigen {
  readonly value: number
  readonly vector: readonly number[]
}

/** Eigenvalues and vectors of a symmetric matrix, largest first. Source: Golub and Van Loan, 8.5. */
function symmetricEigen(matrix: readonly (readonly number[])[]): Eigen[] {
  const size = matrix.length
  const a = matrix.map((row) => [...row])
  const v = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)))
  const rotate = (rows: number[][], at: readonly [number, number, number, number], c: number, s: number) => {
    const [i, j, k, l] = at
    const first = rows[i]![j]!
    const second = rows[k]![l]!
    rows[i]![j] = c * first - s * second
    rows[k]![l] = s * first + c * second
  }
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += a[p]![q]! ** 2
    if (off < 1e-24) break
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(a[p]![q]!) < 1e-300) continue
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!)
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1))
        const c = 1 / Math.hypot(t, 1)
        for (let i = 0; i < size; i++) rotate(a, [i, p, i, q], c, t * c)
        for (let i = 0; i < size; i++) rotate(a, [p, i, q, i], c, t * c)
        for (let i = 0; i < size; i++) rotate(v, [i, p, i, q], c, t * c)
      }
    }
  }
  const pairs = a.map((row, at) => ({ value: row[at]!, vector: v.map((column) => column[at]!) }))
  return pairs.sort((x, y) => y.value - x.value)
}

/**
 * The first components of rows of one length (rows are centred here; standardise first when units differ).
 * @param count components wanted, at most as many as there are columns
 */
export function principalComponents(rows: readonly (readonly number[])[], count = 2): PrincipalComponents {
  const width = rows[0]?.length ?? 0
  if (count > width) throw new RangeError(`${count} components of ${width} columns`)
  const centres = Array.from({ length: width }, (_, at) => mean(rows.map((row) => row[at]!)))
  const centred = rows.map((row) => row.map((value, at) => value - centres[at]!))
  const covariance = centres.map((_, i) =>
    centres.map((_, j) => mean(centred.map((row) => row[i]! * row[j]!))),
  )
  const eigen = symmetricEigen(covariance)
  const total = eigen.reduce((sum, { value }) => sum + Math.max(0, value), 0)
  const chosen = eigen.slice(0, count)
  const weights = chosen.map(({ vector }) => {
    const largest = vector.reduce(
      (best, value) => (Math.abs(value) > Math.abs(best) + 1e-9 ? value : best),
      0,
    )
    return vector.map((value) => (largest < 0 ? -value : value))
  })
  return {
    scores: centred.map((row) =>
      weights.map((weight) => weight.reduce((sum, part, at) => sum + part * row[at]!, 0)),
    ),
    shares: chosen.map(({ value }) => (total === 0 ? 0 : Math.max(0, value) / total)),
    weights,
  }
}

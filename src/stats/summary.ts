/** Arithmetic mean; NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}

/** Sample standard deviation (n - 1 in the denominator); NaN for fewer than two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  const centre = mean(values)
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i]! - centre) ** 2
  return values.length < 2 ? Number.NaN : Math.sqrt(squares / (values.length - 1))
}

/** The q-quantile of values that are already ascending, linear between neighbours. Source: Hyndman and Fan 1996, type 7. */
export function quantileSorted(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN
  const at = (sorted.length - 1) * Math.min(1, Math.max(0, q))
  const low = Math.floor(at)
  const below = sorted[low]!
  const above = sorted[Math.min(low + 1, sorted.length - 1)]!
  return below + (above - below) * (at - low)
}

/** The q-quantile (0 to 1) of values in any order; NaN for no values. */
export function quantile(values: ArrayLike<number>, q: number): number {
  return quantileSorted(Float64Array.from(values).sort(), q)
}

/** The middle value; NaN for no values. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5)
}

/**
 * Jain's index of fairness, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has everything. All
 * zero counts as fair. Source: Jain, Chiu, Hawe 1984, DEC-TR-301.
 */
export function jainIndex(values: ArrayLike<number>): number {
  let sum = 0
  let squares = 0
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!
    squares += values[i]! ** 2
  }
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares)
}

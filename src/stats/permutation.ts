import { seededRandom } from './random.js'
import { median } from './summary.js'

/** The outcome of a permutation test. */
export interface PermutationResult {
  /** median(a) - median(b). */
  readonly difference: number
  /** Share of random relabellings (the observed one counted) with a difference at least as large, both signs. */
  readonly p: number
}

/**
 * Whether two sets of runs differ: the labels are shuffled `rounds` times and the difference of medians compared
 * with the observed one. No assumption on the distribution. Source: Phipson and Smyth 2010 for (k + 1) / (m + 1).
 */
export function permutationTest(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { seed, rounds = 2000 }: { readonly seed: number; readonly rounds?: number },
): PermutationResult {
  const random = seededRandom(seed)
  const pool = new Float64Array(a.length + b.length)
  pool.set(Float64Array.from(a))
  pool.set(Float64Array.from(b), a.length)
  const difference = median(a) - median(b)
  // Sums taken in another order differ in their last bits; they are ties all the same.
  const asLarge = Math.abs(difference) * (1 - 1e-12)
  let hits = 0
  for (let round = 0; round < rounds; round++) {
    for (let i = pool.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))
      const held = pool[i]!
      pool[i] = pool[j]!
      pool[j] = held
    }
    if (Math.abs(median(pool.subarray(0, a.length)) - median(pool.subarray(a.length))) >= asLarge) hits++
  }
  return { difference, p: (hits + 1) / (rounds + 1) }
}

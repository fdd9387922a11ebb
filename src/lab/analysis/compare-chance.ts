/**
 * Whether two small sets of runs differ, and which of many answers to believe. A study repeats a cell 3 to 8 times:
 * with so few values all relabellings can be tried, and the difference of means uses each of them (the median of
 * src/stats/permutation throws most of them away). The smallest p that n and m values can give is 2 / C(n + m, n):
 * 0.1 for 3 and 3, 0.029 for 4 and 4, 0.008 for 5 and 5.
 */
import { seededRandom } from '../../stats/random.js'

/** Relabellings tried one by one up to this many; beyond, as many drawn by chance. */
const EXACT = 20_000
const DRAWN = 5_000

/** C(n + m, n): the number of relabellings. */
export function relabellings(n: number, m: number): number {
  let count = 1
  for (let i = 1; i <= n; i++) count = (count * (m + i)) / i
  return Math.round(count)
}

/** The smallest p that two sets of these sizes can give. */
export function smallestP(n: number, m: number): number {
  const count = relabellings(n, m)
  if (count > EXACT) return 1 / (DRAWN + 1)
  // Swapping both sets gives the same difference when they are equally long.
  return Math.min(1, (n === m ? 2 : 1) / count)
}

/** Sums of every choice of `size` values. */
function* sums(values: readonly number[], size: number, from = 0, sum = 0): Generator<number> {
  if (size === 0) {
    yield sum
    return
  }
  for (let i = from; i <= values.length - size; i++)
    yield* sums(values, size - 1, i + 1, sum + (values[i] as number))
}

function* drawnSums(values: readonly number[], size: number, seed: number): Generator<number> {
  const random = seededRandom(seed)
  const pool = [...values]
  for (let draw = 0; draw < DRAWN; draw++) {
    let sum = 0
    for (let i = 0; i < size; i++) {
      const j = i + Math.floor(random() * (pool.length - i))
      const held = pool[i] as number
      pool[i] = pool[j] as number
      pool[j] = held
      sum += pool[i] as number
    }
    yield sum
  }
}

/**
 * Share of all relabellings whose means differ at least as much, both signs: exact for small sets, else (k + 1) /
 * (m + 1) of m drawn ones. 1 when a set is empty.
 */
export function meanPermutationP(a: readonly number[], b: readonly number[], seed: number): number {
  if (a.length === 0 || b.length === 0) return 1
  const pool = [...a, ...b]
  const all = pool.reduce((sum, value) => sum + value, 0)
  const difference = (sumA: number): number => Math.abs(sumA / a.length - (all - sumA) / b.length)
  const observed = difference(a.reduce((sum, value) => sum + value, 0))
  // Sums taken in another order differ in their last bits; they are ties all the same.
  const least = observed - 1e-9 * (Math.abs(all) / pool.length + observed)
  const exact = relabellings(a.length, b.length) <= EXACT
  let hits = 0
  let tried = 0
  for (const sum of exact ? sums(pool, a.length) : drawnSums(pool, a.length, seed)) {
    tried++
    if (difference(sum) >= least) hits++
  }
  return exact ? hits / tried : (hits + 1) / (tried + 1)
}

/**
 * Adjusted p values: those at most alpha have a false discovery rate of at most alpha.
 * Source: Benjamini and Hochberg 1995, step-up.
 */
export function benjaminiHochberg(p: readonly number[]): number[] {
  const order = p.map((value, index) => ({ value, index })).sort((x, y) => y.value - x.value)
  const adjusted = new Array<number>(p.length)
  let least = 1
  order.forEach(({ value, index }, at) => {
    const rank = p.length - at
    least = Math.min(least, (value * p.length) / rank)
    adjusted[index] = least
  })
  return adjusted
}

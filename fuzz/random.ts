/** A number from 0 to below a bound. */
export type Random = (below: number) => number

/** Xorshift: equal seeds, equal runs. */
export function randomOf(seed: number): Random {
  let state = (seed | 0) === 0 ? 1 : seed | 0
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T
}

/** A source of numbers uniform in [0, 1). */
export type Random = () => number

/**
 * A generator with 32 bits of state: the same seed gives the same numbers on every machine, so that an interval
 * or a simulated run can be repeated. Not for secrets. Source: Mulberry32, Tommy Ettinger, public domain.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

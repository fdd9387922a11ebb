/** Searches over what is true up to a bound and false beyond it. */

/** The largest whole number from 1 to `most` for which it is true; 0 when it is not for 1. */
export function largest(isTrue: (value: number) => boolean, most: number, start = 1): number {
  let [low, high] = [0, most + 1]
  for (let next = Math.min(most, Math.max(1, start)); high - low > 1; ) {
    if (isTrue(next)) low = next
    else high = next
    // Doubled while nothing is known above, halved between two known ones.
    next = high > most ? Math.min(most, low * 2) : Math.floor((low + high) / 2)
    if (next <= low) next = low + 1
  }
  return low
}

/** The least whole number from 1 to `most` for which it is true; undefined when it is for none. */
export function least(isTrue: (value: number) => boolean, most: number, start = 1): number | undefined {
  const below = largest((value) => !isTrue(value), most, start)
  return below === most ? undefined : below + 1
}

/**
 * The least value between two bounds for which it is true, to a part of itself; undefined when it is not at `high`.
 * Halves the distance of the logarithms.
 */
export function leastBetween(
  isTrue: (value: number) => boolean,
  [low, high]: readonly [number, number],
  precision = 0.05,
): number | undefined {
  if (!isTrue(high)) return undefined
  if (isTrue(low)) return low
  let [from, to] = [low, high]
  while (to / from > 1 + precision) {
    const middle = Math.sqrt(from * to)
    if (isTrue(middle)) to = middle
    else from = middle
  }
  return to
}

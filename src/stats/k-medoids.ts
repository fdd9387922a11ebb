/**
 * k-medoids by PAM: groups of which each is stood for by one of its own members, so that the centre of a group is
 * a thing one can run. Works on distances alone. Deterministic: of equal choices the one of the lowest index wins.
 * Source: Kaufman and Rousseeuw, Finding Groups in Data, 1990, chapter 2 (BUILD, then SWAP).
 */

/** `distances[i][j]`: symmetric, 0 on the diagonal, not negative. */
export type Distances = readonly (readonly number[])[]

export interface Clustering {
  /** Indices of the medoids, ascending. */
  readonly medoids: readonly number[]
  /** For each item, which medoid it belongs to: an index into `medoids`. */
  readonly assignment: readonly number[]
  /** Sum of the distances of all items to their medoid. */
  readonly cost: number
}

/** Euclidean distances between rows of one length. */
export function euclideanDistances(rows: readonly (readonly number[])[]): Distances {
  return rows.map((a) => rows.map((b) => Math.hypot(...a.map((value, at) => value - b[at]!))))
}

const costOf = (distances: Distances, medoids: readonly number[]): number =>
  distances.reduce((sum, row) => sum + Math.min(...medoids.map((medoid) => row[medoid]!)), 0)

/** The index below `count` that is not taken and costs least; sums equal but for rounding are ties. */
function cheapest(count: number, taken: readonly number[], cost: (item: number) => number): number {
  let best = -1
  let bestCost = Number.POSITIVE_INFINITY
  for (let item = 0; item < count; item++) {
    if (taken.includes(item)) continue
    const itemCost = cost(item)
    if (itemCost < bestCost - 1e-12 * (1 + Math.abs(itemCost))) {
      best = item
      bestCost = itemCost
    }
  }
  return best
}

/**
 * Splits items into k groups. Each swap lowers the cost, so it ends.
 * @param k whole, 1 to the number of items; otherwise throws RangeError
 */
export function kMedoids(distances: Distances, k: number): Clustering {
  const count = distances.length
  if (!Number.isInteger(k) || k < 1 || k > count) throw new RangeError(`k is 1 to ${count}, not ${k}`)
  let medoids: number[] = []
  while (medoids.length < k)
    medoids.push(cheapest(count, medoids, (item) => costOf(distances, [...medoids, item])))
  let cost = costOf(distances, medoids)
  for (;;) {
    let best = { medoids, cost }
    for (let at = 0; at < k; at++) {
      for (let item = 0; item < count; item++) {
        if (medoids.includes(item)) continue
        const swapped = medoids.with(at, item)
        const swappedCost = costOf(distances, swapped)
        if (swappedCost < best.cost - 1e-12 * (1 + cost)) best = { medoids: swapped, cost: swappedCost }
      }
    }
    if (best.cost === cost) break
    ;({ medoids, cost } = best)
  }
  medoids = medoids.toSorted((a, b) => a - b)
  const assignment = distances.map((row, item) => {
    // A medoid stands for itself even where another one is the same point.
    const own = medoids.indexOf(item)
    if (own >= 0) return own
    return medoids.reduce((best, medoid, at) => (row[medoid]! < row[medoids[best]!]! ? at : best), 0)
  })
  return { medoids, assignment, cost }
}

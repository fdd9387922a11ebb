/** How much of a set its medoids stand for, as numbers. */
import { type Clustering, type Distances, kMedoids } from './k-medoids.js'
import { median } from './summary.js'

export interface Coverage {
  /** In the unit of the distances. */
  readonly radius: number
  /** Share of the items, medoids left out, that lie within `radius` of their medoid; 1 when all are medoids. */
  readonly within: number
  /**
   * 1 - (sum of distances to the own medoid) / (sum of distances to the one best medoid of all): 0 when the groups
   * say no more than one representative would, 1 when every item equals its medoid.
   */
  readonly explained: number
}

/** Half the median distance between two items: closer than that is "alike". 0 for fewer than two items. */
export function usualRadius(distances: Distances): number {
  const pairs = distances.flatMap((row, item) => row.slice(item + 1))
  return pairs.length === 0 ? 0 : median(pairs) / 2
}

/** The coverage of a clustering. @param radius `usualRadius` when left out */
export function coverage(
  distances: Distances,
  { medoids, assignment, cost }: Clustering,
  radius = usualRadius(distances),
): Coverage {
  const others = assignment.flatMap((group, item) =>
    medoids.includes(item) ? [] : [distances[item]![medoids[group]!]!],
  )
  const near = others.filter((distance) => distance <= radius).length
  const single = kMedoids(distances, 1).cost
  return {
    radius,
    within: others.length === 0 ? 1 : near / others.length,
    explained: single === 0 ? 1 : 1 - cost / single,
  }
}

/** How well items lie in their groups, and how many groups there are. Source: Rousseeuw 1987. */
import { type Clustering, type Distances, kMedoids } from './k-medoids.js'
import { mean } from './summary.js'

/**
 * For each item (b - a) / max(a, b): a its mean distance to the others of its group, b the least mean distance to
 * another group. -1 to 1; 0 for an item that is alone in its group, or when there is one group only.
 * @param assignment group of each item
 */
export function silhouettes(distances: Distances, assignment: readonly number[]): number[] {
  const groups = [...new Set(assignment)]
  return assignment.map((own, item) => {
    const meanTo = (group: number): number =>
      mean(distances[item]!.filter((_, other) => other !== item && assignment[other] === group))
    const a = meanTo(own)
    if (Number.isNaN(a) || groups.length < 2) return 0
    const b = Math.min(...groups.filter((group) => group !== own).map(meanTo))
    return Math.max(a, b) === 0 ? 0 : (b - a) / Math.max(a, b)
  })
}

/** The mean silhouette of a clustering: above 0.7 strong structure, below 0.25 none to speak of. */
export function meanSilhouette(distances: Distances, assignment: readonly number[]): number {
  return mean(silhouettes(distances, assignment))
}

export interface ClusterChoice {
  readonly k: number
  readonly clustering: Clustering
  /** The mean silhouette of every k that was tried, ascending by k. */
  readonly tried: readonly { readonly k: number; readonly silhouette: number }[]
}

/**
 * The number of groups from 2 to `maxClusters` with the greatest mean silhouette; of equals the smallest. At most
 * n - 1 groups are tried: with every item alone the silhouette says nothing. Throws RangeError for under 3 items.
 */
export function chooseClusters(distances: Distances, maxClusters: number): ClusterChoice {
  const last = Math.min(maxClusters, distances.length - 1)
  if (last < 2) throw new RangeError(`3 items or more and 2 groups or more expected, got ${distances.length}`)
  const all = Array.from({ length: last - 1 }, (_, at) => {
    const clustering = kMedoids(distances, at + 2)
    return { k: at + 2, clustering, silhouette: meanSilhouette(distances, clustering.assignment) }
  })
  const best = all.reduce((a, b) => (b.silhouette > a.silhouette + 1e-12 ? b : a))
  return {
    k: best.k,
    clustering: best.clustering,
    tried: all.map(({ k, silhouette }) => ({ k, silhouette })),
  }
}

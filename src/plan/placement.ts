/**
 * Which VMs share a host, by what loads do to each other: `kept[victim][aggressor]` is the share of its performance alone that
 * a load keeps beside another. Of more than two on a host the shares are multiplied, which is assumed: pairs were measured.
 */
import { seededRandom } from '../stats/random.js'
import { mean } from '../stats/summary.js'

/** Shares by victim and aggressor; NaN: not measured, counted as unharmed. A victim whose row is all NaN has no figure. */
export type Kept = readonly (readonly number[])[]

/** Hosts, each with the loads of its VMs. */
export type Placement = readonly (readonly number[])[]

const STARTS = 30
const RANDOM_PLACEMENTS = 2000

/** Mean share that the VMs keep, of those with a figure; NaN without any. */
export function shareKept(placement: Placement, kept: Kept): number {
  const shares = placement.flatMap((host) =>
    host.flatMap((victim, at) => {
      const row = kept[victim]!
      if (row.every(Number.isNaN)) return []
      return [
        host.reduce((share, aggressor, other) => {
          const entry = other === at ? 1 : row[aggressor]!
          return Number.isNaN(entry) ? share : share * entry
        }, 1),
      ]
    }),
  )
  return mean(shares)
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const mixed = [...all]
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!]
  }
  return mixed
}

function onHosts(loads: readonly number[], perHost: number): number[][] {
  return Array.from({ length: Math.ceil(loads.length / perHost) }, (_, host) =>
    loads.slice(host * perHost, (host + 1) * perHost),
  )
}

/** Exchanges two VMs as long as that improves the score. */
function climb(loads: readonly number[], perHost: number, score: (placement: Placement) => number): number[] {
  let best = [...loads]
  let bestScore = score(onHosts(best, perHost))
  for (let improved = true; improved; ) {
    improved = false
    for (let a = 0; a < best.length; a++)
      for (let b = a + 1; b < best.length; b++) {
        if (best[a] === best[b]) continue
        const next = [...best]
        ;[next[a], next[b]] = [next[b]!, next[a]!]
        const nextScore = score(onHosts(next, perHost))
        if (nextScore <= bestScore + 1e-12) continue
        best = next
        bestScore = nextScore
        improved = true
      }
  }
  return best
}

/** What placements there are. Shares are means over VMs. */
export interface Placements {
  readonly best: Placement
  readonly worst: Placement
  /** Of placements by chance. */
  readonly random: readonly Placement[]
}

/** Searches the best and the worst placement from many beginnings: the same seed gives the same. */
export function place(loads: readonly number[], perHost: number, kept: Kept, seed: number): Placements {
  const random = seededRandom(seed)
  const extreme = (sign: 1 | -1): Placement => {
    const score = (placement: Placement): number => sign * shareKept(placement, kept)
    const found = Array.from({ length: STARTS }, () => climb(shuffled(loads, random), perHost, score))
    return found
      .map((each) => onHosts(each, perHost))
      .reduce((best, each) => (score(each) > score(best) ? each : best))
  }
  return {
    best: extreme(1),
    worst: extreme(-1),
    random: Array.from({ length: RANDOM_PLACEMENTS }, () => onHosts(shuffled(loads, random), perHost)),
  }
}

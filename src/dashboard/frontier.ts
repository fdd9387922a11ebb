/** What delay costs: each second of the recent past as a point of processor share and p99, and the best of them. */
import type { Second } from './history.js'

const SHOWN_S = 300

export interface Point {
  /** Share of a core that the engine used. */
  readonly share: number
  readonly p99Us: number
  /** Seconds before now. */
  readonly ageS: number
}

/** The seconds in which a vif had frames, oldest first. */
export function pointsOf(seconds: readonly Second[], name: string): Point[] {
  const now = seconds.at(-1)?.timeS ?? 0
  return seconds.flatMap(({ timeS, engineShare, vifs }) => {
    const p99Us = vifs.get(name)?.p99Us
    if (p99Us === null || p99Us === undefined || p99Us <= 0 || now - timeS > SHOWN_S) return []
    return [{ share: engineShare, p99Us, ageS: now - timeS }]
  })
}

/** Points that no other beats in both processor share and delay: least share first. */
export function frontierOf(points: readonly Point[]): Point[] {
  const best: Point[] = []
  for (const point of [...points].sort((a, b) => a.share - b.share || a.p99Us - b.p99Us))
    if (point.p99Us < (best.at(-1)?.p99Us ?? Number.POSITIVE_INFINITY)) best.push(point)
  return best
}

/** Where it is now: the middle of the last seconds. */
export function chosenPoint(points: readonly Point[], lastS = 10): Point | undefined {
  const last = points.filter(({ ageS }) => ageS < lastS)
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number
  if (last.length === 0) return undefined
  return {
    share: middle(last.map(({ share }) => share)),
    p99Us: middle(last.map(({ p99Us }) => p99Us)),
    ageS: 0,
  }
}

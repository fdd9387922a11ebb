/**
 * Delay histograms that do not wrap. The plane counts frames by delay in u32 words; here every scrape adds what was
 * counted since the one before. A word wraps after 2^32 frames of one bucket: minutes at the least.
 */
import type { PortDelays } from '../../core/delays.js'
import { BUCKETS, bucketMiddleUs, bucketStart, TICKS_PER_US } from '../../core/histogram.js'

/** Upper bounds of the buckets that are told, in microseconds: each is an edge of the plane's own. */
export const DELAY_BOUNDS_US = [
  1, 2, 5, 12.5, 25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 409_600,
  1_638_400,
] as const

/** Frames that may be published while a port is read: they are in one number and not yet in the other. */
const READING_SLACK = 2 ** 20

type Part = keyof PortDelays
const PARTS: readonly Part[] = ['hold', 'queue', 'total']

/** Frames by delay since the port was added, or since the first scrape of it. */
export type CountedDelays = Readonly<Record<Part, Float64Array>>

interface Kept {
  before: PortDelays
  publishedFrames: number
  readonly sums: CountedDelays
}

const copy = (counts: Uint32Array): Float64Array => Float64Array.from(counts)

export class DelayCounts {
  readonly #kept = new Map<string, Kept>()

  /** Forgets all ports but these. */
  keep(names: readonly string[]): void {
    for (const name of this.#kept.keys()) if (!names.includes(name)) this.#kept.delete(name)
  }

  /**
   * Takes a reading of a port.
   * @param publishedFrames its counter, by which a port that was removed and added again is told from the one before
   */
  add(name: string, now: PortDelays, publishedFrames: number): CountedDelays {
    const kept = this.#kept.get(name)
    const more = kept && this.#since(kept, now, publishedFrames)
    if (!kept || !more) {
      const sums = { hold: copy(now.hold), queue: copy(now.queue), total: copy(now.total) }
      this.#kept.set(name, { before: now, publishedFrames, sums })
      return sums
    }
    for (const part of PARTS)
      for (let bucket = 0; bucket < BUCKETS; bucket++)
        kept.sums[part][bucket] = (kept.sums[part][bucket] as number) + (more[part][bucket] as number)
    kept.before = now
    kept.publishedFrames = publishedFrames
    return kept.sums
  }

  /** What was counted since; undefined when it cannot be of the same port. */
  #since(kept: Kept, now: PortDelays, publishedFrames: number): PortDelays | undefined {
    const published = publishedFrames - kept.publishedFrames
    if (published < 0) return undefined
    const since = (part: Part): Uint32Array =>
      now[part].map((count, bucket) => (count - (kept.before[part][bucket] as number)) >>> 0)
    const more = { hold: since('hold'), queue: since('queue'), total: since('total') }
    const isSame = PARTS.every((part) => more[part].every((count) => count <= published + READING_SLACK))
    return isSame ? more : undefined
  }
}

/** How many were at most each bound, how many there are, and their sum in seconds (within 3.2 %). */
export function cumulated(counts: Float64Array): { upTo: number[]; count: number; sum: number } {
  const upTo: number[] = []
  let [count, sumUs, bucket] = [0, 0, 0]
  const take = (endTicks: number): void => {
    for (; bucket < BUCKETS && bucketStart(bucket) < endTicks; bucket++) {
      const frames = counts[bucket] as number
      count += frames
      sumUs += frames * bucketMiddleUs(bucket)
    }
  }
  for (const bound of DELAY_BOUNDS_US) {
    take(bound * TICKS_PER_US)
    upTo.push(count)
  }
  take(Number.POSITIVE_INFINITY)
  return { upTo, count, sum: sumUs / 1e6 }
}

import { bucketMiddleUs, histogramQuantile, since, total } from '../core/histogram.js'
import { HISTOGRAM_BUCKETS } from '../core/layout.js'
import { SlidingSums } from './sliding-sums.js'

/** What a window of delays says, from arrival to publication. Times in microseconds; null without frames. */
export interface DelaySummary {
  readonly frames: number
  readonly p50Us: number | null
  readonly p99Us: number | null
  /** Part of the frames that were published within the target (0 to 1). */
  readonly withinShare: number | null
}

/** The time that stands for each bucket, in microseconds: to reckon them every second for every port would be felt. */
const MIDDLES_US = Float64Array.from({ length: HISTOGRAM_BUCKETS }, (_, bucket) => bucketMiddleUs(bucket))

/** More frames than any port carries between two readings: counts that rose by more have begun again. */
const MOST_FRAMES = 2 ** 31

/**
 * What a running histogram counted since an earlier copy of it; undefined where it has begun again in between (the port was
 * removed and added): its u32 counts wrap, but never by as much as a histogram that begins again seems to.
 */
export function delaysBetween(before: Uint32Array, now: Uint32Array): Uint32Array | undefined {
  const delta = since(now, before)
  return delta.some((count) => count > MOST_FRAMES) ? undefined : delta
}

/** Frames of a histogram beyond a time in microseconds; a bucket counts as its middle, as for a p99. */
export function framesBeyond(counts: ArrayLike<number>, us: number): number {
  let beyond = 0
  for (let bucket = counts.length - 1; bucket >= 0 && (MIDDLES_US[bucket] as number) > us; bucket--)
    beyond += counts[bucket] as number
  return beyond
}

/** Delays of the frames published in a sliding window. */
export class DelayWindow {
  readonly #sums: SlidingSums

  constructor(stepMs: number, steps: number) {
    this.#sums = new SlidingSums(HISTOGRAM_BUCKETS, stepMs, steps, Uint32Array)
  }

  add(nowMs: number, counts: Uint32Array): void {
    this.#sums.add(nowMs, counts)
  }

  clear(): void {
    this.#sums.clear()
  }

  get frames(): number {
    return total(this.#sums.sums)
  }

  /** In microseconds, within 3.2 %; NaN without frames. */
  quantileUs(q: number): number {
    return histogramQuantile(this.#sums.sums, q)
  }

  /** In microseconds; NaN without frames. */
  get meanUs(): number {
    const { sums } = this.#sums
    let [frames, sumUs] = [0, 0]
    for (let bucket = 0; bucket < sums.length; bucket++) {
      const count = sums[bucket] as number
      frames += count
      sumUs += count * (MIDDLES_US[bucket] as number)
    }
    return sumUs / frames
  }

  framesBeyond(us: number): number {
    return framesBeyond(this.#sums.sums, us)
  }

  summary(targetUs: number): DelaySummary {
    const { frames } = this
    if (frames === 0) return { frames, p50Us: null, p99Us: null, withinShare: null }
    return {
      frames,
      p50Us: this.quantileUs(0.5),
      p99Us: this.quantileUs(0.99),
      withinShare: 1 - this.framesBeyond(targetUs) / frames,
    }
  }
}

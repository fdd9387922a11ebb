/** The delays of the last seconds of one port, from histograms that count since it was added. */
import type { DelayBucket } from './api.js'

const WINDOW_S = 10
const WRAP = 2 ** 32
/** Frames that no port carries in a window: such a count has begun again. */
const MOST_FRAMES = 2 ** 31
/** Bars of a power of two. */
const PARTS = 4

/** Frames whose delay lies between two times in microseconds. */
export interface Bar {
  readonly fromUs: number
  readonly toUs: number
  readonly frames: number
}

interface Reading {
  readonly clockS: number
  readonly buckets: ReadonlyMap<number, DelayBucket>
}

/** Readings of one port over the last 10 s. */
export class DelayReadings {
  #readings: Reading[] = []

  add(clockS: number, buckets: readonly DelayBucket[]): void {
    this.#readings.push({ clockS, buckets: new Map(buckets.map((each) => [each.fromUs, each])) })
    // The last one before the window is what is subtracted.
    while ((this.#readings[1]?.clockS ?? clockS) <= clockS - WINDOW_S) this.#readings.shift()
  }

  clear(): void {
    this.#readings = []
  }

  /** What came in the window, shortest delay first; until there are two readings all that ever came. */
  window(): Bar[] {
    const [first] = this.#readings
    const last = this.#readings.at(-1)
    if (!first || !last) return []
    const bars = [...last.buckets.values()].map(({ fromUs, toUs, total }) => {
      const before = first === last ? 0 : (first.buckets.get(fromUs)?.total ?? 0)
      return { fromUs, toUs, frames: (total - before + WRAP) % WRAP }
    })
    if (bars.some(({ frames }) => frames > MOST_FRAMES)) {
      this.#readings = [last]
      return []
    }
    return bars.filter(({ frames }) => frames > 0)
  }
}

/** Bars of equal width on a logarithmic axis, without gaps from the first with frames to the last. */
export function logBars(bars: readonly Bar[]): Bar[] {
  const counts = new Map<number, number>()
  for (const { fromUs, toUs, frames } of bars) {
    const middle = Math.max(1 / 16, (fromUs + toUs) / 2)
    const place = Math.floor(Math.log2(middle) * PARTS)
    counts.set(place, (counts.get(place) ?? 0) + frames)
  }
  if (counts.size === 0) return []
  const first = Math.min(...counts.keys())
  const last = Math.max(...counts.keys())
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    fromUs: 2 ** ((first + i) / PARTS),
    toUs: 2 ** ((first + i + 1) / PARTS),
    frames: counts.get(first + i) ?? 0,
  }))
}

/** Frames beyond a time, each bucket taken at its middle. */
export function framesBeyond(bars: readonly Bar[], us: number): number {
  return bars.reduce((all, { fromUs, toUs, frames }) => ((fromUs + toUs) / 2 > us ? all + frames : all), 0)
}

/**
 * A log-linear histogram of delays as a guest program keeps it: 64 equal buckets in every power of two, so that the
 * middle of a bucket is within 0.8 % of each value in it. It stands alone (guest programs import only each other)
 * and is finer than src/core/histogram, whose shape the data plane fixes. Mean and maximum are exact.
 *
 *     value v in sixteenths of a microsecond      v < 64    bucket v
 *                                                 else      e = 31 - clz32(v), bucket = 64 (e - 5) + (v >> (e - 6)) - 64
 */
const PARTS_LOG2 = 6
const PARTS = 1 << PARTS_LOG2
const TICKS_PER_US = 16
const MAX_TICKS = 0xffffffff
const BUCKETS = (32 - PARTS_LOG2 + 1) * PARTS

/** Delays as they travel to the lab: values in microseconds with counts, ascending. */
export interface DelayReport {
  readonly count: number
  readonly meanUs: number
  readonly maxUs: number
  readonly delays: (readonly [us: number, count: number])[]
}

function bucketOf(ticks: number): number {
  if (ticks < PARTS) return ticks
  const exponent = 31 - Math.clz32(ticks)
  return (exponent - PARTS_LOG2 + 1) * PARTS + (ticks >>> (exponent - PARTS_LOG2)) - PARTS
}

/** The smallest value of a bucket, in ticks. */
function bucketStart(bucket: number): number {
  if (bucket < PARTS) return bucket
  return (PARTS + (bucket % PARTS)) * 2 ** (Math.floor(bucket / PARTS) - 1)
}

export class DelayCounts {
  readonly #counts = new Float64Array(BUCKETS)
  #count = 0
  #sumUs = 0
  #maxUs = 0

  /** Counts one delay in microseconds; a negative one (clocks are not perfect) counts as 0. */
  add(us: number): void {
    const value = Math.max(0, us)
    const bucket = bucketOf(Math.min(MAX_TICKS, Math.round(value * TICKS_PER_US)))
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#count++
    this.#sumUs += value
    this.#maxUs = Math.max(this.#maxUs, value)
  }

  report(): DelayReport {
    const delays: [number, number][] = []
    for (const [bucket, count] of this.#counts.entries()) {
      if (count === 0) continue
      const middle = (bucketStart(bucket) + bucketStart(bucket + 1) - 1) / 2 / TICKS_PER_US
      delays.push([Math.min(middle, this.#maxUs), count])
    }
    const meanUs = this.#count === 0 ? 0 : this.#sumUs / this.#count
    return { count: this.#count, meanUs, maxUs: this.#maxUs, delays }
  }
}

import { HISTOGRAM_BUCKETS, HISTOGRAM_SPLIT_BITS, HISTOGRAM_TICKS_PER_US } from './layout.js'

/**
 * A log-linear histogram of times, over an array of counts that the caller owns (the data plane fills such arrays
 * in its own memory by the same rule).
 *
 *     value v: a time in sixteenths of a microsecond, an integer 0 .. 2^32 - 1 (up to 268 s)
 *
 *     v < 16    bucket = v                                     exact
 *     else      e = 31 - clz32(v)                              v lies in [2^e, 2^(e+1)), e >= 4
 *               bucket = 16 (e - 4) + (v >>> (e - 4))
 *
 *     bucket    0 .. 15     16 .. 31     32 .. 47          448 .. 463
 *     holds     0 .. 15     16 .. 31     32, 34 .. 62      2^31 .. 2^32 - 1
 *     width     1           1            2                 2^27
 *
 * Every power of two has 16 equal buckets, so a bucket is never wider than 1/16 of its lower edge, and its middle
 * is within 3.2 % of every value in it. Larger times go to the last bucket.
 */
export const BUCKETS = HISTOGRAM_BUCKETS

/** Parts of a microsecond in the integer value of a bucket rule. */
export const TICKS_PER_US = HISTOGRAM_TICKS_PER_US

const PARTS = 1 << HISTOGRAM_SPLIT_BITS

const MAX_TICKS = 0xffffffff

/** Counts by bucket: a Uint32Array over shared memory or any array of numbers, `BUCKETS` long. */
export type Counts = { [index: number]: number; readonly length: number }

/** An empty histogram of its own. */
export function newCounts(): Uint32Array {
  return new Uint32Array(BUCKETS)
}

/** The bucket of a value in ticks (unsigned 32-bit integer, sixteenths of a microsecond). */
export function bucketOf(ticks: number): number {
  if (ticks < PARTS) return ticks
  const exponent = 31 - Math.clz32(ticks)
  const shift = exponent - HISTOGRAM_SPLIT_BITS
  return shift * PARTS + (ticks >>> shift)
}

/** The smallest value of a bucket, in ticks; `bucketStart(BUCKETS)` is the end of the last one. */
export function bucketStart(bucket: number): number {
  if (bucket < PARTS) return bucket
  return (PARTS + (bucket & (PARTS - 1))) * 2 ** ((bucket >>> HISTOGRAM_SPLIT_BITS) - 1)
}

/** The value that stands for a bucket, in microseconds: the middle of the integers in it. */
export function bucketMiddleUs(bucket: number): number {
  return (bucketStart(bucket) + bucketStart(bucket + 1) - 1) / 2 / TICKS_PER_US
}

/** Count a time in microseconds, once or more often. Negative times count as 0, times beyond the last bucket as its end. */
export function record(counts: Counts, valueUs: number, times = 1): void {
  const ticks = Math.min(MAX_TICKS, Math.max(0, Math.floor(valueUs * TICKS_PER_US)))
  const bucket = bucketOf(ticks)
  counts[bucket] = counts[bucket]! + times
}

/** How many values were counted. */
export function total(counts: Counts): number {
  let sum = 0
  for (let i = 0; i < counts.length; i++) sum += counts[i]!
  return sum
}

/** The q-quantile (0 to 1) in microseconds, within 3.2 %: the middle of the bucket of the ceil(q n)-th value. NaN when empty. */
export function histogramQuantile(counts: Counts, q: number): number {
  const rank = Math.max(1, Math.ceil(total(counts) * q))
  let seen = 0
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i]!
    if (seen >= rank) return bucketMiddleUs(i)
  }
  return Number.NaN
}

/** The mean in microseconds, every value taken at the middle of its bucket. NaN when empty. */
export function histogramMean(counts: Counts): number {
  let sum = 0
  let count = 0
  for (let i = 0; i < counts.length; i++) {
    sum += counts[i]! * bucketMiddleUs(i)
    count += counts[i]!
  }
  return sum / count
}

/** Add the counts of `from` to `into`. */
export function merge(into: Counts, from: Counts): void {
  for (let i = 0; i < into.length; i++) into[i] = into[i]! + from[i]!
}

/** Counts since an earlier copy of a running histogram whose u32 counters may have wrapped. */
export function since(now: Counts, before: Counts): Uint32Array {
  const delta = newCounts()
  for (let i = 0; i < delta.length; i++) delta[i] = (now[i]! - before[i]!) >>> 0
  return delta
}

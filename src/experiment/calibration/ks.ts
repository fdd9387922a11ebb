/** How far two distributions lie apart. */
import { bucketOf, bucketStart, type Counts, TICKS_PER_US, total } from '../../core/histogram.js'

/** Share of the counted values up to a time, linear inside a bucket. */
export function shareUpTo(counts: Counts, us: number): number {
  const ticks = Math.max(0, Math.floor(us * TICKS_PER_US))
  const bucket = bucketOf(Math.min(ticks, 0xffffffff))
  let below = 0
  for (let at = 0; at < bucket; at++) below += counts[at]!
  const [from, to] = [bucketStart(bucket), bucketStart(bucket + 1)]
  const inside = Math.min(1, (us * TICKS_PER_US - from) / (to - from))
  return (below + inside * counts[bucket]!) / total(counts)
}

/**
 * The largest difference between the shares of two distributions (Kolmogorov-Smirnov) at the percentiles that are known of the
 * first: between them it may be larger by the step to the next.
 * @param percentiles percent, then microseconds, ascending
 */
export function ksDistance(percentiles: readonly (readonly [number, number])[], counts: Counts): number {
  const times = [...new Set(percentiles.map(([, us]) => us))]
  return Math.max(
    ...times.map((us) => {
      // Several percentiles at one time: any share between the first and the last of them is right there.
      const shares = percentiles.filter(([, other]) => other === us).map(([percent]) => percent / 100)
      const share = shareUpTo(counts, us)
      return Math.max(0, shares[0]! - share, share - shares.at(-1)!)
    }),
  )
}

/** The token buckets of a port, as plane/policer.ts keeps them. */
import {
  BUCKET_AT_US,
  BUCKET_BYTES,
  BUCKET_DEPTH,
  BUCKET_FROM,
  BUCKET_RATE,
  BUCKET_STORM,
  BUCKET_TO,
  BUCKET_TOKENS,
  P_BUCKETS,
  P_WAIT_FROM,
  P_WAIT_TO,
} from './layout.js'
import type { Row } from './row.js'

/** A bucket as configured: units per second and units that may pass at once; rate 0 = no limit. */
export interface Bucket {
  readonly rate: number
  readonly depth: number
}

/** The buckets of a port, in the order of their indices (BUCKET_*), and the GUARD_* bits they switch on. */
export interface RateBuckets {
  readonly buckets: readonly Bucket[]
  readonly checks: number
  /** Whether anything limits what is sent to the VM. */
  readonly toVm: boolean
}

const MICRO = 1_000_000n

/** Writes the buckets into a port's row. One that changed begins full; others go on. */
export function writeBuckets(row: Row, { buckets }: RateBuckets): void {
  for (const [index, bucket] of buckets.entries()) {
    const at = P_BUCKETS + index * BUCKET_BYTES
    const rate = BigInt(bucket.rate)
    const depth = BigInt(bucket.depth) * MICRO
    if (row.getU64(at + BUCKET_RATE) === rate && row.getU64(at + BUCKET_DEPTH) === depth) continue
    row.setU64(at + BUCKET_RATE, rate)
    row.setU64(at + BUCKET_DEPTH, depth)
    row.setU64(at + BUCKET_TOKENS, depth)
    row.setU64(at + BUCKET_AT_US, 0n)
    if (index >= BUCKET_FROM && index < BUCKET_TO) row.setF64(P_WAIT_FROM, 0)
    else if (index < BUCKET_STORM) row.setF64(P_WAIT_TO, 0)
  }
}

// Token buckets: rate limits of both directions and the limit on floods. All is on integers: tokens are millionths of a
// unit, so that a microsecond adds exactly the rate, and stay below 2^63 because the time taken into account ends when
// the bucket is full.
//
// Rates are kept by debt: a frame may go when every bucket of its direction holds at least one unit, and then takes
// all that it costs, below zero if need be. So nobody has to know a frame's cost before it is taken out of a
// queue, a super-frame of 45 segments never waits for a bucket that cannot hold it, and no bucket has to be as deep
// as one. What waits for tokens, and where, is the shaper's (shaper.ts).
import {
  BUCKET_AT_US,
  BUCKET_BYTES,
  BUCKET_DEPTH,
  BUCKET_RATE,
  BUCKET_STORM,
  BUCKET_TOKENS,
  G_NOW_US,
  GLOBALS_AT,
  P_BUCKETS,
} from '../layout'

const MICRO: i64 = 1000000
/** The engine may be this late with frames that wait: tokens that came meanwhile are not lost to a full bucket. */
const MAX_LATE_US: i64 = 20000

function bucketAt(port: usize, index: u32): usize {
  return port + P_BUCKETS + <usize>index * BUCKET_BYTES
}

/** Fills a bucket up to now, to its depth, or to what came in the last `lateUs` if that is more. Returns its tokens. */
function fill(bucket: usize, lateUs: i64): i64 {
  const tokens = load<i64>(bucket, BUCKET_TOKENS)
  const now = <i64>load<f64>(GLOBALS_AT, G_NOW_US)
  const at = load<i64>(bucket, BUCKET_AT_US)
  if (now <= at) return tokens
  const rate = load<i64>(bucket, BUCKET_RATE)
  const depth = max(load<i64>(bucket, BUCKET_DEPTH), MICRO + min(lateUs, MAX_LATE_US) * rate)
  // Bounded before it is multiplied, so that a long silence cannot overflow.
  const untilFull = max<i64>((depth - tokens + rate - 1) / rate, 0)
  const filled = min(tokens + min(now - at, untilFull) * rate, depth)
  store<i64>(bucket, filled, BUCKET_TOKENS)
  store<i64>(bucket, now, BUCKET_AT_US)
  return filled
}

function take(bucket: usize, units: u32): void {
  store<i64>(bucket, load<i64>(bucket, BUCKET_TOKENS) - <i64>units * MICRO, BUCKET_TOKENS)
}

/**
 * Microseconds until a frame may go in one direction: 0 when one may now.
 * @param first BUCKET_FROM or BUCKET_TO; @param lateUs for how long frames have waited although it might
 */
export function untilTokens(port: usize, first: u32, lateUs: i64): i64 {
  let until: i64 = 0
  for (let index: u32 = 0; index < 3; index++) {
    const bucket = bucketAt(port, first + index)
    const rate = load<i64>(bucket, BUCKET_RATE)
    if (rate === 0) continue
    const missing = MICRO - fill(bucket, lateUs)
    if (missing > 0) until = max(until, (missing + rate - 1) / rate)
  }
  return until
}

/**
 * Takes what a frame costs, from frames, average and peak of one direction.
 * @param segments frames that it is on the wire
 */
export function charge(port: usize, first: u32, bytes: u32, segments: u32): void {
  for (let index: u32 = 0; index < 3; index++) {
    const bucket = bucketAt(port, first + index)
    if (load<i64>(bucket, BUCKET_RATE) !== 0) take(bucket, index === 0 ? segments : bytes)
  }
}

/** Frames that may go in one direction by its limit on frames, as it was filled last. */
export function framesLeft(port: usize, first: u32): u32 {
  const bucket = bucketAt(port, first)
  if (load<i64>(bucket, BUCKET_RATE) === 0) return u32.MAX_VALUE
  return <u32>max<i64>(0, min<i64>(load<i64>(bucket, BUCKET_TOKENS) / MICRO, <i64>u32.MAX_VALUE))
}

/**
 * Bytes that may have gone in one direction when another frame goes, by its limits on bytes as they were filled last;
 * below 0 when none may.
 */
export function bytesLeft(port: usize, first: u32): i64 {
  let left: i64 = i64.MAX_VALUE
  for (let index: u32 = 1; index < 3; index++) {
    const bucket = bucketAt(port, first + index)
    if (load<i64>(bucket, BUCKET_RATE) !== 0) left = min(left, load<i64>(bucket, BUCKET_TOKENS) / MICRO - 1)
  }
  return left
}

/**
 * Whether a frame from the port may be flooded now; takes its tokens when it may. A flood is refused, never delayed;
 * one of more segments than the bucket holds passes when it is full.
 */
export function admitFlood(port: usize, segments: u32): boolean {
  const bucket = bucketAt(port, BUCKET_STORM)
  const cost = min(<i64>segments * MICRO, load<i64>(bucket, BUCKET_DEPTH))
  if (fill(bucket, 0) < cost) return false
  take(bucket, segments)
  return true
}

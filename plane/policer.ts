// Token buckets: rate limits of both directions and the limit on floods. The rule is that of
// src/aggregation/token-bucket.ts, on the same integers: tokens are millionths of a unit, so that a microsecond
// adds exactly the rate. A frame passes all buckets of its direction or none.
//
// One thing is added: a frame that costs more than a bucket holds (a GSO frame of many segments) passes when the
// bucket is full and leaves it in debt. The rate holds in the long run, and no frame is refused for ever.
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
} from './layout'

const MICRO: i64 = 1000000

function bucketAt(port: usize, index: u32): usize {
  return port + P_BUCKETS + <usize>index * BUCKET_BYTES
}

function isOn(bucket: usize): boolean {
  return load<i64>(bucket, BUCKET_RATE) !== 0
}

/** Fills the bucket up to now. Returns whether it holds what `units` cost, or all that it can hold. */
function has(bucket: usize, units: u32): boolean {
  const depth = load<i64>(bucket, BUCKET_DEPTH)
  let tokens = load<i64>(bucket, BUCKET_TOKENS)
  const now = <i64>load<f64>(GLOBALS_AT, G_NOW_US)
  const at = load<i64>(bucket, BUCKET_AT_US)
  if (now > at) {
    const rate = load<i64>(bucket, BUCKET_RATE)
    // Bounded before it is multiplied, so that a long silence cannot overflow.
    const untilFull = (depth - tokens + rate - 1) / rate
    const elapsed = now - at < untilFull ? now - at : untilFull
    tokens += elapsed * rate
    if (tokens > depth) tokens = depth
    store<i64>(bucket, tokens, BUCKET_TOKENS)
    store<i64>(bucket, now, BUCKET_AT_US)
  }
  const cost = <i64>units * MICRO
  return tokens >= (cost < depth ? cost : depth)
}

function take(bucket: usize, units: u32): void {
  store<i64>(bucket, load<i64>(bucket, BUCKET_TOKENS) - <i64>units * MICRO, BUCKET_TOKENS)
}

/**
 * Whether a frame may pass one direction's limits now; takes its tokens when it may.
 * @param first BUCKET_FROM or BUCKET_TO; @param segments frames that it is on the wire
 */
export function admitRate(port: usize, first: u32, bytes: u32, segments: u32): boolean {
  const frames = bucketAt(port, first)
  const average = frames + BUCKET_BYTES
  const peak = average + BUCKET_BYTES
  if (isOn(frames) && !has(frames, segments)) return false
  if (isOn(average) && !has(average, bytes)) return false
  if (isOn(peak) && !has(peak, bytes)) return false
  if (isOn(frames)) take(frames, segments)
  if (isOn(average)) take(average, bytes)
  if (isOn(peak)) take(peak, bytes)
  return true
}

/** Whether a frame from the port may be flooded now; takes its tokens when it may. */
export function admitFlood(port: usize, segments: u32): boolean {
  const bucket = bucketAt(port, BUCKET_STORM)
  if (!has(bucket, segments)) return false
  take(bucket, segments)
  return true
}

// Delay is measured for every frame at the grain of bursts: a batch keeps, per burst, when its frames came and how long
// they may have waited before (queue); when it ends, each frame counts once in three histograms of its port.

import { count } from './counters'
import {
  BATCH_BURST_BYTES,
  BATCH_BURSTS,
  C_EGRESS_BURSTS,
  G_NOW_US,
  G_QUEUE_US,
  GLOBALS_AT,
  HISTOGRAM_SPLIT_BITS,
  HISTOGRAM_TICKS_PER_US,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_QUEUE,
  P_HISTOGRAM_TOTAL,
  V_BATCH,
  V_HELD_BURSTS,
} from './layout'

const MAX_TICKS: f64 = 4294967040

/** Counts frames that were written now into the open batch of a receive ring. */
export function noteArrival(v: usize, port: usize, frames: u32): void {
  const at = load<f64>(GLOBALS_AT, G_NOW_US)
  const bursts = load<u32>(v, V_HELD_BURSTS)
  let entry: usize = <usize>load<u32>(v, V_BATCH) + <usize>(bursts - 1) * BATCH_BURST_BYTES
  if (bursts === 0 || (load<f64>(entry) !== at && bursts < <u32>BATCH_BURSTS)) {
    entry = <usize>load<u32>(v, V_BATCH) + <usize>bursts * BATCH_BURST_BYTES
    store<f64>(entry, at)
    store<f64>(entry, load<f64>(GLOBALS_AT, G_QUEUE_US), 8)
    store<u32>(entry, frames, 16)
    store<u32>(v, bursts + 1, V_HELD_BURSTS)
    count(port, C_EGRESS_BURSTS)
  } else store<u32>(entry, load<u32>(entry, 16) + frames, 16)
}

/** Bucket of a time in a histogram, as src/core/histogram.ts pictures them. */
function bucketOf(us: f64): usize {
  const scaled = us * <f64>HISTOGRAM_TICKS_PER_US
  const ticks: u32 = scaled <= 0 ? 0 : scaled >= MAX_TICKS ? 0xffffff00 : <u32>scaled
  const bits: u32 = HISTOGRAM_SPLIT_BITS
  if (ticks < 1 << bits) return ticks
  const exponent: u32 = 31 - clz<u32>(ticks)
  return ((exponent - bits) << bits) + (ticks >> (exponent - bits))
}

function record(histogram: usize, us: f64, frames: u32): void {
  const at = histogram + (bucketOf(us) << 2)
  store<u32>(at, load<u32>(at) + frames)
}

/** Counts the frames of a batch that ends now. */
export function recordDelays(v: usize, port: usize): void {
  const at = load<f64>(GLOBALS_AT, G_NOW_US)
  const bursts = load<u32>(v, V_HELD_BURSTS)
  const batch: usize = load<u32>(v, V_BATCH)
  for (let i: u32 = 0; i < bursts; i++) {
    const entry = batch + <usize>i * BATCH_BURST_BYTES
    const frames = load<u32>(entry, 16)
    const hold = at - load<f64>(entry)
    const queue = load<f64>(entry, 8)
    record(port + P_HISTOGRAM_HOLD, hold, frames)
    record(port + P_HISTOGRAM_QUEUE, queue, frames)
    record(port + P_HISTOGRAM_TOTAL, hold + queue, frames)
  }
  store<u32>(v, 0, V_HELD_BURSTS)
}

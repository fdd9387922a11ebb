// Held publication: frames lie in the receiver's ring as soon as they arrive; when its guest hears of them is
// decided here, frame by frame, against limits that the controller sets (src/aggregation). The rule is
// src/aggregation/hold.ts, in the same order and with the same reason codes.
//
//   closeRx / fast   note(): the open batch grows         -> full, frames, bytes: publish within the burst
//   end of burst     settle(): the burst is over          -> no hold, polling, urgent, deadline, gap: publish
//   later turns      serveHeld(): batches still open      -> deadline, gap; tells when to look again
//
// Until then segments of a flow join in place (merge.ts); limits count them as they arrived.
//
// Delay is measured for every frame at the grain of bursts: a batch keeps, per burst, when its frames came and
// how long they may have waited before (queue); at publication each frame counts once in three histograms.
import { count } from './counters'
import {
  BATCH_BURST_BYTES,
  BATCH_BURSTS,
  C_FLUSHED_BYTES,
  C_FLUSHED_FRAMES,
  C_PUBLISHES,
  C_TO_BURSTS,
  C_URGENT_BURSTS,
  DIRTY_AT,
  G_CALL_NOW,
  G_DIRTY,
  G_HELD,
  G_NOW_US,
  G_PUBLISHING,
  G_QUEUE_US,
  GLOBALS_AT,
  HELD_AT,
  MAX_HELD,
  P_GAP_US,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_QUEUE,
  P_HISTOGRAM_TOTAL,
  P_HOLD_US,
  P_MAX_BATCH_BYTES,
  P_MAX_BATCH_FRAMES,
  P_REASONS,
  P_URGENT_FLUSH,
  REASON_BYTES,
  REASON_DEADLINE,
  REASON_FRAMES,
  REASON_FULL,
  REASON_GAP,
  REASON_HOLD,
  REASON_NO_HOLD,
  REASON_POLLING,
  REASON_URGENT,
  V_BATCH,
  V_FLAGS,
  V_HELD_BURSTS,
  V_HELD_BYTES,
  V_HELD_FIRST,
  V_HELD_FRAMES,
  V_HELD_LAST,
  V_HELD_URGENT,
  V_LISTED,
  V_PORT,
  VRING_DIRTY,
  VRING_HELD,
} from './layout'
import { closeAggregates } from './merge/aggregate'
import { markDirty, NEVER, publish, remind, wantsCall } from './ring/door'

const TICKS_PER_US: f64 = 16
const MAX_TICKS: f64 = 4294967040

function now(): f64 {
  return load<f64>(GLOBALS_AT, G_NOW_US)
}

/** Whether frames toward a port may be held beyond their burst. */
export function holds(port: usize): boolean {
  return load<f64>(port, P_HOLD_US) > 0
}

/** Whether the limits of a port make the kind of frame matter. */
export function watchesUrgency(port: usize): boolean {
  return load<u32>(port, P_URGENT_FLUSH) !== 0 && load<f64>(port, P_HOLD_US) > 0
}

/** Frames that the open batch of a vring may still take before it must be published. */
export function batchRoom(v: usize): u32 {
  const port: usize = load<u32>(v, V_PORT)
  const limit = load<u32>(port, P_MAX_BATCH_FRAMES)
  const has = load<u32>(v, V_HELD_FRAMES)
  return has >= limit ? 0 : limit - has
}

/**
 * Counts frames that were just written into a receive ring, and publishes at once when a limit is reached.
 * @param urgent whether one of them must not wait
 */
export function note(v: usize, frames: u32, bytes: u32, urgent: boolean): void {
  const port: usize = load<u32>(v, V_PORT)
  const at = now()
  const has = load<u32>(v, V_HELD_FRAMES)
  const bursts = load<u32>(v, V_HELD_BURSTS)
  const queue = load<f64>(GLOBALS_AT, G_QUEUE_US)
  let entry: usize = <usize>load<u32>(v, V_BATCH) + <usize>(bursts - 1) * BATCH_BURST_BYTES
  if (has === 0) store<f64>(v, at, V_HELD_FIRST)
  if (bursts === 0 || (load<f64>(entry) !== at && bursts < <u32>BATCH_BURSTS)) {
    entry = <usize>load<u32>(v, V_BATCH) + <usize>bursts * BATCH_BURST_BYTES
    store<f64>(entry, at)
    store<f64>(entry, queue, 8)
    store<u32>(entry, frames, 16)
    store<u32>(v, bursts + 1, V_HELD_BURSTS)
    count(port, C_TO_BURSTS)
  } else store<u32>(entry, load<u32>(entry, 16) + frames, 16)
  const held = has + frames
  const heldBytes = load<u32>(v, V_HELD_BYTES) + bytes
  store<u32>(v, held, V_HELD_FRAMES)
  store<u32>(v, heldBytes, V_HELD_BYTES)
  store<f64>(v, at, V_HELD_LAST)
  if (urgent) {
    if (load<u32>(v, V_HELD_URGENT) === 0) count(port, C_URGENT_BURSTS)
    store<u32>(v, 1, V_HELD_URGENT)
  }
  if (held >= load<u32>(port, P_MAX_BATCH_FRAMES)) publishBatch(v, REASON_FRAMES)
  else if (heldBytes >= load<u32>(port, P_MAX_BATCH_BYTES)) publishBatch(v, REASON_BYTES)
  else markDirty(v)
}

/** Why the open batch must be published now that its burst is over, or REASON_HOLD. */
function mustPublish(v: usize, port: usize, at: f64): u32 {
  const hold = load<f64>(port, P_HOLD_US)
  if (!(hold > 0)) return REASON_NO_HOLD
  if (load<u32>(port, P_URGENT_FLUSH)) {
    if (!wantsCall(v)) return REASON_POLLING
    if (load<u32>(v, V_HELD_URGENT)) return REASON_URGENT
  }
  if (at - load<f64>(v, V_HELD_FIRST) >= hold) return REASON_DEADLINE
  if (at - load<f64>(v, V_HELD_LAST) >= load<f64>(port, P_GAP_US)) return REASON_GAP
  return REASON_HOLD
}

/** Bucket of a time in a histogram. The rule of src/stats/histogram.ts. */
function bucketOf(us: f64): usize {
  const scaled = us * TICKS_PER_US
  const ticks: u32 = scaled <= 0 ? 0 : scaled >= MAX_TICKS ? 0xffffff00 : <u32>scaled
  if (ticks < 16) return ticks
  const exponent: u32 = 31 - clz<u32>(ticks)
  return ((exponent - 3) << 4) + (ticks >> (exponent - 4)) - 16
}

function record(histogram: usize, us: f64, frames: u32): void {
  const at = histogram + (bucketOf(us) << 2)
  store<u32>(at, load<u32>(at) + frames)
}

/** Publishes the open batch of a receive ring for a reason. */
export function publishBatch(v: usize, reason: u32): void {
  const port: usize = load<u32>(v, V_PORT)
  const frames = load<u32>(v, V_HELD_FRAMES)
  if (load<u32>(v, V_LISTED) !== 0) closeAggregates(v)
  if (frames > 0) {
    const at = now()
    const bursts = load<u32>(v, V_HELD_BURSTS)
    const batch: usize = load<u32>(v, V_BATCH)
    for (let i: u32 = 0; i < bursts; i++) {
      const entry = batch + <usize>i * BATCH_BURST_BYTES
      const n = load<u32>(entry, 16)
      const hold = at - load<f64>(entry)
      const queue = load<f64>(entry, 8)
      record(port + P_HISTOGRAM_HOLD, hold, n)
      record(port + P_HISTOGRAM_QUEUE, queue, n)
      record(port + P_HISTOGRAM_TOTAL, hold + queue, n)
    }
    count(port, C_PUBLISHES)
    count(port, C_FLUSHED_FRAMES, frames)
    count(port, C_FLUSHED_BYTES, load<u32>(v, V_HELD_BYTES))
    const reasons = port + P_REASONS + ((<usize>reason) << 3)
    store<u64>(reasons, load<u64>(reasons) + 1)
    store<u32>(v, 0, V_HELD_FRAMES)
    store<u32>(v, 0, V_HELD_BYTES)
    store<u32>(v, 0, V_HELD_BURSTS)
    store<u32>(v, 0, V_HELD_URGENT)
  }
  if (publish(v) && load<u32>(port, P_MAX_BATCH_FRAMES) === 1) store<u32>(GLOBALS_AT, 1, G_CALL_NOW)
}

/** The receiver has no buffer for another frame: its guest must hear of what it has, and did not if that is long ago. */
export function publishFull(v: usize): void {
  if (load<u32>(v, V_HELD_FRAMES) > 0) publishBatch(v, REASON_FULL)
  else remind(v)
}

/** Publishes the open batch of a receive ring, if it has one. */
export function publishHeld(v: usize): void {
  if (load<u32>(v, V_HELD_FRAMES) > 0) publishBatch(v, REASON_NO_HOLD)
}

/** Decides on a receive ring whose burst is over: publishes, or puts it on the held list. */
function settle(v: usize): void {
  const port: usize = load<u32>(v, V_PORT)
  const reason = mustPublish(v, port, now())
  if (reason !== REASON_HOLD) {
    publishBatch(v, reason)
    return
  }
  const flags = load<u32>(v, V_FLAGS)
  if (flags & VRING_HELD) return
  const held = load<u32>(GLOBALS_AT, G_HELD)
  if (held >= <u32>MAX_HELD) {
    publishBatch(v, REASON_FULL)
    return
  }
  store<u32>(v, flags | VRING_HELD, V_FLAGS)
  store<u32>(<usize>HELD_AT + <usize>held * 4, <u32>v)
  store<u32>(GLOBALS_AT, held + 1, G_HELD)
}

/**
 * Looks at the held batches. Publishes those whose time has come, all of them when `all` is set.
 * Returns in how many microseconds the next one is due; NEVER (1e18) when none is held.
 */
export function serveHeldBatches(all: boolean): f64 {
  const held = load<u32>(GLOBALS_AT, G_HELD)
  const at = now()
  let kept: u32 = 0
  let next: f64 = NEVER
  for (let i: u32 = 0; i < held; i++) {
    const v: usize = load<u32>(<usize>HELD_AT + <usize>i * 4)
    const port: usize = load<u32>(v, V_PORT)
    store<u32>(GLOBALS_AT, <u32>port, G_PUBLISHING)
    let reason: u32 = REASON_NO_HOLD
    if (load<u32>(v, V_HELD_FRAMES) > 0 && !all) reason = mustPublish(v, port, at)
    if (reason === REASON_HOLD) {
      const deadline = min(
        load<f64>(v, V_HELD_FIRST) + load<f64>(port, P_HOLD_US),
        load<f64>(v, V_HELD_LAST) + load<f64>(port, P_GAP_US),
      )
      if (deadline - at < next) next = deadline - at
      store<u32>(<usize>HELD_AT + <usize>kept * 4, <u32>v)
      kept++
      continue
    }
    store<u32>(v, load<u32>(v, V_FLAGS) & ~VRING_HELD, V_FLAGS)
    publishBatch(v, reason)
  }
  store<u32>(GLOBALS_AT, kept, G_HELD)
  store<u32>(GLOBALS_AT, 0, G_PUBLISHING)
  return next
}

/** Ends a burst: publishes every transmit ring that it touched, and decides on every receive ring. */
export function settleDirty(): void {
  const dirty = load<u32>(GLOBALS_AT, G_DIRTY)
  for (let i: u32 = 0; i < dirty; i++) {
    const v: usize = load<u32>(<usize>DIRTY_AT + <usize>i * 4)
    store<u32>(GLOBALS_AT, load<u32>(v, V_PORT), G_PUBLISHING)
    store<u32>(v, load<u32>(v, V_FLAGS) & ~VRING_DIRTY, V_FLAGS)
    if (load<u32>(v, V_BATCH) === 0) publish(v)
    else if (load<u32>(v, V_HELD_FRAMES) > 0) settle(v)
  }
  store<u32>(GLOBALS_AT, 0, G_DIRTY)
  store<u32>(GLOBALS_AT, 0, G_PUBLISHING)
}

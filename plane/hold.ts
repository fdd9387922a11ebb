// Hold: frames lie in the receiver's ring as soon as they arrive; when they are published is decided here, frame by
// frame, against the hold limits of the port, which the controller sets (src/aggregation). This is the only copy of the
// rule: models of the engine ask holdReason() and holdDue() of the plane.
//
//   frames written   note(): the open batch grows          -> full, frames, bytes: it ends within the burst
//   end of burst     endBurst(): for every ring touched    -> no hold, polling, urgent, deadline, gap: it ends
//   later turns      serveHeld(): batches still open       -> deadline, gap; tells when the next is due
//
// A batch that ends is collected, and published with everything else at the end of the burst or turn (ring/publish.ts).
// Until it ends segments of a flow join in place (merge/); the limits count them as they arrived.
import { closeHeld } from './capture/ring'
import { count } from './counters'
import { noteArrival, recordDelays } from './delay'
import {
  C_EGRESS_URGENT_BURSTS,
  C_PUBLISHED_BYTES,
  C_PUBLISHED_FRAMES,
  C_PUBLISHES,
  DIRTY_AT,
  G_CALL_NOW,
  G_DIRTY,
  G_HELD,
  G_NOW_US,
  G_PUBLISHING,
  GLOBALS_AT,
  HELD_AT,
  MAX_HELD,
  MAX_QUEUE_PAIRS,
  P_FLAGS,
  P_GAP_US,
  P_HOLD_US,
  P_MAX_BATCH_BYTES,
  P_MAX_BATCH_FRAMES,
  P_REASONS,
  P_URGENT_PUBLISH,
  PORT_WATCHED,
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
import { vringAt } from './port'
import { NEVER, renotify } from './ring/calls'
import { wantsCall } from './ring/door'
import { collect, markDirty, publishCollected } from './ring/publish'

function now(): f64 {
  return load<f64>(GLOBALS_AT, G_NOW_US)
}

/** Whether frames toward a port may be held beyond their burst. */
export function holds(port: usize): boolean {
  return load<f64>(port, P_HOLD_US) > 0
}

/** Whether the limits of a port make the kind of frame matter. */
export function watchesUrgency(port: usize): boolean {
  return load<u32>(port, P_URGENT_PUBLISH) !== 0 && load<f64>(port, P_HOLD_US) > 0
}

/** Frames that the open batch of a vring may still take before it must end. */
export function batchRoom(v: usize): u32 {
  const port: usize = load<u32>(v, V_PORT)
  const limit = load<u32>(port, P_MAX_BATCH_FRAMES)
  const has = load<u32>(v, V_HELD_FRAMES)
  return has >= limit ? 0 : limit - has
}

/** The limit of a port that a batch has reached, or REASON_HOLD. */
function limitReached(port: usize, frames: u32, bytes: u32): u32 {
  if (frames >= load<u32>(port, P_MAX_BATCH_FRAMES)) return REASON_FRAMES
  if (bytes >= load<u32>(port, P_MAX_BATCH_BYTES)) return REASON_BYTES
  return REASON_HOLD
}

/**
 * Counts frames that were just written into a receive ring; the batch ends when a limit is reached.
 * @param urgent whether one of them must not wait
 */
export function note(v: usize, frames: u32, bytes: u32, urgent: boolean): void {
  const port: usize = load<u32>(v, V_PORT)
  const at = now()
  const has = load<u32>(v, V_HELD_FRAMES)
  if (has === 0) store<f64>(v, at, V_HELD_FIRST)
  noteArrival(v, port, frames)
  const held = has + frames
  const heldBytes = load<u32>(v, V_HELD_BYTES) + bytes
  store<u32>(v, held, V_HELD_FRAMES)
  store<u32>(v, heldBytes, V_HELD_BYTES)
  store<f64>(v, at, V_HELD_LAST)
  if (urgent) {
    if (load<u32>(v, V_HELD_URGENT) === 0) count(port, C_EGRESS_URGENT_BURSTS)
    store<u32>(v, 1, V_HELD_URGENT)
  }
  const reason = limitReached(port, held, heldBytes)
  if (reason !== REASON_HOLD) endBatch(v, reason)
  else markDirty(v)
}

/** Why the open batch must end now that its burst is over, or REASON_HOLD. */
function mustPublish(v: usize, port: usize, at: f64): u32 {
  const hold = load<f64>(port, P_HOLD_US)
  if (!(hold > 0)) return REASON_NO_HOLD
  if (load<u32>(port, P_URGENT_PUBLISH)) {
    if (!wantsCall(v)) return REASON_POLLING
    if (load<u32>(v, V_HELD_URGENT)) return REASON_URGENT
  }
  if (at - load<f64>(v, V_HELD_FIRST) >= hold) return REASON_DEADLINE
  if (at - load<f64>(v, V_HELD_LAST) >= load<f64>(port, P_GAP_US)) return REASON_GAP
  return REASON_HOLD
}

/** Why the open batch of a receive ring would end now, its burst being over; REASON_HOLD when it would not. */
export function holdReason(v: usize): u32 {
  const frames = load<u32>(v, V_HELD_FRAMES)
  if (frames === 0) return REASON_HOLD
  const port: usize = load<u32>(v, V_PORT)
  const limit = limitReached(port, frames, load<u32>(v, V_HELD_BYTES))
  return limit !== REASON_HOLD ? limit : mustPublish(v, port, now())
}

/** When the open batch of a receive ring ends if no frame comes, on the plane's clock; NEVER when it is empty. */
export function holdDue(v: usize): f64 {
  if (load<u32>(v, V_HELD_FRAMES) === 0) return NEVER
  const port: usize = load<u32>(v, V_PORT)
  return min(
    load<f64>(v, V_HELD_FIRST) + load<f64>(port, P_HOLD_US),
    load<f64>(v, V_HELD_LAST) + load<f64>(port, P_GAP_US),
  )
}

/** Ends the open batch of a receive ring for a reason: what it holds goes with the next publication. */
function endBatch(v: usize, reason: u32): void {
  const port: usize = load<u32>(v, V_PORT)
  const frames = load<u32>(v, V_HELD_FRAMES)
  if (load<u32>(v, V_LISTED) !== 0) closeAggregates(v)
  if (frames > 0) {
    recordDelays(v, port)
    if (load<u32>(port, P_FLAGS) & PORT_WATCHED) closeHeld(port, v, reason)
    count(port, C_PUBLISHES)
    count(port, C_PUBLISHED_FRAMES, frames)
    count(port, C_PUBLISHED_BYTES, load<u32>(v, V_HELD_BYTES))
    const reasons = port + P_REASONS + ((<usize>reason) << 3)
    store<u64>(reasons, load<u64>(reasons) + 1)
    store<u32>(v, 0, V_HELD_FRAMES)
    store<u32>(v, 0, V_HELD_BYTES)
    store<u32>(v, 0, V_HELD_URGENT)
    // Frame by frame, a call is due for each at once: it ends the burst.
    if (load<u32>(port, P_MAX_BATCH_FRAMES) === 1 && wantsCall(v)) store<u32>(GLOBALS_AT, 1, G_CALL_NOW)
  }
  collect(v)
}

/** The receiver has no buffer for another frame: ends the batch; re-notifies the guest if nothing is held. */
export function endFull(v: usize): void {
  if (load<u32>(v, V_HELD_FRAMES) > 0) endBatch(v, REASON_FULL)
  else renotify(v)
}

/** Publishes what a port's receive rings hold, because its rings, memory or offloads are about to change. */
export function publishHeld(port: usize): void {
  for (let pair: u32 = 0; pair < <u32>MAX_QUEUE_PAIRS; pair++) {
    const v = vringAt(port, pair * 2)
    if (load<u32>(v, V_HELD_FRAMES) > 0) endBatch(v, REASON_NO_HOLD)
  }
  publishCollected(port)
}

/** Decides on a receive ring whose burst is over: its batch ends, or the ring goes on the held list. */
function settle(v: usize): void {
  const port: usize = load<u32>(v, V_PORT)
  const reason = mustPublish(v, port, now())
  if (reason !== REASON_HOLD) {
    endBatch(v, reason)
    return
  }
  const flags = load<u32>(v, V_FLAGS)
  if (flags & VRING_HELD) return
  const held = load<u32>(GLOBALS_AT, G_HELD)
  if (held >= <u32>MAX_HELD) {
    endBatch(v, REASON_FULL)
    return
  }
  store<u32>(v, flags | VRING_HELD, V_FLAGS)
  store<u32>(<usize>HELD_AT + <usize>held * 4, <u32>v)
  store<u32>(GLOBALS_AT, held + 1, G_HELD)
}

/**
 * Serves the held batches: those whose time has come are published.
 * @returns in how many microseconds the next one is due; NEVER (1e18) when none is held
 */
export function serveHeld(): f64 {
  const held = load<u32>(GLOBALS_AT, G_HELD)
  const at = now()
  let kept: u32 = 0
  let next: f64 = NEVER
  for (let i: u32 = 0; i < held; i++) {
    const v: usize = load<u32>(<usize>HELD_AT + <usize>i * 4)
    const port: usize = load<u32>(v, V_PORT)
    store<u32>(GLOBALS_AT, <u32>port, G_PUBLISHING)
    const reason = load<u32>(v, V_HELD_FRAMES) > 0 ? mustPublish(v, port, at) : REASON_NO_HOLD
    if (reason === REASON_HOLD) {
      next = min(next, holdDue(v) - at)
      store<u32>(<usize>HELD_AT + <usize>kept * 4, <u32>v)
      kept++
      continue
    }
    store<u32>(v, load<u32>(v, V_FLAGS) & ~VRING_HELD, V_FLAGS)
    endBatch(v, reason)
  }
  store<u32>(GLOBALS_AT, kept, G_HELD)
  publishCollected(0)
  return next
}

/** Ends a burst: decides on every receive ring that it touched, collects every transmit ring, and publishes. */
export function endBurst(): void {
  const dirty = load<u32>(GLOBALS_AT, G_DIRTY)
  for (let i: u32 = 0; i < dirty; i++) {
    const v: usize = load<u32>(<usize>DIRTY_AT + <usize>i * 4)
    store<u32>(GLOBALS_AT, load<u32>(v, V_PORT), G_PUBLISHING)
    store<u32>(v, load<u32>(v, V_FLAGS) & ~VRING_DIRTY, V_FLAGS)
    if (load<u32>(v, V_BATCH) === 0) collect(v)
    else if (load<u32>(v, V_HELD_FRAMES) > 0) settle(v)
  }
  store<u32>(GLOBALS_AT, 0, G_DIRTY)
  publishCollected(0)
}

// The split ring, device side. Source: virtio 1.3, 2.7.
//
//   frontend:  desc[] filled -> avail.ring[i] = head, avail.idx++ (release) -> kick?
//   backend :  avail.idx (acquire) -> chain taken, buffers written or read
//              used.ring[next++] = (head, bytes)            <- written, but not yet visible: HELD
//              used.idx = next (release + fence) -> used_event read -> call?    <- publish()
//
// Between writing a used entry and publish() lies everything that aggregation does. Indices run free in u16.
import {
  CALLS_AT,
  DIRTY_AT,
  G_CALLS,
  G_DIRTY,
  GLOBALS_AT,
  MAX_CALLS,
  MAX_DIRTY,
  P_COUNTERS,
  V_AVAIL,
  V_AVAIL_SEEN,
  V_CALL_COUNTER,
  V_FLAGS,
  V_ID,
  V_LAST_AVAIL,
  V_LISTED,
  V_PORT,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
  V_USED_PUBLISHED,
  VRING_DIRTY,
  VRING_ENABLED,
  VRING_EVENT_IDX,
  VRING_READY,
} from './layout'

const NO_INTERRUPT: u32 = 1
const NO_NOTIFY: u16 = 1
const AVAIL_RING: u32 = 4
const USED_RING: u32 = 4

/** Whether frames may be moved through the ring. */
export function isLive(v: usize): boolean {
  const need = VRING_READY | VRING_ENABLED
  return (load<u32>(v, V_FLAGS) & need) === need
}

/** Reads the available index. Returns the chains waiting, or -1 when the frontend claims more than the ring holds. */
export function waiting(v: usize): i32 {
  const index = <u32>atomic.load<u16>(<usize>load<u32>(v, V_AVAIL), 2)
  store<u32>(v, index, V_AVAIL_SEEN)
  const count = (index - load<u32>(v, V_LAST_AVAIL)) & 0xffff
  return count > load<u32>(v, V_SIZE) ? -1 : <i32>count
}

/** Head of the available chain `ahead` places after the next one. Not yet checked against the ring size. */
export function headAt(v: usize, ahead: u32): u32 {
  const slot = (load<u32>(v, V_LAST_AVAIL) + ahead) & (load<u32>(v, V_SIZE) - 1)
  return load<u16>(<usize>load<u32>(v, V_AVAIL) + AVAIL_RING + slot * 2)
}

/** Advances past chains that were taken. */
export function take(v: usize, chains: u32): void {
  store<u32>(v, (load<u32>(v, V_LAST_AVAIL) + chains) & 0xffff, V_LAST_AVAIL)
}

/** Writes one used entry behind those already written; invisible to the frontend until publish(). */
export function complete(v: usize, head: u32, bytes: u32): void {
  const next = load<u32>(v, V_USED_NEXT)
  const slot = next & (load<u32>(v, V_SIZE) - 1)
  store<u64>(<usize>load<u32>(v, V_USED) + USED_RING + slot * 8, <u64>head | ((<u64>bytes) << 32))
  store<u32>(v, (next + 1) & 0xffff, V_USED_NEXT)
}

/** Marks a vring as having unpublished entries, so that the end of the burst publishes it. */
export function markDirty(v: usize): void {
  const flags = load<u32>(v, V_FLAGS)
  if (flags & VRING_DIRTY) return
  const count = load<u32>(GLOBALS_AT, G_DIRTY)
  if (count >= <u32>MAX_DIRTY) {
    publish(v)
    return
  }
  store<u32>(v, flags | VRING_DIRTY, V_FLAGS)
  store<u32>(<usize>DIRTY_AT + <usize>count * 4, <u32>v)
  store<u32>(GLOBALS_AT, count + 1, G_DIRTY)
}

/** Whether `event` lies in [old, index) on the u16 circle. Source: virtio 1.3, 2.7.7.2 and 2.7.10.1. */
export function needEvent(event: u32, index: u32, old: u32): boolean {
  return ((index - event - 1) & 0xffff) < ((index - old) & 0xffff)
}

/**
 * Makes all written used entries visible and puts the vring on the call list if the frontend wants a call.
 * Returns whether it does. The atomic store is a full fence, so used_event is read after it.
 */
export function publish(v: usize): boolean {
  const next = load<u32>(v, V_USED_NEXT)
  const old = load<u32>(v, V_USED_PUBLISHED)
  if (next === old) return false
  const used: usize = load<u32>(v, V_USED)
  atomic.store<u16>(used, <u16>next, 2)
  store<u32>(v, next, V_USED_PUBLISHED)
  if (!asksForCall(v, next, old)) return false
  requestCall(v)
  return true
}

/** Whether the frontend wants a call for the used entries from `old` to `next`. */
function asksForCall(v: usize, next: u32, old: u32): boolean {
  const avail: usize = load<u32>(v, V_AVAIL)
  if ((load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) === 0) return (atomic.load<u16>(avail) & NO_INTERRUPT) === 0
  const event = <u32>atomic.load<u16>(avail + AVAIL_RING + <usize>load<u32>(v, V_SIZE) * 2)
  return needEvent(event, next, old)
}

/** Whether publishing what is written or listed now would cost a call; a frontend that polls wants none. */
export function wantsCall(v: usize): boolean {
  const next = (load<u32>(v, V_USED_NEXT) + load<u32>(v, V_LISTED)) & 0xffff
  return asksForCall(v, next, load<u32>(v, V_USED_PUBLISHED))
}

/** Puts a vring on the call list. */
export function requestCall(v: usize): void {
  const count = load<u32>(GLOBALS_AT, G_CALLS)
  if (count >= <u32>MAX_CALLS) return
  store<u32>(<usize>CALLS_AT + <usize>count * 4, load<u32>(v, V_ID))
  store<u32>(GLOBALS_AT, count + 1, G_CALLS)
  const counter = <usize>load<u32>(v, V_PORT) + P_COUNTERS + <usize>load<u32>(v, V_CALL_COUNTER) * 8
  store<u64>(counter, load<u64>(counter) + 1)
}

/** Asks the frontend for a kick when it makes more chains available. Returns whether some came meanwhile. */
export function arm(v: usize): boolean {
  const last = load<u32>(v, V_LAST_AVAIL)
  const used: usize = load<u32>(v, V_USED)
  if (load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) {
    atomic.store<u16>(used + USED_RING + <usize>load<u32>(v, V_SIZE) * 8, <u16>last)
  } else atomic.store<u16>(used, 0)
  return <u32>atomic.load<u16>(<usize>load<u32>(v, V_AVAIL), 2) !== last
}

/** Lets the frontend be silent while the backend polls. With EVENT_IDX an untouched avail_event does that. */
export function disarm(v: usize): void {
  if ((load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) === 0)
    atomic.store<u16>(<usize>load<u32>(v, V_USED), NO_NOTIFY)
}

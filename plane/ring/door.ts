// The split ring, device side. Source: virtio 1.3, 2.7.
//
//   frontend:  desc[] filled -> avail.ring[i] = head, avail.idx++ (release) -> kick?
//   backend :  avail.idx (acquire) -> chain taken, buffers written or read
//              used.ring[next++] = (head, bytes)            <- written, but not yet visible: HELD
//              used.idx = next (release + fence) -> used_event read -> call?    <- publish()
//
// Between writing a used entry and publish() lies everything that aggregation does. Indices run free in u16.
import { count } from '../counters'
import {
  C_REMINDERS,
  CALLS_AT,
  DIRTY_AT,
  G_CALLS,
  G_DIRTY,
  G_NOW_US,
  GLOBALS_AT,
  MAX_CALLS,
  MAX_DIRTY,
  V_AVAIL,
  V_AVAIL_SEEN,
  V_CALL_COUNTER,
  V_CALLED,
  V_FLAGS,
  V_ID,
  V_LAST_AVAIL,
  V_LISTED,
  V_PATIENCE,
  V_PORT,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
  V_USED_PUBLISHED,
  VRING_DIRTY,
  VRING_ENABLED,
  VRING_EVENT_IDX,
  VRING_READY,
} from '../layout'

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
  const chains = (index - load<u32>(v, V_LAST_AVAIL)) & 0xffff
  return chains > load<u32>(v, V_SIZE) ? -1 : <i32>chains
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
  const dirty = load<u32>(GLOBALS_AT, G_DIRTY)
  if (dirty >= <u32>MAX_DIRTY) {
    publish(v)
    return
  }
  store<u32>(v, flags | VRING_DIRTY, V_FLAGS)
  store<u32>(<usize>DIRTY_AT + <usize>dirty * 4, <u32>v)
  store<u32>(GLOBALS_AT, dirty + 1, G_DIRTY)
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

/** Puts a vring on the call list, and counts the call on its port. */
function list(v: usize, counter: u32): void {
  const calls = load<u32>(GLOBALS_AT, G_CALLS)
  if (calls >= <u32>MAX_CALLS) return
  store<u32>(<usize>CALLS_AT + <usize>calls * 4, load<u32>(v, V_ID))
  store<u32>(GLOBALS_AT, calls + 1, G_CALLS)
  store<f64>(v, load<f64>(GLOBALS_AT, G_NOW_US), V_CALLED)
  count(load<u32>(v, V_PORT), counter)
}

/** Has the frontend called, because it asked for it: it is awake, so the next reminder comes early again. */
export function requestCall(v: usize): void {
  store<f64>(v, PATIENCE_US, V_PATIENCE)
  list(v, load<u32>(v, V_CALL_COUNTER))
}

/** A frontend that has done nothing about a call for so long is called again, and given twice as long each time. */
const PATIENCE_US: f64 = 400
const LONGEST_PATIENCE_US: f64 = 64000
export const NEVER: f64 = 1e18

/**
 * Whether the frontend was called for entries that it has not looked at. With the event index that is seen: its last wish lies
 * among them. A frontend that has switched calls off wants none.
 */
function owesAnswer(v: usize): boolean {
  if (load<f64>(v, V_CALLED) === 0 || (load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) === 0) return false
  const published = load<u32>(v, V_USED_PUBLISHED)
  return asksForCall(v, published, published - load<u32>(v, V_SIZE))
}

/**
 * Calls the frontend of a receive ring once more when it has not answered for long. A call can be lost in the guest: a kernel
 * of User-Mode Linux that goes idle in that moment sleeps on until its next timer, and by the event index it is owed no second
 * call. Seen with linux.uml 6.1 on the engine's own processor: nine of ten frames dropped.
 * @returns microseconds until it may be called again; NEVER (1e18) when it owes no answer
 */
export function remind(v: usize): f64 {
  if (!owesAnswer(v)) return NEVER
  const patience = load<f64>(v, V_PATIENCE)
  const left = load<f64>(v, V_CALLED) + patience - load<f64>(GLOBALS_AT, G_NOW_US)
  if (left > 0) return left
  list(v, C_REMINDERS)
  const next = min(patience * 2, LONGEST_PATIENCE_US)
  store<f64>(v, next, V_PATIENCE)
  return next
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

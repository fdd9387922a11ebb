// The door to a ring, device side: the verbs by which the rest of the plane takes chains and gives them back. Behind it
// stands the split ring (split.ts); a ring of another layout comes in here, and nobody outside ring/ notices.
//
//   frontend makes chains available       -> waiting(), headAt(), take()
//     chain.walk() finds the buffers of a chain, buffers.reserve() as many chains as a frame needs
//   used entry written, not yet visible   -> complete()                    from here ...
//   the batch has ended: see publish.ts   -> collect()
//   used index stored, call wanted?       -> publishUpTo()                 ... to here a frame is held
//   kicks                                 -> arm(), disarm()
//
// Indices run free in u16. The fast path (fast.ts) keeps them in locals and asks split.ts itself, by the same functions.
//
// What comes later has its place here: a ring whose buffers are written by a hypercall (Xen) differs behind
// buffers.reserve() and in publishCollected(), which sees all that a burst publishes as one list: one copy for the list,
// then the pushes.
import {
  V_AVAIL,
  V_AVAIL_SEEN,
  V_FLAGS,
  V_LAST_AVAIL,
  V_LISTED,
  V_SIZE,
  V_USED,
  V_USED_COLLECTED,
  V_USED_NEXT,
  V_USED_PUBLISHED,
  VRING_ENABLED,
  VRING_EVENT_IDX,
  VRING_READY,
} from '../layout'
import { asksForCall, requestCall } from './calls'
import { logs, markEntries, markUsed } from './log'
import {
  availableEventOffset,
  loadAvailableIndex,
  loadHead,
  storeAvailableEvent,
  storeUsed,
  storeUsedIndex,
  storeWantsKicks,
  USED_HEADER_BYTES,
} from './split'

/** Whether the ring is set up. */
export function isReady(v: usize): boolean {
  return (load<u32>(v, V_FLAGS) & VRING_READY) !== 0
}

/** Whether frames may be moved through the ring. */
export function isLive(v: usize): boolean {
  const need = VRING_READY | VRING_ENABLED
  return (load<u32>(v, V_FLAGS) & need) === need
}

/** Reads the available index. Returns the chains waiting, or -1 when the frontend claims more than the ring holds. */
export function waiting(v: usize): i32 {
  const index = loadAvailableIndex(load<u32>(v, V_AVAIL))
  store<u32>(v, index, V_AVAIL_SEEN)
  const chains = (index - load<u32>(v, V_LAST_AVAIL)) & 0xffff
  return chains > load<u32>(v, V_SIZE) ? -1 : <i32>chains
}

/** Chains that waiting() saw and that were not taken since. */
export function seen(v: usize): i32 {
  return <i32>((load<u32>(v, V_AVAIL_SEEN) - load<u32>(v, V_LAST_AVAIL)) & 0xffff)
}

/** Head of the available chain `ahead` places after the next one. Not yet checked against the ring size. */
export function headAt(v: usize, ahead: u32): u32 {
  return loadHead(load<u32>(v, V_AVAIL), (load<u32>(v, V_LAST_AVAIL) + ahead) & (load<u32>(v, V_SIZE) - 1))
}

/** Advances past chains that were taken. */
export function take(v: usize, chains: u32): void {
  store<u32>(v, (load<u32>(v, V_LAST_AVAIL) + chains) & 0xffff, V_LAST_AVAIL)
}

/** Writes one used entry behind those already written; invisible to the frontend until it is published. */
export function complete(v: usize, head: u32, bytes: u32): void {
  const next = load<u32>(v, V_USED_NEXT)
  storeUsed(load<u32>(v, V_USED), next & (load<u32>(v, V_SIZE) - 1), head, bytes)
  if (logs(v)) markEntries(v, next, 1)
  store<u32>(v, (next + 1) & 0xffff, V_USED_NEXT)
}

/**
 * Makes the used entries before an index visible, and has the frontend called if it wants that. An index that was not
 * collected since the ring started is stale: nothing is done. The row goes first, so that what traps is not tried again.
 */
export function publishUpTo(v: usize, index: u32): void {
  const old = load<u32>(v, V_USED_PUBLISHED)
  const entries = (index - old) & 0xffff
  if (entries === 0 || entries > ((load<u32>(v, V_USED_COLLECTED) - old) & 0xffff)) return
  store<u32>(v, index, V_USED_PUBLISHED)
  storeUsedIndex(load<u32>(v, V_USED), index)
  if (logs(v)) markUsed(v, 0, USED_HEADER_BYTES)
  if (asksForCall(v, index, old)) requestCall(v)
}

/** Whether publishing what was written or listed since the last batch would cost a call: a frontend that polls wants none. */
export function wantsCall(v: usize): boolean {
  const next = (load<u32>(v, V_USED_NEXT) + load<u32>(v, V_LISTED)) & 0xffff
  return asksForCall(v, next, load<u32>(v, V_USED_COLLECTED))
}

/** Without the event index: says whether kicks are wanted. */
function setWantsKicks(v: usize, wants: boolean): void {
  storeWantsKicks(load<u32>(v, V_USED), wants)
  if (logs(v)) markUsed(v, 0, USED_HEADER_BYTES)
}

/** Asks the frontend for a kick when it makes more chains available. Returns whether some came meanwhile. */
export function arm(v: usize): boolean {
  const last = load<u32>(v, V_LAST_AVAIL)
  if (load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) {
    const size = load<u32>(v, V_SIZE)
    storeAvailableEvent(load<u32>(v, V_USED), size, last)
    if (logs(v)) markUsed(v, availableEventOffset(size), 2)
  } else setWantsKicks(v, true)
  return loadAvailableIndex(load<u32>(v, V_AVAIL)) !== last
}

/** Lets the frontend be silent while the backend polls. With the event index an untouched avail_event does that. */
export function disarm(v: usize): void {
  if ((load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) === 0) setWantsKicks(v, false)
}

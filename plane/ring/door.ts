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
// Behind a vring of a guest under Xen stands a netif ring (VRING_NETIF), whose buffers the hypervisor copies. The vring is
// the plane's own then, its buffers are staging, and this is where the two meet:
//
//   waiting()                             -> refill(): requests are seen, buffers offered (netif-rx)
//   burst begins                          -> prepare(): packets are fetched (netif-tx)
//   publishUpTo()                         -> stage(): copies and responses are listed
//   publishCollected() has seen all       -> carryOut(): one copy for the list, then the pushes (carry-out)
//   arm()                                 -> the request that an event is wanted for (netif-events)
import {
  V_AVAIL,
  V_AVAIL_SEEN,
  V_BATCH,
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
import { carryOut, stage } from './carry-out'
import { logs, markEntries, markUsed } from './log'
import { armNetif, hasRequests } from './netif-events'
import { owes, refill } from './netif-rx'
import { fetch } from './netif-tx'
import { netifOf, untaken } from './shadow'
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
  const netif: usize = netifOf(v)
  if (netif !== 0) see(v, netif)
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

/** Sees the requests of a receive ring that stands behind a vring. */
function see(v: usize, netif: usize): void {
  if (load<u32>(v, V_BATCH) !== 0) refill(v, netif)
}

/** Begins a burst of a ring: does what must come first for a ring that stands behind it. */
export function prepare(v: usize): void {
  const netif: usize = netifOf(v)
  if (netif === 0) return
  if (load<u32>(v, V_BATCH) !== 0) stage(v, netif)
  else if (untaken(v) === 0) {
    fetch(v, netif)
    carryOut()
  }
}

/** Chains of a transmit ring that are taken from its guest already, and wait here. */
export function fetched(v: usize): u32 {
  return netifOf(v) === 0 ? 0 : untaken(v)
}

/** Whether a transmit ring holds chains. */
export function hasChains(v: usize): boolean {
  const netif: usize = netifOf(v)
  if (netif !== 0 && hasRequests(netif)) return true
  return loadAvailableIndex(load<u32>(v, V_AVAIL)) !== load<u32>(v, V_LAST_AVAIL)
}

/** Ends a burst of a transmit ring in which frames came: those that follow are fetched with what it publishes. */
export function fetchAhead(v: usize): void {
  const netif: usize = netifOf(v)
  if (netif !== 0) fetch(v, netif)
}

/** Whether what was published waits for its guest. */
export function isOwing(v: usize): boolean {
  const netif: usize = netifOf(v)
  return netif !== 0 && owes(v, netif)
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
  const netif: usize = netifOf(v)
  if (netif !== 0) {
    if (load<u32>(v, V_BATCH) !== 0) stage(v, netif)
    return
  }
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
  const netif: usize = netifOf(v)
  if (netif !== 0) return armNetif(v, netif)
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

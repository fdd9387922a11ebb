// One burst of one port with vrings:
//
//   backlogs of its receive rings   what waits for buffers or tokens goes first
//   its transmit rings, in turn     fast path for as long as frames are plain: those to one guest, then those to all
//                                   guests or a host port; slow path for the next one
//   end of burst                    decide on every ring that was touched, publish what was collected (hold.ts)
//
// A burst ends early when it has cost enough (work.ts), moved BURST_BYTES, or owes a call at once; what is left waits in
// the guest's own ring for the next.

import { drainBacklog, hasBacklog } from './backlog'
import { isMetered, mayGo, waitsNoMore } from './bridge/shaper'
import { noteRest } from './busy'
import { count } from './counters'
import { fastBurst } from './fast/fast'
import { runBurst } from './fast/runs'
import { noteTargets } from './fast/target'
import { endBurst } from './hold'
import {
  BUCKET_FROM,
  BUCKET_TO,
  C_CROWDED,
  C_POLLS,
  G_CALL_NOW,
  G_NOW_US,
  G_QUEUE_US,
  G_WOKE_US,
  GLOBALS_AT,
  GUARD_RATE,
  P_FIRST_PAIR,
  P_GUARD,
  P_POLLED_US,
  P_STARTED_PAIRS,
  V_HELD_FIRST,
  V_HELD_FRAMES,
  V_SIZE,
} from './layout'
import { portAt, servesVrings, vringAt } from './port'
import { checkedHead, checkedWaiting } from './ring/broken'
import { chainBytes } from './ring/chain'
import { complete, fetchAhead, fetched, isLive, isReady, prepare, take } from './ring/door'
import { markDirty } from './ring/publish'
import { takeChain } from './take-chain'
import { isSpent, openWork } from './work'

/**
 * Most frames moved out of a backlog in one turn: more than a turn can add, so that a queue which once built up
 * does not stand for ever.
 */
const BACKLOG_BURST: u32 = 1024
/** A burst ends with this many bytes: 64 super-frames would keep all others waiting for most of a millisecond. */
const BURST_BYTES: u64 = 262144

/** A transmit ring has no batch. In its place: chains that were seen to wait and are not taken, and since when they may have waited. */
const V_SEEN: usize = V_HELD_FRAMES
const V_SEEN_US: usize = V_HELD_FIRST

/** Whether a transmit ring that was polled held chains. */
let anyWaits = false

/** Whether what comes from the port has a rate limit. */
function isLimited(port: usize): boolean {
  return (load<u32>(port, P_GUARD) & GUARD_RATE) !== 0
}

/** Keeps since when the chains wait that a burst has left. @param seen chains that an earlier one had left */
function noteLeft(v: usize, available: u32, done: u32, seen: u32, since: f64): void {
  store<u32>(v, done < seen ? seen - done : available - done, V_SEEN)
  if (done >= seen) store<f64>(v, since, V_SEEN_US)
}

/**
 * Takes a burst from one transmit ring. Returns the chains taken. A train of frames that needs several bursts was seen to
 * wait by the first of them: those left count from then, and not from the burst before theirs.
 * @param since when chains that were not seen before may have come
 */
function pollRing(v: usize, port: usize, limit: u32, since: f64): u32 {
  // A switch that is drained takes nothing, but lets go what was fetched.
  if (limit > 0) prepare(v)
  else limit = fetched(v)
  const available = checkedWaiting(v)
  if (available <= 0) return 0
  anyWaits = true
  // What a guest sends beyond its limit waits in its own ring.
  const limited = isLimited(port)
  if (limited && !mayGo(port, BUCKET_FROM)) return 0
  const seen = limited ? 0 : load<u32>(v, V_SEEN)
  if (seen > 0) store<f64>(GLOBALS_AT, load<f64>(GLOBALS_AT, G_NOW_US) - load<f64>(v, V_SEEN_US), G_QUEUE_US)
  const live = isLive(v)
  const size = load<u32>(v, V_SIZE)
  if (<u32>available > size - (size >> 3)) count(port, C_CROWDED)
  const burst = <u32>available < limit ? <u32>available : limit
  let left = burst
  let bytes: u64 = 0
  let done: u32 = 0
  while (left > 0) {
    if (limited && done > 0 && !mayGo(port, BUCKET_FROM)) break
    if (live) {
      const fast = fastBurst(v, port, left, limited)
      left -= fast
      done += fast
      if (left === 0 || isSpent()) break
      if (limited && fast > 0) continue
      const run = runBurst(v, port, left, limited)
      left -= run
      done += run
      if (left === 0 || isSpent() || load<u32>(GLOBALS_AT, G_CALL_NOW)) break
      if (run > 0) continue
    }
    const head = checkedHead(v, 0)
    if (head < 0) break
    if (!takeChain(v, port, head, live)) break
    take(v, 1)
    complete(v, head, 0)
    markDirty(v)
    left--
    done++
    bytes += chainBytes()
    if (bytes > BURST_BYTES || isSpent() || load<u32>(GLOBALS_AT, G_CALL_NOW)) break
  }
  if (done < <u32>available || seen > 0) noteLeft(v, <u32>available, done, seen, since)
  return done
}

/** The pair that is polled as number `polled` when `first` is the first. */
function pairAt(first: u32, polled: u32, pairs: u32): u32 {
  const pair = first + polled
  return pair < pairs ? pair : pair - pairs
}

/**
 * Serves one port with vrings: its backlogs first, then a burst of what its guest transmits; publishes what came of it.
 * @param burst most chains taken from each transmit ring
 * @returns frames moved; 0 when there was nothing to do
 */
export function poll(index: u32, burst: u32): u32 {
  const port = portAt(index)
  if (!servesVrings(port)) return 0
  store<u32>(GLOBALS_AT, 0, G_CALL_NOW)
  openWork()
  noteTargets()
  const now = load<f64>(GLOBALS_AT, G_NOW_US)
  const since = max(load<f64>(port, P_POLLED_US), load<f64>(GLOBALS_AT, G_WOKE_US))
  store<f64>(port, now, P_POLLED_US)
  let moved: u32 = 0
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  const limited = isLimited(port)
  const metered = isMetered(port)
  // The rings of a port share its tokens, and what a burst may cost: each is first in turn.
  const first: u32 = pairs > 1 ? load<u32>(port, P_FIRST_PAIR) % pairs : 0
  let backlogs: u32 = 0
  for (let polled: u32 = 0; polled < pairs; polled++) {
    const v = vringAt(port, pairAt(first, polled, pairs) * 2)
    prepare(v)
    if (hasBacklog(v) && load<u32>(GLOBALS_AT, G_CALL_NOW) === 0 && !isSpent())
      moved += drainBacklog(v, port, BACKLOG_BURST)
    if (metered && hasBacklog(v)) backlogs++
  }
  if (metered && backlogs === 0) waitsNoMore(port, BUCKET_TO)
  anyWaits = false
  for (let polled: u32 = 0; polled < pairs && !isSpent(); polled++) {
    const pair = pairAt(first, polled, pairs)
    const v = vringAt(port, pair * 2 + 1)
    if (!isReady(v) || load<u32>(GLOBALS_AT, G_CALL_NOW) !== 0) continue
    store<f64>(GLOBALS_AT, now - since, G_QUEUE_US)
    moved += pollRing(v, port, burst, since)
  }
  if (limited && !anyWaits) waitsNoMore(port, BUCKET_FROM)
  if (pairs > 1 && moved > 0) store<u32>(port, first + 1, P_FIRST_PAIR)
  if (moved > 0) {
    count(port, C_POLLS)
    for (let pair: u32 = 0; pair < pairs && burst > 0; pair++) fetchAhead(vringAt(port, pair * 2 + 1))
  }
  noteRest(index, port, moved)
  endBurst()
  return moved
}

// The exports of the plane: what the engine calls. One call serves one burst of one port.

import { forward } from './bridge/bridge'
import { fdbSweep as sweep } from './bridge/fdb'
import { forgetLearned } from './bridge/guard-learn'
import { sendProbe } from './bridge/probe'
import { dropLate, isMetered, isShut, mayGo, queueFrom, releaseTo, waitsNoMore } from './bridge/shaper'
import { ringFirst, ringPop } from './byte-ring'
import { count, drop } from './counters'
import { drainBacklog, hasBacklog, moveBacklog as moveBacklogOf } from './egress'
import { fastBurst } from './fast'
import { openFlat, openFrame } from './frame/open'
import { publishHeld, serveHeldBatches, settleDirty } from './hold'
import {
  BROKEN_AVAIL_INDEX,
  BROKEN_HEAD,
  BUCKET_FROM,
  BUCKET_TO,
  C_CROWDED,
  C_KICKS,
  C_POLLS,
  CONTROL_VRING,
  DROP_BAD_ADDRESS,
  DROP_BAD_CHAIN,
  DROP_DETACHED,
  DROP_NO_LINK,
  DROP_TOO_LONG,
  G_CALL_NOW,
  G_HELD_US,
  G_NOW_US,
  G_PREFETCHED,
  G_QUEUE_US,
  G_REMIND_US,
  G_WOKE_US,
  GLOBALS_AT,
  GUARD_RATE,
  MAX_FRAME_BYTES,
  MAX_QUEUE_PAIRS,
  P_FIRST_PAIR,
  P_FLAGS,
  P_FROM_RING,
  P_GUARD,
  P_POLLED_US,
  P_RING,
  P_SPAN,
  P_STARTED_PAIRS,
  P_VRINGS,
  PORT_BROKEN,
  PORT_BYTES,
  PORT_VIF,
  PORTS_AT,
  R_COUNT,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  RECORD_HASH,
  SEGS_AT,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  TABLE_SEGS_AT,
  V_BACKLOG,
  V_DESC,
  V_FLAGS,
  V_HEADER_BYTES,
  V_SIZE,
  VRING_BYTES,
  VRING_READY,
} from './layout'
import { breakPort } from './ring/buffers'
import { CONTROL, chainBytes, chainReadable, isBad, READABLE, setTableSegs, walk } from './ring/chain'
import { arm, complete, disarm, headAt, isLive, markDirty, publish, remind, take, waiting } from './ring/door'
import { BAD_ADDRESS, MISS, peek } from './ring/granules'
import { isSpent, openFrameWork, openWork } from './work'

export { ringFirst, ringPop, sendProbe }

/**
 * Most frames moved out of a backlog in one turn: more than a turn can add, so that a queue which once built up
 * does not stand for ever.
 */
const BACKLOG_BURST: u32 = 1024
/** A burst ends with this many bytes: 64 super-frames would keep all others waiting for most of a millisecond. */
const BURST_BYTES: u64 = 262144
/** Most frames of a host port that a rate limit held back forwarded in one turn. */
const RELEASE_BURST: u32 = 64

/** Distance of the second byte that is prefetched of a frame: the next line. */
const CACHE_LINE: u32 = 64

function portAt(index: u32): usize {
  return <usize>PORTS_AT + <usize>index * PORT_BYTES
}

function vringAt(port: usize, queue: u32): usize {
  return port + P_VRINGS + <usize>queue * VRING_BYTES
}

/** Forgets what was learned of a port's peer, or of all ports (-1) the addresses that are stale. */
export function fdbSweep(index: i32): void {
  if (index >= 0) forgetLearned(portAt(index))
  sweep(index)
}

/** Called once before anything else. */
export function start(): void {
  setTableSegs(TABLE_SEGS_AT)
  openWork()
}

/** Takes one transmitted chain. Returns false when it must wait for guest memory to be mapped. */
function takeChain(v: usize, index: u32, port: usize, head: u32, live: boolean): boolean {
  const header = load<u32>(v, V_HEADER_BYTES)
  const limit = header + MAX_FRAME_BYTES
  const found = walk(v, port, head, READABLE, SEGS_AT, 0, limit)
  if (found === MISS) return false
  if (isBad(found)) drop(port, found === BAD_ADDRESS ? DROP_BAD_ADDRESS : DROP_BAD_CHAIN)
  else if (!live) drop(port, DROP_NO_LINK)
  else if (chainBytes() > <u64>limit) drop(port, DROP_TOO_LONG)
  else {
    const reason = openFrame(port, <u32>chainBytes(), header)
    if (reason >= 0) drop(port, reason)
    else forward(index, port)
  }
  return true
}

/**
 * Reads the first cache lines of the frames of a burst in one tight loop. Their lines lie in the sender's
 * cache; loads that do not depend on each other fetch them side by side, which the forwarding loop, being
 * long, cannot. Nothing that is read here is used: a hostile guest gains nothing by changing it later.
 */
function prefetch(v: usize, port: usize, burst: u32): void {
  const table: usize = load<u32>(v, V_DESC)
  const size = load<u32>(v, V_SIZE)
  const span: usize = load<u32>(port, P_SPAN)
  const entries: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  let sum: u32 = 0
  for (let i: u32 = 0; i < burst; i++) {
    const head = headAt(v, i)
    if (head >= size) break
    const descriptor = table + <usize>head * 16
    const hasSecond = <u32>load<u64>(descriptor, 8) > CACHE_LINE
    const at = peek(entries, first, granules, load<u64>(descriptor), CACHE_LINE + 1)
    sum += load<u8>(at)
    if (hasSecond) sum += load<u8>(at, CACHE_LINE)
  }
  store<u32>(GLOBALS_AT, sum, G_PREFETCHED)
}

/** Whether a transmit ring that was polled held chains. */
let anyWaits = false

/** Whether what comes from the port has a rate limit. */
function isLimited(port: usize): boolean {
  return (load<u32>(port, P_GUARD) & GUARD_RATE) !== 0
}

/** Takes a burst from one transmit ring. Returns the chains taken. */
function pollRing(v: usize, index: u32, port: usize, limit: u32): u32 {
  const available = waiting(v)
  if (available < 0) {
    breakPort(port, BROKEN_AVAIL_INDEX, v)
    return 0
  }
  if (available === 0) return 0
  anyWaits = true
  // What a guest sends beyond its limit waits in its own ring.
  const limited = isLimited(port)
  if (limited && !mayGo(port, BUCKET_FROM)) return 0
  const live = isLive(v)
  const size = load<u32>(v, V_SIZE)
  if (<u32>available > size - (size >> 3)) count(port, C_CROWDED)
  const burst = <u32>available < limit ? <u32>available : limit
  if (burst > 1) prefetch(v, port, burst)
  let left = burst
  let bytes: u64 = 0
  let done: u32 = 0
  while (left > 0) {
    if (limited && done > 0 && !mayGo(port, BUCKET_FROM)) break
    if (live) {
      const fast = fastBurst(v, port, left)
      left -= fast
      done += fast
      if (left === 0) break
    }
    const head = headAt(v, 0)
    if (head >= size) {
      breakPort(port, BROKEN_HEAD, v)
      break
    }
    if (!takeChain(v, index, port, head, live)) break
    take(v, 1)
    complete(v, head, 0)
    markDirty(v)
    left--
    done++
    bytes += chainBytes()
    if (bytes > BURST_BYTES || isSpent() || load<u32>(GLOBALS_AT, G_CALL_NOW)) break
  }
  return done
}

/** The pair that is polled as number `polled` when `first` is the first. */
function pairAt(first: u32, polled: u32, pairs: u32): u32 {
  const pair = first + polled
  return pair < pairs ? pair : pair - pairs
}

/**
 * Serves one vif: its backlog first, then a burst of what its guest transmits; publishes what came of it.
 * @param burst most chains taken from each transmit ring
 * @returns frames moved; 0 when there was nothing to do
 */
export function poll(index: u32, burst: u32): u32 {
  const port = portAt(index)
  const flags = load<u32>(port, P_FLAGS)
  if ((flags & PORT_VIF) === 0 || flags & PORT_BROKEN) return 0
  store<u32>(GLOBALS_AT, 0, G_CALL_NOW)
  openWork()
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
    if (hasBacklog(v) && load<u32>(GLOBALS_AT, G_CALL_NOW) === 0 && !isSpent())
      moved += drainBacklog(v, port, BACKLOG_BURST)
    if (metered && hasBacklog(v)) backlogs++
  }
  if (metered && backlogs === 0) waitsNoMore(port, BUCKET_TO)
  store<f64>(GLOBALS_AT, now - since, G_QUEUE_US)
  anyWaits = false
  for (let polled: u32 = 0; polled < pairs && !isSpent(); polled++) {
    const pair = pairAt(first, polled, pairs)
    const v = vringAt(port, pair * 2 + 1)
    if (load<u32>(v, V_FLAGS) & VRING_READY && load<u32>(GLOBALS_AT, G_CALL_NOW) === 0)
      moved += pollRing(v, index, port, burst)
  }
  if (limited && !anyWaits) waitsNoMore(port, BUCKET_FROM)
  if (pairs > 1 && moved > 0) store<u32>(port, first + 1, P_FIRST_PAIR)
  if (moved > 0) count(port, C_POLLS)
  settleDirty()
  return moved
}

/**
 * Forwards one frame that a host port received. Publication waits for flush().
 * @param at linear offset of the virtio-net header; @param bytes header and frame
 * @param header bytes of the virtio-net header
 * @returns 0 when the burst has cost enough: the rest must wait for the next
 */
export function ingest(index: u32, at: usize, bytes: u32, header: u32): u32 {
  const port = portAt(index)
  if (
    load<u32>(port, P_FROM_RING) !== 0 &&
    bytes > header &&
    bytes <= header + MAX_FRAME_BYTES &&
    queueFrom(port, at, bytes, header)
  )
    return 1
  forwardFlat(index, port, at, bytes, header)
  return isSpent() ? 0 : 1
}

function forwardFlat(index: u32, port: usize, at: usize, bytes: u32, header: u32): void {
  openFrameWork()
  const reason = openFlat(port, at, bytes, header)
  if (reason >= 0) drop(port, reason)
  else forward(index, port)
}

/** Forwards what a rate limit has held back of the frames of a host port. Returns the frames forwarded. */
export function releaseFrom(index: u32): u32 {
  const port = portAt(index)
  const ring: usize = load<u32>(port, P_FROM_RING)
  if (ring === 0 || load<u32>(ring, R_COUNT) === 0) return 0
  dropLate(port, ring)
  let moved: u32 = 0
  while (moved < RELEASE_BURST && !isSpent() && mayGo(port, BUCKET_FROM)) {
    const record = ringFirst(ring)
    const header = load<u32>(record, RECORD_HASH)
    const bytes = load<u32>(record, RECORD_FRAME_BYTES)
    forwardFlat(index, port, record + RECORD_FRAME - header, header + bytes, header)
    ringPop(ring)
    moved++
    if (load<u32>(ring, R_COUNT) === 0) {
      waitsNoMore(port, BUCKET_FROM)
      break
    }
  }
  if (moved > 0) flush()
  return moved
}

/** Records of a host port's output that may be written now: all, or those that its rate limit lets go. */
export function ready(index: u32): u32 {
  const port = portAt(index)
  return isMetered(port) ? releaseTo(port) : load<u32>(<usize>load<u32>(port, P_RING), R_COUNT)
}

/** Publishes everything written since the last burst: the end of a burst of ingest() calls. */
export function flush(): void {
  store<u32>(GLOBALS_AT, 0, G_CALL_NOW)
  settleDirty()
  openWork()
}

/**
 * Publishes held batches whose time has come; all of them when `all` is not 0.
 * G_HELD_US tells in how many microseconds the next is due, 1e18 when none is held.
 */
export function serveHeld(all: u32): void {
  store<f64>(GLOBALS_AT, serveHeldBatches(all !== 0), G_HELD_US)
}

/** Publishes the held batches of one vif, because its rings, memory or offloads are about to change. */
export function publishPort(index: u32): void {
  const port = portAt(index)
  for (let pair: u32 = 0; pair < <u32>MAX_QUEUE_PAIRS; pair++) publishHeld(vringAt(port, pair * 2))
}

/** Asks a vif's guest for kicks. Returns 1 when work has come meanwhile, so that the engine must not sleep. */
export function armPort(index: u32): u32 {
  const port = portAt(index)
  const flags = load<u32>(port, P_FLAGS)
  if ((flags & PORT_VIF) === 0 || flags & PORT_BROKEN) return 0
  let work: u32 = 0
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  const shutFrom = isShut(port, BUCKET_FROM)
  const shutTo = isShut(port, BUCKET_TO)
  for (let queue: u32 = 0; queue < pairs * 2; queue++) {
    const v = vringAt(port, queue)
    const isTransmit = (queue & 1) === 1
    if (isTransmit ? shutFrom : shutTo) continue
    if (load<u32>(v, V_FLAGS) & VRING_READY && (isTransmit || (hasBacklog(v) && isLive(v)))) {
      if (arm(v) && (isTransmit || backlogFits(v))) work = 1
    }
  }
  return work
}

/**
 * Reminds a vif's guest of a call that it has not answered. Lowers G_REMIND_US to the microseconds until it may be reminded.
 */
export function remindPort(index: u32): void {
  const port = portAt(index)
  if ((load<u32>(port, P_FLAGS) & PORT_VIF) === 0) return
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  for (let pair: u32 = 0; pair < pairs; pair++) {
    const v = vringAt(port, pair * 2)
    if (!isLive(v)) continue
    const left = remind(v)
    if (left < load<f64>(GLOBALS_AT, G_REMIND_US)) store<f64>(GLOBALS_AT, left, G_REMIND_US)
  }
}

/** A guest that posts buffers one by one must not keep the engine awake: half a ring of them is progress. */
function backlogFits(v: usize): boolean {
  return waiting(v) > 0
}

/** Lets a vif's guest be silent: the engine polls. */
export function disarmPort(index: u32): void {
  const port = portAt(index)
  if ((load<u32>(port, P_FLAGS) & PORT_VIF) === 0) return
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  for (let queue: u32 = 0; queue < pairs * 2; queue++) {
    const v = vringAt(port, queue)
    if (load<u32>(v, V_FLAGS) & VRING_READY) disarm(v)
  }
}

export function countKick(index: u32): void {
  count(portAt(index), C_KICKS)
}

// ---- the control queue: the engine interprets its commands ----

/**
 * Takes the next control chain; its segments lie at SEGS_AT.
 * Returns 0 when there is none, else its head + 1 in the low 16 bits, readable segments in bits 16 to 23 and
 * all segments above; -1 when it must wait for guest memory; -2 when a malformed one was dropped.
 */
export function takeControl(index: u32): i32 {
  const port = portAt(index)
  const v = vringAt(port, CONTROL_VRING)
  const available = waiting(v)
  if (available === 0) return 0
  if (available < 0) {
    breakPort(port, BROKEN_AVAIL_INDEX, v)
    return 0
  }
  const head = headAt(v, 0)
  if (head >= load<u32>(v, V_SIZE)) {
    breakPort(port, BROKEN_HEAD, v)
    return 0
  }
  const found = walk(v, port, head, CONTROL, SEGS_AT, 0, 0xffffffff)
  if (found === MISS) return -1
  if (isBad(found) || found > 127 || chainReadable() === 0 || chainReadable() === found) {
    drop(port, DROP_BAD_CHAIN)
    take(v, 1)
    complete(v, head, 0)
    publish(v)
    return -2
  }
  return <i32>(head + 1) | (chainReadable() << 16) | (found << 24)
}

/** Completes the control chain that takeControl() returned. */
export function completeControl(index: u32, head: u32, bytes: u32): void {
  const v = vringAt(portAt(index), CONTROL_VRING)
  take(v, 1)
  complete(v, head, bytes)
  publish(v)
}

/** Asks for kicks of the control queue. Returns 1 when a command waits. */
export function armControl(index: u32): u32 {
  return arm(vringAt(portAt(index), CONTROL_VRING)) ? 1 : 0
}

function drainAway(port: usize, ring: usize): void {
  if (ring === 0) return
  while (ringFirst(ring) !== 0) {
    ringPop(ring)
    drop(port, DROP_DETACHED)
  }
}

/** Empties the byte ring or the backlogs of a port that went away, counting their frames. */
export function dropBacklog(index: u32): void {
  const port = portAt(index)
  drainAway(port, load<u32>(port, P_RING))
  drainAway(port, load<u32>(port, P_FROM_RING))
  for (let pair: u32 = 1; pair < <u32>MAX_QUEUE_PAIRS; pair++)
    drainAway(port, load<u32>(vringAt(port, pair * 2), V_BACKLOG))
}

/** Hands what waits for the queue pairs from `pairs` on to those before them: they go out of use. */
export function moveBacklog(index: u32, pairs: u32): void {
  const port = portAt(index)
  for (let pair = pairs; pair < <u32>MAX_QUEUE_PAIRS; pair++)
    moveBacklogOf(vringAt(port, pair * 2), port, pairs)
}

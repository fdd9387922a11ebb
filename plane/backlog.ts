// The backlog of a receive ring: frames that found no buffers, or must wait for tokens, in a byte ring (byte-ring.ts) of
// the plane's own memory. It is bounded, moved into the ring when there are buffers again, and emptied when its port goes.
import { chargeTo, dropLate, isMetered, mayGo } from './bridge/shaper'
import { ringFirst, ringPop, ringReserve } from './byte-ring'
import { dropQueued } from './capture/frames'
import { drop } from './counters'
import { deliver } from './egress'
import { out } from './frame/record'
import { endFull } from './hold'
import {
  BUCKET_TO,
  DROP_BUFFER_TOO_SMALL,
  DROP_DETACHED,
  DROP_NO_LINK,
  DROP_RING_FULL,
  G_CALL_NOW,
  G_NOW_US,
  G_QUEUE_US,
  GLOBALS_AT,
  MAX_MERGE_HEAD,
  MAX_QUEUE_PAIRS,
  P_FROM_RING,
  P_RING,
  R_COUNT,
  RECORD_ARRIVAL,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  RECORD_HASH,
  RECORD_NET_HEADER,
  V_BACKLOG,
} from './layout'
import { CSUM_OFFSET } from './packet/net-header'
import { indexOf, setBusy, vringAt } from './port'
import { NO_BUFFERS, TOO_SMALL } from './ring/buffers'
import { isLive, waiting } from './ring/door'
import { isSpent, spendFrame } from './work'

/**
 * A frame that has waited this long while its guest has buffers will never fit: all of them together are too small
 * (descriptors spent on many small buffers). It must not keep the others waiting for ever.
 */
const STUCK_US: f64 = 1e6

/** Whether frames wait for buffers of a receive ring. */
export function hasBacklog(v: usize): boolean {
  const ring: usize = load<u32>(v, V_BACKLOG)
  return ring !== 0 && load<u32>(ring, R_COUNT) !== 0
}

/** Makes Out of a record of a backlog. */
function takeRecord(record: usize): void {
  const bytes = load<u32>(record, RECORD_FRAME_BYTES)
  const have = min<u32>(bytes, MAX_MERGE_HEAD)
  out.head = record + RECORD_FRAME
  out.headBytes = have
  out.bytes = bytes
  out.netHeader = load<u64>(record + RECORD_NET_HEADER)
  out.csumOffset = load<u16>(record + RECORD_NET_HEADER, CSUM_OFFSET)
  out.bodyAt = out.head + have
}

/** Moves the frames that wait for a receive ring into it, as far as it has buffers. Returns the frames moved. */
export function drainBacklog(v: usize, port: usize, limit: u32): u32 {
  const ring: usize = load<u32>(v, V_BACKLOG)
  const metered = isMetered(port)
  if (metered) dropLate(port, ring)
  let moved: u32 = 0
  while (moved < limit) {
    const record = ringFirst(ring)
    if (record === 0) break
    if (metered && !mayGo(port, BUCKET_TO)) break
    if (moved === 0)
      store<f64>(GLOBALS_AT, load<f64>(GLOBALS_AT, G_NOW_US) - load<f64>(record, RECORD_ARRIVAL), G_QUEUE_US)
    if (!isLive(v)) {
      dropQueued(port, DROP_NO_LINK, record)
      ringPop(ring)
      continue
    }
    takeRecord(record)
    spendFrame(out.bytes)
    const result = deliver(v, port)
    if (result === TOO_SMALL) dropQueued(port, DROP_BUFFER_TOO_SMALL, record)
    else if (result <= 0) {
      endFull(v)
      const ageUs = load<f64>(GLOBALS_AT, G_NOW_US) - load<f64>(record, RECORD_ARRIVAL)
      if (result !== NO_BUFFERS || ageUs < STUCK_US || waiting(v) <= 0) break
      dropQueued(port, DROP_BUFFER_TOO_SMALL, record)
    } else if (metered) chargeTo(port, out.netHeader, out.head, out.bytes)
    ringPop(ring)
    moved++
    if (load<u32>(GLOBALS_AT, G_CALL_NOW) || isSpent()) break
  }
  return moved
}

/** Hands what waits for the queue pairs from `pairs` on to those before them: they go out of use. */
export function moveBacklogs(port: usize, pairs: u32): void {
  setBusy(indexOf(port), true)
  for (let pair = pairs; pair < <u32>MAX_QUEUE_PAIRS; pair++)
    moveBacklog(vringAt(port, pair * 2), port, pairs)
}

/**
 * Hands the frames that wait for a receive ring to the rings of the first `pairs` queue pairs, behind what waits
 * there: the guest no longer polls this one.
 */
function moveBacklog(v: usize, port: usize, pairs: u32): void {
  const ring: usize = load<u32>(v, V_BACKLOG)
  if (ring === 0) return
  for (let record = ringFirst(ring); record !== 0; record = ringFirst(ring)) {
    const pair = load<u32>(record, RECORD_HASH) % pairs
    const bytes = load<u32>(record, RECORD_FRAME_BYTES)
    const other: usize = load<u32>(vringAt(port, pair * 2), V_BACKLOG)
    const copied = other === 0 ? <usize>0 : ringReserve(other, bytes)
    if (copied === 0) dropQueued(port, DROP_RING_FULL, record)
    else memory.copy(copied + RECORD_ARRIVAL, record + RECORD_ARRIVAL, RECORD_FRAME - RECORD_ARRIVAL + bytes)
    ringPop(ring)
  }
}

/** Empties a byte ring, counting its frames. */
function drainAway(port: usize, ring: usize): void {
  if (ring === 0) return
  while (ringFirst(ring) !== 0) {
    ringPop(ring)
    drop(port, DROP_DETACHED)
  }
}

/** Empties all byte rings of a port that went away. */
export function dropBacklogs(port: usize): void {
  drainAway(port, load<u32>(port, P_RING))
  drainAway(port, load<u32>(port, P_FROM_RING))
  for (let pair: u32 = 1; pair < <u32>MAX_QUEUE_PAIRS; pair++)
    drainAway(port, load<u32>(vringAt(port, pair * 2), V_BACKLOG))
}

// Delivery of the frame at hand, shaped as Out (frame/record.ts), to one port: straight into the receiver's ring (one
// copy), into the byte ring of a host port, or into the backlog (backlog.ts) of a ring whose guest has no buffers. A full
// receiver never holds up the sender: beyond the backlog its frames are dropped and counted. A frame that continues an
// open aggregate takes no buffers of its own: it is appended (merge/append.ts).

import { chargeTo, mayGo } from './bridge/shaper'
import { ringReserve } from './byte-ring'
import { captureLeaving, dropOut } from './capture/frames'
import { count } from './counters'
import { putBody } from './frame/body'
import { frame, out } from './frame/record'
import { pass, seekPiece, target, write } from './frame/segments'
import { endFull, holds, note, watchesUrgency } from './hold'
import {
  BUCKET_TO,
  C_BACKLOGGED,
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  C_EGRESS_GSO_FRAMES,
  DROP_BUFFER_TOO_SMALL,
  DROP_COSTLY,
  DROP_NO_LINK,
  DROP_RATE,
  DROP_RING_FULL,
  OUT_NET_HEADER_AT,
  P_FLAGS,
  P_QUEUE_PAIRS,
  P_RING,
  PORT_METERED,
  PORT_VRINGS,
  R_COUNT,
  RECORD_FRAME,
  RECORD_HASH,
  RECORD_NET_HEADER,
  RX_SEGS_AT,
  V_BACKLOG,
  V_HEADER_BYTES,
  V_LISTED,
} from './layout'
import { follow, followRecord, isOpening, openAggregate, openRecord, readForMerge } from './merge/append'
import { CSUM_OFFSET, GSO_NONE, gsoTypeOf, ONE_BUFFER, storeNetHeader } from './packet/net-header'
import { isTcp, isUrgent } from './packet/urgent'
import { indexOf, setBusy, vringAt } from './port'
import {
  BROKEN,
  completeReserved,
  NO_BUFFERS,
  openBuffers,
  reserve,
  reservedBytes,
  reservedHead,
  TOO_SMALL,
} from './ring/buffers'
import { renotify } from './ring/calls'
import { isLive, take } from './ring/door'
import { logs, markSegments } from './ring/log'
import { listChain } from './ring/used-list'
import { isOverdrawn, spendFrame } from './work'

const SCRATCH_HEADER: usize = OUT_NET_HEADER_AT

/** Reserves buffers and writes the virtio-net header. Returns as reserve(). */
function openRx(v: usize, opening: bool): i32 {
  const headerBytes = load<u32>(v, V_HEADER_BYTES)
  const chains = reserve(v, headerBytes + out.bytes, 0, opening)
  if (chains <= 0) return chains
  openBuffers()
  if (target.left >= headerBytes) {
    storeNetHeader(target.at, headerBytes, out.netHeader, out.csumOffset, chains)
    pass(target, headerBytes)
  } else {
    storeNetHeader(SCRATCH_HEADER, headerBytes, out.netHeader, out.csumOffset, chains)
    write(target, SCRATCH_HEADER, headerBytes)
  }
  return chains
}

/** Completes the reserved chains, or lists them while an aggregate is open. */
function closeRx(v: usize, chains: i32, opening: bool): void {
  if (load<u32>(v, V_LISTED) === 0 && !opening) {
    completeReserved(v, chains)
    return
  }
  for (let i = 0; i < chains; i++) listChain(v, 0, reservedHead(i), reservedBytes(i))
  take(v, chains)
}

/** Counts a frame that was written for a receiver. One that joined another makes no GSO frame of its own. */
function countTo(port: usize, isJoined: boolean): void {
  count(port, C_EGRESS_FRAMES)
  count(port, C_EGRESS_BYTES, out.bytes)
  if (!isJoined && gsoTypeOf(out.netHeader) !== GSO_NONE) count(port, C_EGRESS_GSO_FRAMES)
}

/**
 * Writes Out into a receive ring.
 * @returns above 0 when it is there, or why not, as reserve()
 */
export function deliver(v: usize, port: usize): i32 {
  const urgent = watchesUrgency(port) && isUrgent(out.head, out.headBytes, out.bytes)
  let opening = false
  if (readForMerge(v, port)) {
    if (follow(v, port)) {
      captureLeaving(port, v, true)
      countTo(port, true)
      note(v, 1, out.bytes, urgent)
      return 1
    }
    opening = isOpening(port)
  }
  const chains = openRx(v, opening)
  if (chains <= 0) return chains
  write(target, out.head, out.headBytes)
  putBody()
  if (logs(v)) markSegments(v, RX_SEGS_AT, load<u32>(v, V_HEADER_BYTES) + out.bytes)
  opening = openAggregate(v, chains, opening)
  closeRx(v, chains, opening)
  captureLeaving(port, v, false)
  countTo(port, false)
  note(v, 1, out.bytes, urgent)
  return chains
}

/** Writes Out as a record of a byte ring. Returns where it lies, or 0 when there is no room. */
function queue(ring: usize): usize {
  const record = ringReserve(ring, out.bytes)
  if (record === 0) return 0
  store<u64>(record + RECORD_NET_HEADER, out.netHeader)
  store<u32>(record + RECORD_NET_HEADER, out.csumOffset | ONE_BUFFER, CSUM_OFFSET)
  store<u32>(record, out.hash, RECORD_HASH)
  seekPiece(target, record + RECORD_FRAME, out.bytes)
  write(target, out.head, out.headBytes)
  putBody()
  return record
}

/**
 * Whether Out, which could not be delivered into a receive ring for a reason of deliver(), waits in its backlog;
 * otherwise it is dropped and counted.
 */
function mayWait(v: usize, port: usize, reason: i32): boolean {
  if (reason === BROKEN) return false
  if (reason === TOO_SMALL) {
    dropOut(port, DROP_BUFFER_TOO_SMALL)
    return false
  }
  const isDropped = reason === NO_BUFFERS && frame.needs === 0 && !isTcp(out.head, out.headBytes)
  // A smaller frame of this burst may still fit; without a hold the end of the burst publishes anyway.
  if (!isDropped || holds(port)) endFull(v)
  else renotify(v)
  if (isDropped) dropOut(port, DROP_RING_FULL)
  return !isDropped
}

/** Delivers Out to a host port: behind the newest record of its output, or as one. */
function emitToHost(port: usize, metered: boolean): void {
  const ring: usize = load<u32>(port, P_RING)
  if (followRecord(port, ring)) {
    captureLeaving(port, 0, true)
    countTo(port, true)
    return
  }
  const record = queue(ring)
  if (record === 0) {
    dropOut(port, metered ? DROP_RATE : DROP_RING_FULL)
    return
  }
  openRecord(port, record)
  captureLeaving(port, 0, false)
  countTo(port, false)
}

/**
 * Delivers Out, whose body lies in the frame at hand, to one port. To one with vrings: into the receive ring of a queue
 * pair, or behind what waits for its buffers.
 */
export function emit(port: usize): void {
  if (isOverdrawn()) {
    dropOut(port, DROP_COSTLY)
    return
  }
  spendFrame(out.bytes)
  out.bodyAt = 0
  const flags = load<u32>(port, P_FLAGS)
  const metered = (flags & PORT_METERED) !== 0
  if ((flags & PORT_VRINGS) === 0) {
    emitToHost(port, metered)
    return
  }
  const pairs = load<u32>(port, P_QUEUE_PAIRS)
  const pair = pairs > 1 ? out.hash % pairs : 0
  const v = vringAt(port, pair * 2)
  if (!isLive(v)) {
    dropOut(port, DROP_NO_LINK)
    return
  }
  const ring: usize = load<u32>(v, V_BACKLOG)
  if (load<u32>(ring, R_COUNT) === 0 && (!metered || mayGo(port, BUCKET_TO))) {
    const result = deliver(v, port)
    if (result > 0) {
      if (metered) chargeTo(port, out.netHeader, out.head, out.bytes)
      return
    }
    if (!mayWait(v, port, result)) return
  }
  count(port, C_BACKLOGGED)
  setBusy(indexOf(port), true)
  if (queue(ring) === 0) dropOut(port, metered ? DROP_RATE : DROP_RING_FULL)
}

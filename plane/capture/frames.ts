// Copies of frames into the capture ring of a port: as they enter it, as they leave by it, and those that were dropped,
// with the reason. Everything here is the slow path's: the fast path steps aside for a port that is captured (PORT_WATCHED).
// No decision rests on a copy, so that what a guest can write may be read once more for it.
import { copy } from '../copy'
import { drop } from '../counters'
import { readFrame } from '../frame/body'
import { frame, out } from '../frame/record'
import {
  CAPTURED_EGRESS,
  CAPTURED_JOINED,
  CAPTURED_OPEN,
  HEAD_AT,
  KR_CSUM_OFFSET,
  KR_DROP,
  KR_FRAME,
  KR_HAS_BYTES,
  KR_NET_HEADER,
  KR_VRING,
  MAX_FRAME_BYTES,
  MIN_FRAME_BYTES,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  RECORD_HASH,
  RECORD_NET_HEADER,
} from '../layout'
import { CSUM_OFFSET } from '../packet/net-header'
import { beginEntering, beginRecord, captureOf, endEntering, noteDrop, showRecords } from './ring'

/** Writes the frame at hand as it came, and its virtio-net header. @param head whether its head was copied */
function putFrame(record: usize, head: bool): void {
  const has = load<u32>(record, KR_HAS_BYTES)
  const own = head ? min(has, frame.headBytes) : 0
  copy(record + KR_FRAME, HEAD_AT, own)
  readFrame(record + KR_FRAME + own, own, has - own)
  if (!head) return
  store<u64>(record, frame.netHeader, KR_NET_HEADER)
  store<u32>(record, frame.csumOffset, KR_CSUM_OFFSET)
}

/** Writes Out and its virtio-net header. */
function putOut(record: usize): void {
  const has = load<u32>(record, KR_HAS_BYTES)
  const own = min(has, out.headBytes)
  const to = record + KR_FRAME
  copy(to, out.head, own)
  if (out.bodyAt !== 0) copy(to + own, out.bodyAt, has - own)
  else readFrame(to + own, out.bodyFrom, has - own)
  store<u64>(record, out.netHeader, KR_NET_HEADER)
  store<u32>(record, out.csumOffset, KR_CSUM_OFFSET)
}

/** The frame at hand enters by a port; endFrame() must follow. */
export function captureEntering(port: usize): void {
  const ring = captureOf(port)
  if (ring === 0) return
  const record = beginRecord(ring, CAPTURED_OPEN, frame.bytes)
  beginEntering(port, record)
  if (record !== 0) putFrame(record, true)
}

/** What became of the frame that entered by a port is known. */
export function endFrame(port: usize): void {
  if (captureOf(port) !== 0) endEntering(port)
}

/**
 * Out was written for the receiver behind a port. @param v the receive ring, or 0: it is not held
 * @param isJoined whether it is part of the frame before it now
 */
export function captureLeaving(port: usize, v: usize, isJoined: bool): void {
  const ring = captureOf(port)
  if (ring === 0) return
  const flags = CAPTURED_EGRESS | (v !== 0 ? CAPTURED_OPEN : 0) | (isJoined ? CAPTURED_JOINED : 0)
  const record = beginRecord(ring, flags, out.bytes)
  if (record === 0) return
  putOut(record)
  if (v !== 0) store<u32>(record, <u32>v, KR_VRING)
  else showRecords(ring)
}

// ---- drops: each is counted, and captured with its reason ----

/** Drops the frame at hand on account of the port by which it entered. */
export function dropEntering(port: usize, reason: u32): void {
  drop(port, reason)
  noteDrop(port, reason)
}

/** A record of a frame that a port drops, to be filled; 0: nobody captures, or no room. */
function beginDropped(port: usize, reason: u32, flags: u32, bytes: u32): usize {
  const ring = captureOf(port)
  const record = ring === 0 ? <usize>0 : beginRecord(ring, flags, bytes)
  if (record !== 0) store<u32>(record, reason + 1, KR_DROP)
  return record
}

/** Drops the frame at hand, as it came, on account of a port that it was for. */
export function dropLeaving(port: usize, reason: u32): void {
  drop(port, reason)
  const record = beginDropped(port, reason, CAPTURED_EGRESS, frame.bytes)
  if (record === 0) return
  putFrame(record, true)
  showRecords(captureOf(port))
}

/** Drops Out on account of the port that it was for. */
export function dropOut(port: usize, reason: u32): void {
  drop(port, reason)
  const record = beginDropped(port, reason, CAPTURED_EGRESS, out.bytes)
  if (record === 0) return
  putOut(record)
  showRecords(captureOf(port))
}

/** Writes a dropped frame that lies in one piece, and its virtio-net header, and shows it. */
function putFlat(port: usize, record: usize, header: usize, at: usize): void {
  if (record === 0) return
  copy(record + KR_FRAME, at, load<u32>(record, KR_HAS_BYTES))
  store<u64>(record, load<u64>(header), KR_NET_HEADER)
  store<u32>(record, load<u16>(header, CSUM_OFFSET), KR_CSUM_OFFSET)
  showRecords(captureOf(port))
}

/** Drops what a port sent before it is opened: header and frame lie in one piece. */
export function dropFlat(port: usize, reason: u32, at: usize, bytes: u32, header: u32): void {
  drop(port, reason)
  putFlat(port, beginDropped(port, reason, 0, bytes - header), at, at + header)
}

/** Drops a record of a byte ring that was for a port. */
export function dropQueued(port: usize, reason: u32, record: usize): void {
  drop(port, reason)
  const copied = beginDropped(port, reason, CAPTURED_EGRESS, load<u32>(record, RECORD_FRAME_BYTES))
  putFlat(port, copied, record + RECORD_NET_HEADER, record + RECORD_FRAME)
}

/** Drops a record of P_FROM_RING: it came from the port. */
export function dropWaiting(port: usize, reason: u32, record: usize): void {
  const header = load<u32>(record, RECORD_HASH)
  const bytes = load<u32>(record, RECORD_FRAME_BYTES)
  dropFlat(port, reason, record + RECORD_FRAME - header, header + bytes, header)
}

/**
 * Drops what a port sent and could not be opened: its bytes are captured where they are known to be a frame's.
 * @param bytes of virtio-net header and frame, 0: unknown; @param isWalked whether the frame lies in `frame.pieces`
 */
export function dropUnopened(port: usize, reason: u32, bytes: u32, header: u32, isWalked: bool): void {
  drop(port, reason)
  const own = bytes > header ? bytes - header : 0
  const isWhole = isWalked && own >= <u32>MIN_FRAME_BYTES && own <= <u32>MAX_FRAME_BYTES
  const record = beginDropped(port, reason, 0, own)
  if (record === 0) return
  if (isWhole) putFrame(record, false)
  else store<u32>(record, 0, KR_HAS_BYTES)
  showRecords(captureOf(port))
}

// Opens a frame: its virtio-net header is taken off and checked against what was negotiated, its headers are copied.
// Guest memory is read once for every decision: what the bridge decides on is what leaves, because the head of a
// delivered frame is written from the private copy, only the rest from the source.

import { copy } from '../copy'
import {
  DROP_BAD_GSO,
  DROP_BAD_NET_HEADER,
  DROP_NOT_NEGOTIATED,
  DROP_RUNT,
  DROP_TOO_LONG,
  HEAD_AT,
  MAX_FRAME_BYTES,
  MAX_HEAD_BYTES,
  MIN_FRAME_BYTES,
  P_MAX_FRAME,
  P_SENDS,
  SEGS_AT,
  TAKE_USO4,
  TAKE_USO6,
} from '../layout'
import { isExtension } from '../packet/extensions'
import {
  CSUM_OFFSET,
  csumStartOf,
  DATA_VALID,
  FOREIGN_FLAGS,
  GSO_NONE,
  gsoTypeOf,
  NEEDS_CSUM,
  OFFLOAD_MASK,
  offloadsAsked,
} from '../packet/net-header'
import { ETH_IPV6, IPV6_BYTES, IPV6_NEXT, MACS_BYTES, TAG_BYTES } from '../packet/packet'
import { isTag, networkOffset } from '../packet/tags'
import { isGuest } from '../port'
import { readFrame } from './body'
import { checkGso } from './gso'
import { frame } from './record'
import { setSegment, startOf, strip } from './segments'

/** Head bytes copied of a plain frame: a tag, IPv6 and TCP with timestamps. Extension headers: MAX_HEAD_BYTES. */
export const PLAIN_HEAD_BYTES: u32 = 96

/**
 * Opens the frame whose segments lie at SEGS_AT, virtio-net header first.
 * @param port the sender's
 * @param bytes all bytes of the segments
 * @param header bytes of the virtio-net header, 10 or 12
 * @returns -1, or the reason (DROP_*) why the frame cannot be forwarded
 */
export function openFrame(port: usize, bytes: u32, header: u32): i32 {
  if (bytes < header + MIN_FRAME_BYTES) return DROP_RUNT
  if (bytes > header + MAX_FRAME_BYTES) return DROP_TOO_LONG
  frame.pieces = SEGS_AT
  frame.bytes = bytes - header
  takeNetHeader(port, header)
  frame.needs = 0
  frame.isHashed = false
  const isPlain = (<u32>frame.netHeader & OFFLOAD_MASK) === 0
  if (!isPlain) {
    const reason = checkOffloads(port)
    if (reason >= 0) return reason
  }
  copyHead(isPlain ? PLAIN_HEAD_BYTES : <u32>MAX_HEAD_BYTES)
  frame.wireBytes = frame.bytes
  frame.wireFrames = 1
  if (!isPlain) {
    const reason = checkPacket()
    if (reason >= 0) return reason
  }
  return isTooLong(port, HEAD_AT, frame.wireBytes) ? DROP_TOO_LONG : -1
}

/** Opens a frame that lies in one piece behind its virtio-net header, for example read from a TAP. */
export function openFlat(port: usize, at: usize, bytes: u32, header: u32): i32 {
  setSegment(SEGS_AT, at, bytes)
  return openFrame(port, bytes, header)
}

/** Reads the virtio-net header and takes it off the segments. */
function takeNetHeader(port: usize, header: u32): void {
  let at = startOf(SEGS_AT, header)
  if (at === 0) {
    at = HEAD_AT
    readFrame(at, 0, header)
  }
  const netHeader = load<u64>(at)
  frame.netHeader = <u32>netHeader & FOREIGN_FLAGS ? netHeader & ~(<u64>foreignFlags(port)) : netHeader
  frame.csumOffset = load<u16>(at, CSUM_OFFSET)
  frame.pieces = strip(SEGS_AT, header)
}

/**
 * Flags that must not be passed on: unknown ones, and that a checksum was found right, which the kernel behind
 * a host port may say and a guest may not. Source: virtio 1.3, 5.1.6.2.1 and 5.1.6.4.1.
 */
function foreignFlags(port: usize): u32 {
  return isGuest(port) ? FOREIGN_FLAGS : FOREIGN_FLAGS & ~DATA_VALID
}

/** Copies the headers: all of the frame, `limit` bytes at most. */
function copyHead(limit: u32): void {
  const bytes = frame.bytes < limit ? frame.bytes : limit
  frame.headBytes = bytes
  const at = startOf(frame.pieces, bytes)
  if (at !== 0) copy(HEAD_AT, at, bytes)
  else readFrame(HEAD_AT, 0, bytes)
  frame.network = networkOffset(HEAD_AT, bytes)
  frame.etherType = load<u16>(<usize>HEAD_AT + frame.network - 2)
  if (frame.etherType === ETH_IPV6 && frame.network + IPV6_BYTES <= bytes) {
    if (isExtension(load<u8>(<usize>HEAD_AT + frame.network, IPV6_NEXT))) extendHead()
  }
}

/** Copies more of the frame into its head, up to MAX_HEAD_BYTES: for decisions that need more of it. */
export function extendHead(): void {
  const have = frame.headBytes
  const limit = frame.bytes < <u32>MAX_HEAD_BYTES ? frame.bytes : <u32>MAX_HEAD_BYTES
  if (have >= limit) return
  readFrame(<usize>HEAD_AT + have, have, limit - have)
  frame.headBytes = limit
}

/** Checks what the virtio-net header asks for against what was negotiated and the length of the frame. */
function checkOffloads(port: usize): i32 {
  const header = frame.netHeader
  const asked = offloadsAsked(header)
  if (asked < 0) return DROP_BAD_GSO
  const sends = load<u32>(port, P_SENDS)
  const allowed = sends & TAKE_USO4 ? sends | TAKE_USO6 : sends
  if (<u32>asked & ~allowed) return DROP_NOT_NEGOTIATED
  if (<u32>header & NEEDS_CSUM) {
    if (csumStartOf(header) + frame.csumOffset + 2 > frame.bytes) return DROP_BAD_NET_HEADER
  } else if (gsoTypeOf(header) !== GSO_NONE) return DROP_BAD_GSO
  frame.needs = asked
  return -1
}

/** Checks what the virtio-net header asks for against the packet, whose head was copied. */
function checkPacket(): i32 {
  if (csumStartOf(frame.netHeader) < frame.network) return DROP_BAD_NET_HEADER
  return gsoTypeOf(frame.netHeader) === GSO_NONE || checkGso() ? -1 : DROP_BAD_GSO
}

/** Whether a frame of so many bytes that begins at `head` is longer than a port's MTU allows; one tag is free. */
export function isTooLong(port: usize, head: usize, bytes: u32): boolean {
  const limit = load<u32>(port, P_MAX_FRAME)
  return bytes > limit && (bytes > limit + TAG_BYTES || !isTag(load<u16>(head, MACS_BYTES)))
}

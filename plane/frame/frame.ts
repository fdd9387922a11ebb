// The frame being forwarded: where its bytes lie, a private copy of its headers, and what its virtio-net
// header says. Guest memory is read once for every decision: what the bridge decides on is what leaves,
// because the head of a delivered frame is written from the private copy, only the rest from the source.
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
  P_FLAGS,
  P_MAX_FRAME,
  P_SENDS,
  PORT_VIF,
  SEGS_AT,
  TAKE_USO4,
  TAKE_USO6,
} from '../layout'
import {
  CSUM_OFFSET,
  csumStartOf,
  DATA_VALID,
  FOREIGN_FLAGS,
  GSO_NONE,
  GSO_UDP_L4,
  gsoSizeOf,
  gsoTypeOf,
  NEEDS_CSUM,
  OFFLOAD_MASK,
  offloadsAsked,
} from '../packet/net-header'
import { ETH_IPV6, MACS_BYTES, TAG_BYTES } from '../packet/packet'
import { isTag, networkOffset } from '../packet/tags'
import { spend } from '../work'
import { gsoHeaders, gsoSegments, openGso } from './gso'
import { read, seek, source, strip, sum, target, transfer } from './segments'

/** Head bytes copied of a plain frame: a tag, IPv6 and TCP with timestamps. */
const PLAIN_HEAD_BYTES: u32 = 96

let length: u32 = 0
let segs: usize = SEGS_AT
let head: u32 = 0
let netHeader: u64 = 0
let netOffset: u32 = 0
let need: u32 = 0
let longest: u32 = 0
let segments: u32 = 1

export function frameBytes(): u32 {
  return length
}
export function headBytes(): u32 {
  return head
}
/** flags, gso_type, hdr_len, gso_size, csum_start as they lie in the header. */
export function frameNetHeader(): u64 {
  return netHeader
}
export function csumOffset(): u32 {
  return netOffset
}
export function needsCsum(): boolean {
  return (<u32>netHeader & NEEDS_CSUM) !== 0
}
export function gsoType(): u32 {
  return gsoTypeOf(netHeader)
}
export function gsoSize(): u32 {
  return gsoSizeOf(netHeader)
}
export function csumStart(): u32 {
  return csumStartOf(netHeader)
}
/** Offloads (TAKE_*) that a receiver must accept to get the frame as it is. */
export function needs(): u32 {
  return need
}

/** Bytes of the longest frame that the open frame is on the wire: its own, or its segments'. */
export function wireBytes(): u32 {
  return longest
}
/** Frames that the open frame is on the wire. */
export function frameSegments(): u32 {
  return segments
}

/**
 * Opens the frame whose `count` segments lie at SEGS_AT, virtio-net header first.
 * @param bytes all bytes of the chain
 * @param header bytes of the virtio-net header, 10 or 12
 * @param port the sender's port
 * @returns -1, or the reason (DROP_*) why the frame cannot be forwarded
 */
export function openFrame(bytes: u32, header: u32, port: usize): i32 {
  if (bytes < header + MIN_FRAME_BYTES) return DROP_RUNT
  if (bytes > header + MAX_FRAME_BYTES) return DROP_TOO_LONG
  length = bytes - header
  segs = SEGS_AT
  const first = load<u32>(segs, 4)
  if (first >= header) {
    const at: usize = load<u32>(segs)
    netHeader = load<u64>(at)
    netOffset = load<u16>(at, CSUM_OFFSET)
  } else {
    readFrame(HEAD_AT, 0, header)
    netHeader = load<u64>(HEAD_AT)
    netOffset = load<u16>(HEAD_AT, CSUM_OFFSET)
  }
  if (<u32>netHeader & FOREIGN_FLAGS) netHeader &= ~(<u64>foreignFlags(port))
  segs = strip(segs, header)
  need = 0
  let limit = PLAIN_HEAD_BYTES
  if (<u32>netHeader & OFFLOAD_MASK) {
    const reason = checkOffloads(port)
    if (reason >= 0) return reason
    limit = MAX_HEAD_BYTES
  }
  head = length < limit ? length : limit
  if (load<u32>(segs, 4) >= head) copy(HEAD_AT, load<u32>(segs), head)
  else readFrame(HEAD_AT, 0, head)
  longest = length
  segments = 1
  if (need !== 0) {
    const reason = checkPacket()
    if (reason >= 0) return reason
  }
  return isTooLong(port, HEAD_AT, longest) ? DROP_TOO_LONG : -1
}

/** Whether a frame of so many bytes that begins at `head` is longer than a port's MTU allows; one tag is free. */
export function isTooLong(port: usize, head: usize, bytes: u32): boolean {
  const limit = load<u32>(port, P_MAX_FRAME)
  return bytes > limit && (bytes > limit + TAG_BYTES || !isTag(load<u16>(head, MACS_BYTES)))
}

/**
 * Flags that must not be passed on: unknown ones, and that a checksum was found right, which the kernel behind
 * a host port may say and a guest may not. Source: virtio 1.3, 5.1.6.2.1 and 5.1.6.4.1.
 */
function foreignFlags(port: usize): u32 {
  return load<u32>(port, P_FLAGS) & PORT_VIF ? FOREIGN_FLAGS : FOREIGN_FLAGS & ~DATA_VALID
}

/** Copies more of the frame into its head, up to MAX_HEAD_BYTES: for decisions that look further. */
export function extendHead(): void {
  const limit = length < <u32>MAX_HEAD_BYTES ? length : <u32>MAX_HEAD_BYTES
  if (head >= limit) return
  readFrame(<usize>HEAD_AT + head, head, limit - head)
  head = limit
}

/** Checks what the header asks for against what was negotiated and the length of the frame. */
function checkOffloads(port: usize): i32 {
  const asked = offloadsAsked(netHeader)
  if (asked < 0) return DROP_BAD_GSO
  const sends = load<u32>(port, P_SENDS)
  const allowed = sends & TAKE_USO4 ? sends | TAKE_USO6 : sends
  if (<u32>asked & ~allowed) return DROP_NOT_NEGOTIATED
  if (needsCsum()) {
    if (csumStart() + netOffset + 2 > length) return DROP_BAD_NET_HEADER
  } else if (gsoType() !== GSO_NONE) return DROP_BAD_GSO
  need = asked
  return -1
}

/** Checks what the header asks for against the packet, whose head was copied. */
function checkPacket(): i32 {
  if (csumStart() < networkOffset(HEAD_AT, head)) return DROP_BAD_NET_HEADER
  const type = gsoType()
  if (type === GSO_NONE) return -1
  if (!openGso(head, length, type, gsoSize(), csumStart(), netOffset)) return DROP_BAD_GSO
  segments = gsoSegments
  if (segments > 1) longest = gsoHeaders + gsoSize()
  if (type === GSO_UDP_L4 && etherType() === ETH_IPV6) need = (need & ~TAKE_USO4) | TAKE_USO6
  return -1
}

/** EtherType behind the VLAN tags, in memory order. */
export function etherType(): u32 {
  return load<u16>(HEAD_AT + networkOffset(HEAD_AT, head) - 2)
}

/** Places the source cursor before a byte of the frame. */
function seekSource(position: u32): void {
  const passed = seek(source, segs, position)
  if (passed > 0) spend(passed)
}

/** Copies n bytes of the frame from a position. */
export function readFrame(to: usize, position: u32, n: u32): void {
  if (n === 0) return
  seekSource(position)
  read(source, to, n)
}

/** Appends n bytes of the frame from a position to what is being written. */
export function putFrame(position: u32, n: u32): void {
  if (n === 0) return
  seekSource(position)
  transfer(target, source, n)
}

/** Folded checksum of n bytes of the frame from a position, as if it started at an even offset. */
export function sumFrom(position: u32, n: u32): u32 {
  if (n === 0) return 0
  seekSource(position)
  return sum(source, n)
}

/** Opens a frame that lies in one piece behind its virtio-net header of `header` bytes, for example read from a TAP. */
export function openFlat(at: usize, bytes: u32, header: u32, port: usize): i32 {
  store<u32>(SEGS_AT, <u32>at)
  store<u32>(SEGS_AT, bytes, 4)
  return openFrame(bytes, header, port)
}

// Segmentation and checksums for a receiver that did not negotiate them (GSO passes through otherwise).
// The result is what the sender's kernel would have put on the wire. Source: Linux net/ipv4/tcp_offload.c
// and udp_offload.c (6.1) for which fields change; RFC 1071 for the arithmetic.

import { dropOut } from '../capture/frames'
import { copy } from '../copy'
import { count } from '../counters'
import { emit } from '../egress'
import {
  C_CHECKSUMMED,
  C_SEGMENTED,
  DROP_COSTLY,
  HEAD_AT,
  IS_UDP,
  IS_V4,
  LONG_HEAD_AT,
  OUT_HEAD_AT,
  P_TAKES,
  TAKE_CSUM,
} from '../layout'
import { addSum, finish, fold, pseudoSum, sumBytes } from '../packet/checksum'
import {
  csumOffsetOf,
  csumStartOf,
  DATA_VALID,
  gsoSizeOf,
  HDR_LEN_MASK,
  hdrLenOf,
  NEEDS_CSUM,
} from '../packet/net-header'
import {
  CWR,
  ETH_IPV4,
  FIN,
  IPV4_BYTES,
  IPV4_IDENTIFICATION,
  IPV4_PROTOCOL,
  isDhcp,
  loadBe16,
  loadBe32,
  PSH,
  storeBe16,
  storeBe32,
  TCP_FLAGS,
  TCP_SEQUENCE,
  UDP,
  UDP_BYTES,
  UDP_CHECKSUM,
} from '../packet/packet'
import { isOverdrawn } from '../work'
import { readFrame, sumFrame } from './body'
import { writeLengths } from './gso'
import { frame, out } from './record'

/** Flags of the virtio-net header of a frame whose checksum was computed here. */
function validFlags(port: usize): u64 {
  return load<u32>(port, P_TAKES) & TAKE_CSUM ? DATA_VALID : 0
}

/**
 * Whether the checksum of the frame must be complete even for a receiver that takes partial ones: DHCP clients and
 * servers read IPv4 from raw sockets and judge it by what it says. Source: xt_CHECKSUM (Linux), made for this.
 */
export function wantsWholeChecksum(): boolean {
  const udp = csumStartOf(frame.netHeader)
  if (frame.csumOffset !== UDP_CHECKSUM || frame.etherType !== ETH_IPV4) return false
  if (udp < frame.network + IPV4_BYTES || udp + UDP_BYTES > frame.headBytes) return false
  const ip: usize = <usize>HEAD_AT + frame.network
  return <u32>load<u8>(ip, IPV4_PROTOCOL) === UDP && isDhcp(<usize>HEAD_AT + udp)
}

/** Delivers the frame, whose head Out has, with its checksum completed. */
export function emitChecksummed(port: usize): void {
  const start = csumStartOf(frame.netHeader) + out.shift
  const field = start + frame.csumOffset
  const bytes = out.headBytes
  let head: usize = OUT_HEAD_AT
  let have = bytes
  let position = frame.headBytes
  if (field + 2 > bytes) {
    // The checksum of something deep inside: all before its end becomes the head.
    head = LONG_HEAD_AT
    have = field + 2
    readFrame(head + bytes, position, have - bytes)
    position += have - bytes
  }
  copy(head, out.head, bytes)
  const rest = sumFrame(position, frame.bytes - position)
  const sum = addSum(sumBytes(head + start, have - start), rest, ((have - start) & 1) !== 0)
  store<u16>(head + field, finish(sum, frame.csumOffset === UDP_CHECKSUM))
  count(port, C_CHECKSUMMED)
  out.head = head
  out.headBytes = have
  out.bytes = frame.bytes + out.shift
  out.bodyFrom = position
  out.netHeader = validFlags(port)
  out.csumOffset = 0
  emit(port)
}

/** Delivers the GSO frame, whose head Out has, as segments. */
export function emitSegments(port: usize): void {
  const kind = frame.kind
  const isUdp = (kind & IS_UDP) !== 0
  const shift = out.shift
  const network = frame.network + shift
  const transport = csumStartOf(frame.netHeader) + shift
  const headers = frame.headers + shift
  const size = gsoSizeOf(frame.netHeader)
  const payload = frame.bytes - frame.headers
  copy(OUT_HEAD_AT, out.head, headers)
  const ip: usize = <usize>OUT_HEAD_AT + network
  const segment: usize = <usize>OUT_HEAD_AT + transport
  const sequence = isUdp ? 0 : loadBe32(segment + TCP_SEQUENCE)
  const tcpFlags: u32 = isUdp ? 0 : load<u8>(segment, TCP_FLAGS)
  const identification = kind & IS_V4 ? loadBe16(ip + IPV4_IDENTIFICATION) : 0
  const field = segment + csumOffsetOf(kind)
  const length = headers - transport
  const pseudo = pseudoSum(ip, kind, 0)
  out.head = OUT_HEAD_AT
  out.headBytes = headers
  out.netHeader = validFlags(port)
  out.csumOffset = 0
  let index: u32 = 0
  for (let offset: u32 = 0; offset < payload; offset += size) {
    if (isOverdrawn()) {
      dropOut(port, DROP_COSTLY)
      break
    }
    const part = payload - offset < size ? payload - offset : size
    const last = offset + part === payload
    if (kind & IS_V4) storeBe16(ip + IPV4_IDENTIFICATION, identification + index)
    writeLengths(OUT_HEAD_AT, network, transport, headers + part, kind)
    if (!isUdp) {
      storeBe32(segment + TCP_SEQUENCE, sequence + offset)
      let now = tcpFlags
      if (!last) now &= ~(FIN | PSH)
      if (index > 0) now &= ~CWR
      store<u8>(segment, <u8>now, TCP_FLAGS)
    }
    store<u16>(field, 0)
    out.bytes = headers + part
    out.bodyFrom = frame.headers + offset
    let sum = fold(<u64>pseudo + <u64>bswap<u16>(<u16>(length + part)))
    sum = addSum(sum, sumBytes(segment, length), false)
    sum = addSum(sum, sumFrame(out.bodyFrom, part), (length & 1) !== 0)
    store<u16>(field, finish(sum, isUdp))
    emit(port)
    index++
  }
  count(port, C_SEGMENTED)
}

/**
 * The virtio-net header with which a partial checksum or GSO frame passes through: what counts from the start of the frame,
 * hdr_len and csum_start, moves with its tag. A hdr_len of 0 says nothing and stays. Source: virtio 1.3, 5.1.6.2.
 */
export function passedHeader(shift: i32): u64 {
  const header = frame.netHeader
  if ((<u32>header & NEEDS_CSUM) === 0) return header & DATA_VALID
  const length = <i32>hdrLenOf(header)
  const moved = length === 0 ? 0 : max(length + shift, 0)
  return (
    (header & ~HDR_LEN_MASK) + ((<u64>(<u32>moved & 0xffff)) << 16) + ((<u64>(<u32>shift & 0xffff)) << 48)
  )
}

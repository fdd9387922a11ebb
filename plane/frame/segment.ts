// Segmentation and checksums for a receiver that did not negotiate them (GSO passes through otherwise).
// The result is what the sender's kernel would have put on the wire. Source: Linux net/ipv4/tcp_offload.c
// and udp_offload.c (6.1) for which fields change; RFC 1071 for the arithmetic.

import { copy } from '../copy'
import { count, drop } from '../counters'
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
import { addSum, fold, pseudoSum, sumBytes } from '../packet/checksum'
import { csumOffsetOf, DATA_VALID, HDR_LEN_MASK, hdrLenOf, NEEDS_CSUM } from '../packet/net-header'
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
import { networkOffset } from '../packet/tags'
import { isOverdrawn } from '../work'
import {
  csumOffset,
  csumStart,
  frameBytes,
  frameNetHeader,
  gsoSize,
  headBytes,
  readFrame,
  sumFrom,
} from './frame'
import { gsoHeaders, gsoKind, gsoNetwork, writeLengths } from './gso'

/** What a checksum field holds for a folded sum. UDP has no zero. */
function finish(sum: u32, isUdp: boolean): u16 {
  const value = ~sum & 0xffff
  return <u16>(value === 0 && isUdp ? 0xffff : value)
}

/** Flags of the virtio-net header of a frame whose checksum was computed here. */
function validFlags(port: usize): u64 {
  return load<u32>(port, P_TAKES) & TAKE_CSUM ? DATA_VALID : 0
}

/**
 * Whether the checksum of the open frame must be complete even for a receiver that takes partial ones: DHCP clients
 * and servers read IPv4 from raw sockets and judge it by what it says. Source: xt_CHECKSUM (Linux), made for this.
 */
export function wantsWholeChecksum(): boolean {
  const network = networkOffset(HEAD_AT, headBytes())
  const udp = csumStart()
  if (csumOffset() !== UDP_CHECKSUM || udp < network + IPV4_BYTES || udp + UDP_BYTES > headBytes())
    return false
  const ip: usize = <usize>HEAD_AT + network
  return (
    load<u16>(ip - 2) === ETH_IPV4 && <u32>load<u8>(ip, IPV4_PROTOCOL) === UDP && isDhcp(<usize>HEAD_AT + udp)
  )
}

/**
 * Delivers the open frame with its checksum completed.
 * @param head its headers as they leave (VLAN tag already right), `bytes` long, `shift` longer than they came
 */
export function emitChecksummed(port: usize, head: usize, bytes: u32, shift: i32, hash: u32): void {
  const start = csumStart() + shift
  const field = start + csumOffset()
  let out: usize = OUT_HEAD_AT
  let have = bytes
  let position = headBytes()
  if (field + 2 > bytes) {
    // The checksum of something deep inside: all before its end becomes the head.
    out = LONG_HEAD_AT
    have = field + 2
    readFrame(out + bytes, position, have - bytes)
    position += have - bytes
  }
  copy(out, head, bytes)
  const body = frameBytes() - position
  const sum = addSum(sumBytes(out + start, have - start), sumFrom(position, body), ((have - start) & 1) !== 0)
  store<u16>(out + field, finish(sum, csumOffset() === UDP_CHECKSUM))
  count(port, C_CHECKSUMMED)
  emit(port, out, have, position, body, validFlags(port), 0, hash)
}

/** Delivers the open GSO frame as segments. `head` and `shift` as for emitChecksummed(). */
export function emitSegments(port: usize, head: usize, shift: i32, hash: u32): void {
  const kind = gsoKind
  const isUdp = (kind & IS_UDP) !== 0
  const network = gsoNetwork + shift
  const transport = csumStart() + shift
  const headers = gsoHeaders + shift
  const size = gsoSize()
  const payload = frameBytes() - gsoHeaders
  const sequence = isUdp ? 0 : loadBe32(head + transport + TCP_SEQUENCE)
  const tcpFlags: u32 = isUdp ? 0 : load<u8>(head + transport, TCP_FLAGS)
  const identification = kind & IS_V4 ? loadBe16(head + network + IPV4_IDENTIFICATION) : 0
  const field: usize = <usize>OUT_HEAD_AT + transport + csumOffsetOf(kind)
  const length = headers - transport
  const pseudo = pseudoSum(head + network, kind, 0)
  const flags = validFlags(port)
  copy(OUT_HEAD_AT, head, headers)
  let index: u32 = 0
  for (let offset: u32 = 0; offset < payload; offset += size) {
    if (isOverdrawn()) {
      drop(port, DROP_COSTLY)
      break
    }
    const part = payload - offset < size ? payload - offset : size
    const last = offset + part === payload
    if (kind & IS_V4) storeBe16(<usize>OUT_HEAD_AT + network + IPV4_IDENTIFICATION, identification + index)
    writeLengths(OUT_HEAD_AT, network, transport, headers + part, kind)
    if (!isUdp) {
      storeBe32(<usize>OUT_HEAD_AT + transport + TCP_SEQUENCE, sequence + offset)
      let now = tcpFlags
      if (!last) now &= ~(FIN | PSH)
      if (index > 0) now &= ~CWR
      store<u8>(OUT_HEAD_AT + transport, <u8>now, TCP_FLAGS)
    }
    store<u16>(field, 0)
    let sum = fold(<u64>pseudo + <u64>bswap<u16>(<u16>(length + part)))
    sum = addSum(sum, sumBytes(OUT_HEAD_AT + transport, length), false)
    const position = gsoHeaders + offset
    sum = addSum(sum, sumFrom(position, part), (length & 1) !== 0)
    store<u16>(field, finish(sum, isUdp))
    emit(port, OUT_HEAD_AT, headers, position, part, flags, 0, hash)
    index++
  }
  count(port, C_SEGMENTED)
}

/**
 * The virtio-net header with which a partial checksum or GSO frame passes through: what counts from the start of the frame,
 * hdr_len and csum_start, moves with its tag. A hdr_len of 0 says nothing and stays. Source: virtio 1.3, 5.1.6.2.
 */
export function passedHeader(shift: i32): u64 {
  const header = frameNetHeader()
  if ((<u32>header & NEEDS_CSUM) === 0) return header & DATA_VALID
  const length = <i32>hdrLenOf(header)
  const moved = length === 0 ? 0 : max(length + shift, 0)
  return (
    (header & ~HDR_LEN_MASK) + ((<u64>(<u32>moved & 0xffff)) << 16) + ((<u64>(<u32>shift & 0xffff)) << 48)
  )
}

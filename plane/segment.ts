// Segmentation and checksums for a receiver that did not negotiate them (GSO passes through otherwise).
// The result is what the sender's kernel would have put on the wire. Source: Linux net/ipv4/tcp_offload.c
// and udp_offload.c (6.1) for which fields change; RFC 1071 for the arithmetic.
import { addSum, fold, sumBytes } from './checksum'
import { copy } from './copy'
import { count, drop } from './counters'
import { emit } from './egress'
import {
  csumOffset,
  csumStart,
  DATA_VALID,
  ETH_IPV4,
  ETH_IPV6,
  frameBytes,
  frameNetHeader,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  gsoSize,
  gsoType,
  headBytes,
  NEEDS_CSUM,
  sumFrom,
} from './frame'
import {
  C_CHECKSUMMED,
  C_SEGMENTED,
  DROP_BAD_GSO,
  DROP_BAD_NET_HEADER,
  OUT_HEAD_AT,
  P_TAKES,
  TAKE_CSUM,
} from './layout'
import { networkOffset } from './tags'

const FIN: u32 = 0x01
const PSH: u32 = 0x08
const CWR: u32 = 0x80
const UDP_CSUM_OFFSET: u32 = 6
const TCP: u32 = 6
const UDP: u32 = 17

function loadBe16(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at))
}
function storeBe16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value))
}

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
 * Delivers the open frame with its checksum completed.
 * @param head its headers as they leave (VLAN tag already right), `bytes` long, `shift` longer than they came
 */
export function emitChecksummed(port: usize, head: usize, bytes: u32, shift: i32, hash: u32): void {
  const start = csumStart() + shift
  const field = start + csumOffset()
  if (field + 2 > bytes) {
    drop(port, DROP_BAD_NET_HEADER)
    return
  }
  const position = headBytes()
  const body = frameBytes() - position
  const sum = addSum(
    sumBytes(head + start, bytes - start),
    sumFrom(position, body),
    ((bytes - start) & 1) !== 0,
  )
  copy(OUT_HEAD_AT, head, bytes)
  store<u16>(OUT_HEAD_AT + field, finish(sum, csumOffset() === UDP_CSUM_OFFSET))
  count(port, C_CHECKSUMMED)
  emit(port, OUT_HEAD_AT, bytes, position, body, validFlags(port), 0, hash)
}

/** Delivers the open GSO frame as segments. Arguments as for emitChecksummed(). */
export function emitSegments(port: usize, head: usize, bytes: u32, shift: i32, hash: u32): void {
  const type = gsoType()
  const isUdp = type === GSO_UDP_L4
  const network = networkOffset(head, bytes)
  const transport = csumStart() + shift
  const ether: u32 = load<u16>(head + network - 2)
  const isV4 = ether === ETH_IPV4
  const minimum: u32 = network + (isV4 ? 20 : 40)
  const transportMinimum: u32 = isUdp ? 8 : 20
  if (
    (!isV4 && ether !== ETH_IPV6) ||
    (type === GSO_TCPV4 && !isV4) ||
    (type === GSO_TCPV6 && isV4) ||
    transport < minimum ||
    transport + transportMinimum > bytes
  ) {
    drop(port, DROP_BAD_GSO)
    return
  }
  const headers = transport + (isUdp ? 8 : (load<u8>(head + transport, 12) >> 4) * 4)
  const total = frameBytes() + shift
  if (headers < transport + transportMinimum || headers > bytes || headers >= total) {
    drop(port, DROP_BAD_GSO)
    return
  }
  const size = gsoSize()
  const payload = total - headers
  const sequence = isUdp ? 0 : bswap<u32>(load<u32>(head + transport, 4))
  const tcpFlags: u32 = isUdp ? 0 : load<u8>(head + transport, 13)
  const identification = isV4 ? loadBe16(head + network + 4) : 0
  const field = transport + (isUdp ? UDP_CSUM_OFFSET : 16)
  const addresses = isV4 ? sumBytes(head + network + 12, 8) : sumBytes(head + network + 8, 32)
  const protocol = bswap<u16>(<u16>(isUdp ? UDP : TCP))
  const flags = validFlags(port)
  copy(OUT_HEAD_AT, head, headers)
  let index: u32 = 0
  for (let offset: u32 = 0; offset < payload; offset += size) {
    const part = payload - offset < size ? payload - offset : size
    const last = offset + part === payload
    if (isV4) {
      storeBe16(OUT_HEAD_AT + network + 2, headers - network + part)
      storeBe16(OUT_HEAD_AT + network + 4, identification + index)
      store<u16>(OUT_HEAD_AT + network, 0, 10)
      store<u16>(OUT_HEAD_AT + network, <u16>~sumBytes(OUT_HEAD_AT + network, transport - network), 10)
    } else storeBe16(OUT_HEAD_AT + network + 4, headers - network - 40 + part)
    if (isUdp) storeBe16(OUT_HEAD_AT + transport + 4, 8 + part)
    else {
      store<u32>(OUT_HEAD_AT + transport, bswap<u32>(sequence + offset), 4)
      let now = tcpFlags
      if (!last) now &= ~(FIN | PSH)
      if (index > 0) now &= ~CWR
      store<u8>(OUT_HEAD_AT + transport, <u8>now, 13)
    }
    store<u16>(OUT_HEAD_AT + field, 0)
    const length = headers - transport
    let sum = fold(<u64>addresses + <u64>protocol + <u64>bswap<u16>(<u16>(length + part)))
    sum = addSum(sum, sumBytes(OUT_HEAD_AT + transport, length), false)
    const position = headers - shift + offset
    sum = addSum(sum, sumFrom(position, part), (length & 1) !== 0)
    store<u16>(OUT_HEAD_AT + field, finish(sum, isUdp))
    emit(port, OUT_HEAD_AT, headers, position, part, flags, 0, hash)
    index++
  }
  count(port, C_SEGMENTED)
}

/** The virtio-net header with which a partial checksum or GSO frame passes through, its tag shifted. */
export function passedHeader(shift: i32): u64 {
  const header = frameNetHeader()
  if ((<u32>header & NEEDS_CSUM) === 0) return header & 0xff02
  return header + ((<u64>(<u32>shift & 0xffff)) << 48)
}

// What a GSO header promises, held against the packet. A frame is what its gso_type says, from the EtherType to the
// checksum's place, or it is dropped as it comes in: whatever its receivers take, they get the same packets.
//
//   | Ethernet, tags | IPv4, no fragment | IPv6, extensions | TCP or UDP | payload: at most MAX_SEGMENTS x gso_size |
//                                                            ^ csum_start
// Lengths and checksums that a sender may leave to the device are completed in the private copy of the headers, so
// that a receiver which takes the frame whole sees what segments would be cut from.
// Sources: virtio 1.3, 5.1.6.2; virtio_net_hdr_to_skb (include/linux/virtio_net.h, 6.12); inet_gso_segment,
// ipv6_gso_segment (6.1) for what may lie between.
import { pseudoSum, sumBytes } from './checksum'
import { HEAD_AT, IS_UDP, IS_V4 } from './layout'
import { ETH_IPV4, ETH_IPV6, networkOffset } from './tags'

// gso_type. Source: virtio 1.3, 5.1.6.
export const GSO_NONE: u32 = 0
export const GSO_TCPV4: u32 = 1
export const GSO_TCPV6: u32 = 4
export const GSO_UDP_L4: u32 = 5
export const GSO_ECN: u32 = 0x80

export const TCP: u32 = 6
export const UDP: u32 = 17
const HOP_BY_HOP: u32 = 0
const ROUTING: u32 = 43
const DESTINATION_OPTIONS: u32 = 60
const MAX_EXTENSIONS: i32 = 8
const MAX_IP_BYTES: u32 = 65535
/** More fragments, and the fragment offset, in memory order. */
const FRAGMENT_MASK: u32 = 0xff3f
/**
 * Most segments of a frame. What bounds the work is their number, not their size: 64 KB at the least size that
 * Linux' TCP uses with timestamps (36 bytes) is 1,820; UDP makes at most 128.
 */
const MAX_SEGMENTS: u32 = 2048

// The frame that openGso() looked at last: offsets and bytes count from its first byte.
export let gsoNetwork: u32 = 0
export let gsoHeaders: u32 = 0
/** IS_V4, IS_UDP. */
export let gsoKind: u32 = 0
/** Frames that it is on the wire. */
export let gsoSegments: u32 = 0

/** Offset of the checksum in a transport header (IS_UDP in `kind`, or TCP). */
export function csumOffsetOf(kind: u32): u32 {
  return kind & IS_UDP ? 6 : 16
}

/** Offset of the transport header of a whole IPv4 packet of the protocol, or 0. */
function findInIpv4(network: u32, have: u32, protocol: u32): u32 {
  const ip: usize = <usize>HEAD_AT + network
  if (network + 20 > have || load<u8>(ip) >> 4 !== 4) return 0
  if (load<u16>(ip, 6) & FRAGMENT_MASK || <u32>load<u8>(ip, 9) !== protocol) return 0
  const header = <u32>(load<u8>(ip) & 15) * 4
  return header >= 20 ? network + header : 0
}

/** The same for IPv6: behind extension headers that each segment may repeat, and a route that has ended. */
function findInIpv6(network: u32, have: u32, protocol: u32): u32 {
  const ip: usize = <usize>HEAD_AT + network
  if (network + 40 > have || load<u8>(ip) >> 4 !== 6) return 0
  let next: u32 = load<u8>(ip, 6)
  let at = network + 40
  for (let i = 0; i < MAX_EXTENSIONS && next !== protocol; i++) {
    if (next !== HOP_BY_HOP && next !== ROUTING && next !== DESTINATION_OPTIONS) return 0
    if (at + 8 > have) return 0
    const header: usize = <usize>HEAD_AT + at
    if (next === ROUTING && load<u8>(header, 3) !== 0) return 0
    next = load<u8>(header)
    at += (<u32>load<u8>(header, 1) + 1) * 8
  }
  return next === protocol ? at : 0
}

/**
 * Looks at a GSO frame whose first `have` bytes lie at HEAD_AT, and completes its headers there.
 * @param bytes of the frame; @param type gso_type without ECN; @param size gso_size
 * @param start csum_start; @param offset csum_offset
 * @returns whether it is what its type says, in at most MAX_SEGMENTS segments
 */
export function openGso(have: u32, bytes: u32, type: u32, size: u32, start: u32, offset: u32): boolean {
  const network = networkOffset(HEAD_AT, have)
  const ether: u32 = load<u16>(HEAD_AT + network - 2)
  const isV4 = ether === ETH_IPV4
  if (!isV4 && ether !== ETH_IPV6) return false
  if ((type === GSO_TCPV4 && !isV4) || (type === GSO_TCPV6 && isV4)) return false
  const isUdp = type === GSO_UDP_L4
  const protocol = isUdp ? UDP : TCP
  const transport = isV4 ? findInIpv4(network, have, protocol) : findInIpv6(network, have, protocol)
  gsoKind = (isV4 ? IS_V4 : 0) | (isUdp ? IS_UDP : 0)
  if (transport === 0 || transport !== start || offset !== csumOffsetOf(gsoKind)) return false
  const least: u32 = isUdp ? 8 : 20
  if (transport + least > have) return false
  const header = isUdp ? least : <u32>(load<u8>(HEAD_AT + transport, 12) >> 4) * 4
  gsoNetwork = network
  gsoHeaders = transport + header
  if (header < least || gsoHeaders > have || gsoHeaders >= bytes || size === 0) return false
  gsoSegments = (bytes - gsoHeaders + size - 1) / size
  if (gsoSegments > MAX_SEGMENTS || bytes - network > MAX_IP_BYTES) return false
  writeLengths(HEAD_AT, network, transport, bytes, gsoKind)
  store<u16>(HEAD_AT + transport + offset, <u16>pseudoSum(HEAD_AT + network, gsoKind, bytes - transport))
  return true
}

/** Writes the lengths of a packet that ends with byte `end` of its frame, and the checksum of its IPv4 header. */
export function writeLengths(head: usize, network: u32, transport: u32, end: u32, kind: u32): void {
  const ip = head + network
  if (kind & IS_UDP) storeBe16(head + transport + 4, end - transport)
  if (kind & IS_V4) {
    storeBe16(ip + 2, end - network)
    store<u16>(ip, 0, 10)
    store<u16>(ip, <u16>~sumBytes(ip, transport - network), 10)
  } else storeBe16(ip + 4, end - network - 40)
}

export function storeBe16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value))
}

/**
 * Frames that a frame is on the wire.
 * @param header first 8 bytes of its virtio-net header; @param head its headers
 */
export function segmentsOf(header: u64, head: usize, bytes: u32): u32 {
  const type = (<u32>header >> 8) & 0x7f
  const size = <u32>(header >> 32) & 0xffff
  if (type === 0 || size === 0) return 1
  const transport = <u32>(header >> 48)
  const own: u32 = type === GSO_UDP_L4 ? 8 : (<u32>load<u8>(head + transport, 12) >> 4) * 4
  const payload = bytes > transport + own ? bytes - transport - own : 1
  return (payload + size - 1) / size
}

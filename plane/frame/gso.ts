// What a GSO header promises, held against the packet. A frame is what its gso_type says, from the EtherType to the
// checksum's place, or it is dropped as it comes in: whatever its receivers take, they get the same packets.
//
//   | Ethernet, tags | IPv4, no fragment | IPv6, extensions | TCP or UDP | payload: at most MAX_SEGMENTS x gso_size |
//                                                            ^ csum_start
// Lengths and checksums that a sender may leave to the device are completed in the private copy of the headers, so
// that a receiver which takes the frame whole sees what segments would be cut from.
// Sources: virtio 1.3, 5.1.6.2; virtio_net_hdr_to_skb (include/linux/virtio_net.h, 6.12); inet_gso_segment,
// ipv6_gso_segment (6.1) for what may lie between.

import { HEAD_AT, IS_UDP, IS_V4, TAKE_USO4, TAKE_USO6 } from '../layout'
import { pseudoSum, sumBytes } from '../packet/checksum'
import { findTransport, protocolBehind } from '../packet/extensions'
import {
  csumOffsetOf,
  csumStartOf,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  gsoSizeOf,
  gsoTypeOf,
} from '../packet/net-header'
import {
  ETH_IPV4,
  ETH_IPV6,
  IPV4_BYTES,
  IPV4_CHECKSUM,
  IPV4_LENGTH,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  IPV6_LENGTH,
  ipVersion,
  ipv4HeaderBytes,
  isFragment,
  MAX_IP_BYTES,
  storeBe16,
  TCP,
  TCP_BYTES,
  tcpHeaderBytes,
  UDP,
  UDP_BYTES,
  UDP_LENGTH,
} from '../packet/packet'
import { frame } from './record'

/**
 * Most segments of a frame. What bounds the work is their number, not their size: 64 KB at the least size that
 * Linux' TCP uses with timestamps (36 bytes) is 1,820; UDP makes at most 128.
 */
const MAX_SEGMENTS: u32 = 2048

/** Offset of the transport header of a whole IPv4 packet of the protocol, or 0. */
function findInIpv4(network: u32, have: u32, protocol: u32): u32 {
  const ip: usize = <usize>HEAD_AT + network
  if (network + IPV4_BYTES > have || ipVersion(ip) !== 4) return 0
  if (isFragment(ip) || <u32>load<u8>(ip, IPV4_PROTOCOL) !== protocol) return 0
  const header = ipv4HeaderBytes(ip)
  return header >= IPV4_BYTES ? network + header : 0
}

/** The same for IPv6, behind extension headers that each segment may repeat. */
function findInIpv6(network: u32, have: u32, protocol: u32): u32 {
  if (network + IPV6_BYTES > have || ipVersion(<usize>HEAD_AT + network) !== 6) return 0
  const transport = findTransport(HEAD_AT, network, have)
  return protocolBehind === protocol ? transport : 0
}

/**
 * Whether the frame at hand is what its gso_type says, in at most MAX_SEGMENTS segments. Completes its headers, and says
 * what it is: kind, headers, frames on the wire, offload.
 */
export function checkGso(): boolean {
  const network = frame.network
  const headBytes = frame.headBytes
  const bytes = frame.bytes
  const type = gsoTypeOf(frame.netHeader)
  const size = gsoSizeOf(frame.netHeader)
  const isV4 = frame.etherType === ETH_IPV4
  if (!isV4 && frame.etherType !== ETH_IPV6) return false
  if ((type === GSO_TCPV4 && !isV4) || (type === GSO_TCPV6 && isV4)) return false
  const isUdp = type === GSO_UDP_L4
  const protocol = isUdp ? UDP : TCP
  const kind: u32 = (isV4 ? IS_V4 : 0) | (isUdp ? IS_UDP : 0)
  const transport = isV4 ? findInIpv4(network, headBytes, protocol) : findInIpv6(network, headBytes, protocol)
  if (transport === 0 || transport !== csumStartOf(frame.netHeader)) return false
  if (frame.csumOffset !== csumOffsetOf(kind)) return false
  const least = isUdp ? UDP_BYTES : TCP_BYTES
  if (transport + least > headBytes) return false
  const own = isUdp ? least : tcpHeaderBytes(<usize>HEAD_AT + transport)
  const headers = transport + own
  if (own < least || headers > headBytes || headers >= bytes || size === 0) return false
  const segments = (bytes - headers + size - 1) / size
  if (segments > MAX_SEGMENTS || bytes - network > MAX_IP_BYTES) return false
  writeLengths(HEAD_AT, network, transport, bytes, kind)
  const field: usize = <usize>HEAD_AT + transport + frame.csumOffset
  store<u16>(field, <u16>pseudoSum(<usize>HEAD_AT + network, kind, bytes - transport))
  frame.kind = kind
  frame.headers = headers
  frame.wireFrames = segments
  if (segments > 1) frame.wireBytes = headers + size
  if (kind === IS_UDP) frame.needs = (frame.needs & ~TAKE_USO4) | TAKE_USO6
  return true
}

/** Writes the lengths of a packet that ends with byte `end` of its frame, and the checksum of its IPv4 header. */
export function writeLengths(head: usize, network: u32, transport: u32, end: u32, kind: u32): void {
  const ip = head + network
  if (kind & IS_UDP) storeBe16(head + transport + UDP_LENGTH, end - transport)
  if (kind & IS_V4) {
    storeBe16(ip + IPV4_LENGTH, end - network)
    store<u16>(ip, 0, IPV4_CHECKSUM)
    store<u16>(ip, <u16>~sumBytes(ip, transport - network), IPV4_CHECKSUM)
  } else storeBe16(ip + IPV6_LENGTH, end - network - IPV6_BYTES)
}

/**
 * Frames that a frame is on the wire.
 * @param header first 8 bytes of its virtio-net header; @param head its headers
 */
export function segmentsOf(header: u64, head: usize, bytes: u32): u32 {
  const type = gsoTypeOf(header)
  const size = gsoSizeOf(header)
  if (type === GSO_NONE || size === 0) return 1
  const transport = csumStartOf(header)
  const own = type === GSO_UDP_L4 ? UDP_BYTES : tcpHeaderBytes(head + transport)
  const payload = bytes > transport + own ? bytes - transport - own : 1
  return (payload + size - 1) / size
}

// What a frame is to the merging of segments: the flow that it belongs to, and whether it may join another.
//
//   OTHER     no flow that is merged for this receiver: stands alone, ends nothing
//   BARRIER   of such a flow, but not to be joined (SYN, FIN, RST, URG, options, padding, GSO): ends its aggregate
//   SEGMENT   data that may be joined                     PURE_ACK   an acknowledgement that may be replaced
//
// What may be joined is what Linux joins (the sources: match.ts), and a fragment is of no flow.

import { flow, out } from '../frame/record'
import {
  IS_ACK,
  IS_UDP,
  IS_V4,
  MAX_MERGE_HEAD,
  MERGE_ACKS,
  MERGE_SEGMENTS,
  P_MERGE,
  P_TAKES,
  TAKE_ECN,
} from '../layout'
import { findTransport, protocolBehind } from '../packet/extensions'
import { csumOffsetOf, csumStartOf, GSO_TYPE_MASK, NEEDS_CSUM, offloadOf } from '../packet/net-header'
import {
  ACK,
  CWR,
  ECE,
  ETH_IPV4,
  ETH_IPV6,
  FIN,
  IPV4_BYTES,
  IPV4_LENGTH,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV6_BYTES,
  IPV6_LENGTH,
  IPV6_SOURCE,
  ipVersion,
  ipv4HeaderBytes,
  isDhcp,
  isFragment,
  loadBe16,
  loadBe32,
  PSH,
  RST,
  SYN,
  TCP,
  TCP_BYTES,
  TCP_FLAGS,
  TCP_OPTION_END,
  TCP_OPTION_NOP,
  TCP_OPTION_SACK,
  TCP_SEQUENCE,
  tcpHeaderBytes,
  UDP,
  UDP_BYTES,
  UDP_CHECKSUM,
  UDP_LENGTH,
  URG,
} from '../packet/packet'
import { networkOffset } from '../packet/tags'
import { MIN_PAYLOAD, merges } from './wish'

export const OTHER: u32 = 0
export const BARRIER: u32 = 1
export const SEGMENT: u32 = 2
export const PURE_ACK: u32 = 3

const NEVER_JOINED: u32 = FIN | SYN | RST | URG

function mixAddresses(at: usize): u64 {
  return (
    load<u64>(at) ^ rotl<u64>(load<u64>(at, 8), 13) ^ load<u64>(at, 16) ^ rotl<u64>(load<u64>(at, 24), 29)
  )
}

/** Whether the virtio-net header asks for nothing but the checksum of the transport header found. */
function isPlain(): boolean {
  if (<u32>out.netHeader & GSO_TYPE_MASK) return false
  if ((<u32>out.netHeader & NEEDS_CSUM) === 0) return true
  return csumStartOf(out.netHeader) === flow.transport && out.csumOffset === csumOffsetOf(flow.kind)
}

/** @param end where the IP packet ends, as it says */
function readUdp(udp: usize, end: u32): u32 {
  const bytes = out.bytes
  const headers = flow.transport + UDP_BYTES
  flow.headers = headers
  flow.sequence = 0
  flow.tcpFlags = 0
  if (bytes !== end || bytes <= headers || loadBe16(udp + UDP_LENGTH) !== bytes - flow.transport)
    return BARRIER
  // Without a checksum it could not be told again after segmentation that there was none.
  if ((<u32>out.netHeader & NEEDS_CSUM) === 0 && load<u16>(udp, UDP_CHECKSUM) === 0) return BARRIER
  if (isDhcp(udp)) return BARRIER
  flow.payload = bytes - headers
  return SEGMENT
}

/** Whether the options of a TCP header hold selective acknowledgements, or cannot be read. */
function hasSack(tcp: usize, length: u32): boolean {
  let at = TCP_BYTES
  while (at < length) {
    const option: u32 = load<u8>(tcp + at)
    if (option === TCP_OPTION_END) return false
    if (option === TCP_OPTION_NOP) {
      at++
      continue
    }
    if (option === TCP_OPTION_SACK || at + 1 >= length) return true
    const size: u32 = load<u8>(tcp + at, 1)
    if (size < 2) return true
    at += size
  }
  return false
}

/**
 * @param end where the IP packet ends, as it says
 * @param joins whether the receiver's segments may be joined; @param thins whether its acknowledgements may be replaced
 */
function readTcp(tcp: usize, end: u32, joins: bool, thins: bool): u32 {
  const have = out.headBytes
  const bytes = out.bytes
  const transport = flow.transport
  if (transport + TCP_BYTES > have) return BARRIER
  const headers = transport + tcpHeaderBytes(tcp)
  if (headers < transport + TCP_BYTES || headers > have || headers > <u32>MAX_MERGE_HEAD) return BARRIER
  const flags: u32 = load<u8>(tcp, TCP_FLAGS)
  flow.headers = headers
  flow.tcpFlags = flags
  flow.sequence = loadBe32(tcp + TCP_SEQUENCE)
  if (end === headers) {
    if (!thins || have !== bytes || bytes > <u32>MAX_MERGE_HEAD || (flags & ~ECE) !== ACK) return BARRIER
    if (hasSack(tcp, headers - transport)) return BARRIER
    flow.payload = 0
    flow.kind |= IS_ACK
    return PURE_ACK
  }
  if (!joins || bytes !== end || end < headers) return BARRIER
  if (flags & NEVER_JOINED || (flags & ACK) === 0) return BARRIER
  flow.payload = bytes - headers
  return SEGMENT
}

function roleOf(port: usize): u32 {
  const have = out.headBytes
  const network = networkOffset(out.head, have)
  const ip = out.head + network
  const type: u32 = load<u16>(ip - 2)
  let protocol: u32 = 0
  let transport: u32 = 0
  let end: u32 = 0
  let kind: u32 = 0
  let key: u64 = 0
  if (type === ETH_IPV4) {
    if (network + IPV4_BYTES > have || ipVersion(ip) !== 4 || isFragment(ip)) return OTHER
    transport = network + ipv4HeaderBytes(ip)
    protocol = load<u8>(ip, IPV4_PROTOCOL)
    end = network + loadBe16(ip + IPV4_LENGTH)
    kind = IS_V4
    key = load<u64>(ip, IPV4_SOURCE)
  } else if (type === ETH_IPV6) {
    if (network + IPV6_BYTES > have) return OTHER
    transport = findTransport(out.head, network, have)
    protocol = protocolBehind
    end = network + IPV6_BYTES + loadBe16(ip + IPV6_LENGTH)
    key = mixAddresses(ip + IPV6_SOURCE)
  } else return OTHER
  if (protocol === UDP) kind |= IS_UDP
  else if (protocol !== TCP) return OTHER
  const wish = load<u32>(port, P_MERGE)
  const joins = (wish & MERGE_SEGMENTS) !== 0 && (load<u32>(port, P_TAKES) & offloadOf(kind)) !== 0
  const thins = (wish & MERGE_ACKS) !== 0
  if (!joins && (kind & IS_UDP || !thins)) return OTHER
  if (transport < network + IPV4_BYTES || transport + UDP_BYTES > have) return OTHER
  const segment = out.head + transport
  flow.network = network
  flow.transport = transport
  flow.kind = kind
  flow.key = ((key ^ ((<u64>load<u32>(segment)) << 16)) * 0x9e3779b97f4a7c15) | 1
  if (kind & IS_V4 && transport !== network + IPV4_BYTES) return BARRIER
  if (!isPlain()) return BARRIER
  return kind & IS_UDP ? readUdp(segment, end) : readTcp(segment, end, joins, thins)
}

/**
 * Reads the headers of Out for a port: what it is to the merging of segments, in Flow.
 * @returns its role: OTHER, BARRIER, SEGMENT or PURE_ACK
 */
export function readFlow(port: usize): u32 {
  flow.isIntact = false
  flow.role = merges(port) ? roleOf(port) : OTHER
  return flow.role
}

/** Whether Out, as readFlow() read it, may be the first of an aggregate toward a port. */
export function mayOpen(port: usize): boolean {
  if (flow.kind & IS_ACK) return true
  if (flow.payload < MIN_PAYLOAD || flow.tcpFlags & PSH) return false
  return (flow.tcpFlags & CWR) === 0 || (load<u32>(port, P_TAKES) & TAKE_ECN) !== 0
}

// Aggregates: consecutive segments of a flow that cross to the receiver as one GSO frame.
//
//   vif:   | net header | headers | payload 1 | payload 2 ...   in the guest's own buffers, not yet published
//            ^ head segments                            ^ tail segments: here the next payload goes
//   TAP:   the newest record of the byte ring grows
//
// What an aggregate is lies in the plane's own table: the first frame's headers, lengths, where the next byte goes.
// Nothing is read back from guest memory; the headers are written again when the aggregate closes. What was merged
// and is then cut into segments of A_SIZE gives the frames that came (fixed IPv4 identifications excepted).
//
// Chains of an aggregate must be consecutive in the used ring, but flows come interleaved. So while an aggregate is
// open the chains of the batch wait in a list, in the order of first arrival, and become used entries when the last
// aggregate closes: at the latest when the batch is published.

import { copy } from '../copy'
import { count } from '../counters'
import { writeLengths } from '../frame/gso'
import { rewriter, seek, write } from '../frame/segments'
import {
  A_BYTES,
  A_CHAINS,
  A_FRAMES,
  A_HEAD_SEGS,
  A_HEADER_COPY,
  A_HEADERS,
  A_IDENTIFICATION,
  A_KEY,
  A_KIND,
  A_NETWORK,
  A_PAYLOAD,
  A_PUSH,
  A_SEQUENCE,
  A_SIZE,
  A_TRANSPORT,
  AGGREGATE_BYTES,
  C_GSO_TO,
  C_MERGED,
  C_MERGED_FRAMES,
  IS_ACK,
  IS_UDP,
  IS_V4,
  M_AGGREGATES,
  M_OLDEST,
  M_OPEN,
  MAX_AGGREGATES,
  MERGE_HEAD_AT,
  V_HEADER_BYTES,
  V_MERGE,
} from '../layout'
import { pseudoSum } from '../packet/checksum'
import { csumOffsetOf, GSO_ECN, gsoTypeOfKind, NEEDS_CSUM, storeNetHeader } from '../packet/net-header'
import {
  CWR,
  DONT_FRAGMENT,
  IPV4_FRAGMENT,
  IPV4_IDENTIFICATION,
  IPV4_SOURCE,
  IPV6_NEXT,
  IPV6_SOURCE,
  loadBe16,
  loadBe32,
  MAX_IP_BYTES,
  PSH,
  TCP_ACKNOWLEDGEMENT,
  TCP_BYTES,
  TCP_FLAGS,
  TCP_OFFSET,
  TCP_URGENT,
  TCP_WINDOW,
} from '../packet/packet'
import { writeList } from '../ring/used-list'
import { headers, key, kind, network, payload, sequence, tcpFlags, transport } from './flow'

/** Most frames in an aggregate: what Linux takes apart again. Source: UDP_MAX_SEGMENTS in linux/udp.h (6.1). */
const MAX_DATAGRAMS: u32 = 64
const MAX_SEGMENTS: u32 = 255
const RISING: u32 = 1
const FIXED: u32 = 2

function isEqual(a: usize, b: usize, n: u32): boolean {
  let at: u32 = 0
  for (; at + 8 <= n; at += 8) if (load<u64>(a + at) !== load<u64>(b + at)) return false
  for (; at < n; at++) if (load<u8>(a + at) !== load<u8>(b + at)) return false
  return true
}

/** Whether the frame that readFlow() read at `head` is of an aggregate's flow. */
export function isSameFlow(a: usize, head: usize): boolean {
  if (load<u64>(a, A_KEY) !== key || load<u32>(a, A_NETWORK) !== network) return false
  if ((load<u32>(a, A_KIND) ^ kind) & ~IS_ACK) return false
  const first = a + A_HEADER_COPY
  if (!isEqual(first, head, network)) return false
  const addresses = network + (kind & IS_V4 ? IPV4_SOURCE : IPV6_SOURCE)
  if (!isEqual(first + addresses, head + addresses, kind & IS_V4 ? 8 : 32)) return false
  return load<u32>(first + load<u32>(a, A_TRANSPORT)) === load<u32>(head + transport)
}

/** The open aggregate of the frame's flow, or 0. */
export function findAggregate(table: usize, head: usize): usize {
  if (load<u32>(table, M_OPEN) === 0) return 0
  for (let i = 0; i < MAX_AGGREGATES; i++) {
    const a = table + M_AGGREGATES + <usize>i * AGGREGATE_BYTES
    if (load<u64>(a, A_KEY) !== 0 && isSameFlow(a, head)) return a
  }
  return 0
}

/** How IPv4 identifications go on with the frame: RISING, FIXED, or 0 when they do not. */
function identificationOf(a: usize, head: usize): u32 {
  const first = loadBe16(a + A_HEADER_COPY + network + IPV4_IDENTIFICATION)
  const step = (loadBe16(head + network + IPV4_IDENTIFICATION) - first) & 0xffff
  const known = load<u32>(a, A_IDENTIFICATION)
  if (known !== FIXED && step === load<u32>(a, A_FRAMES)) return RISING
  return known !== RISING && step === 0 && load<u8>(head + network, IPV4_FRAGMENT) & DONT_FRAGMENT ? FIXED : 0
}

/** Whether all header fields but lengths, identification, sequence, PSH, CWR and checksums are the first frame's. */
function areHeadersEqual(a: usize, head: usize): boolean {
  if (load<u32>(a, A_HEADERS) !== headers) return false
  const first = a + A_HEADER_COPY
  const ip = head + network
  if (kind & IS_V4) {
    if (
      load<u16>(first + network) !== load<u16>(ip) ||
      load<u32>(first + network, IPV4_FRAGMENT) !== load<u32>(ip, IPV4_FRAGMENT)
    )
      return false
  } else if (
    load<u32>(first + network) !== load<u32>(ip) ||
    load<u16>(first + network, IPV6_NEXT) !== load<u16>(ip, IPV6_NEXT)
  )
    return false
  if (kind & IS_UDP) return true
  const was = first + transport
  const is = head + transport
  if (load<u8>(was, TCP_OFFSET) !== load<u8>(is, TCP_OFFSET)) return false
  if ((load<u8>(was, TCP_FLAGS) ^ tcpFlags) & ~(PSH | CWR)) return false
  if (load<u16>(was, TCP_WINDOW) !== load<u16>(is, TCP_WINDOW)) return false
  if (load<u16>(was, TCP_URGENT) !== load<u16>(is, TCP_URGENT)) return false
  return isEqual(was + TCP_BYTES, is + TCP_BYTES, headers - transport - TCP_BYTES)
}

/** Whether the segment that readFlow() read at `head` is the next one of an aggregate of its flow. */
export function joins(a: usize, head: usize): boolean {
  if (load<u32>(a, A_KIND) !== kind || payload > load<u32>(a, A_SIZE)) return false
  if (load<u32>(a, A_FRAMES) >= (kind & IS_UDP ? MAX_DATAGRAMS : MAX_SEGMENTS)) return false
  if (headers - network + load<u32>(a, A_PAYLOAD) + payload > MAX_IP_BYTES) return false
  if (!areHeadersEqual(a, head)) return false
  if (kind & IS_V4 && identificationOf(a, head) === 0) return false
  if (kind & IS_UDP) return true
  if (tcpFlags & CWR || sequence !== load<u32>(a, A_SEQUENCE)) return false
  const first = a + A_HEADER_COPY
  return (
    load<u32>(first + transport, TCP_ACKNOWLEDGEMENT) === load<u32>(head + transport, TCP_ACKNOWLEDGEMENT)
  )
}

/** Whether the pure acknowledgement read at `head` says the same as the one in an aggregate, and more. */
export function replaces(a: usize, head: usize, bytes: u32): boolean {
  if (load<u32>(a, A_KIND) !== kind || load<u32>(a, A_BYTES) !== bytes || !areHeadersEqual(a, head))
    return false
  const was = loadBe32(a + A_HEADER_COPY + transport + TCP_ACKNOWLEDGEMENT)
  const is = loadBe32(head + transport + TCP_ACKNOWLEDGEMENT)
  return sequence === load<u32>(a, A_SEQUENCE) && <i32>(is - was) > 0
}

/**
 * Begins an aggregate with the frame that readFlow() read at `head`; where it lies is for the caller to say.
 * @param bytes of the whole frame
 */
export function begin(a: usize, head: usize, bytes: u32): void {
  store<u64>(a, key, A_KEY)
  store<u32>(a, 1, A_FRAMES)
  store<u32>(a, headers, A_HEADERS)
  store<u32>(a, network, A_NETWORK)
  store<u32>(a, transport, A_TRANSPORT)
  store<u32>(a, kind, A_KIND)
  store<u32>(a, payload, A_SIZE)
  store<u32>(a, payload, A_PAYLOAD)
  store<u32>(a, sequence + payload, A_SEQUENCE)
  store<u32>(a, 0, A_PUSH)
  store<u32>(a, 0, A_IDENTIFICATION)
  store<u32>(a, bytes, A_BYTES)
  copy(a + A_HEADER_COPY, head, kind & IS_ACK ? bytes : headers)
}

/** Counts the segment read at `head` into an aggregate. Returns whether nothing may follow it. */
export function extend(a: usize, port: usize, head: usize): boolean {
  const frames = load<u32>(a, A_FRAMES)
  if (kind & IS_V4) store<u32>(a, identificationOf(a, head), A_IDENTIFICATION)
  store<u32>(a, frames + 1, A_FRAMES)
  store<u32>(a, load<u32>(a, A_PAYLOAD) + payload, A_PAYLOAD)
  store<u32>(a, load<u32>(a, A_SEQUENCE) + payload, A_SEQUENCE)
  store<u32>(a, tcpFlags & PSH, A_PUSH)
  count(port, C_MERGED)
  if (frames === 1) {
    count(port, C_MERGED_FRAMES)
    count(port, C_GSO_TO)
  }
  return payload < load<u32>(a, A_SIZE) || (tcpFlags & PSH) !== 0
}

/** Writes n bytes from MERGE_HEAD_AT to where the headers of an aggregate lie. */
function scatter(a: usize, n: u32): void {
  seek(rewriter, a + A_HEAD_SEGS, 0)
  write(rewriter, MERGE_HEAD_AT, n)
}

/** Writes both headers of an aggregate of several frames. `net` is the size of its virtio-net header. */
export function writeHeaders(a: usize, net: u32): void {
  const kind = load<u32>(a, A_KIND)
  const headers = load<u32>(a, A_HEADERS)
  const network = load<u32>(a, A_NETWORK)
  const transport = load<u32>(a, A_TRANSPORT)
  const length = headers + load<u32>(a, A_PAYLOAD)
  const head = <usize>MERGE_HEAD_AT + net
  copy(head, a + A_HEADER_COPY, headers)
  const ip = head + network
  const segment = head + transport
  let type = gsoTypeOfKind(kind)
  if ((kind & IS_UDP) === 0) {
    const flags: u32 = load<u8>(segment, TCP_FLAGS)
    store<u8>(segment, <u8>(flags | load<u32>(a, A_PUSH)), TCP_FLAGS)
    if (flags & CWR) type |= GSO_ECN
  }
  writeLengths(head, network, transport, length, kind)
  store<u16>(segment + csumOffsetOf(kind), <u16>pseudoSum(ip, kind, length - transport))
  const low = NEEDS_CSUM | (type << 8) | (headers << 16)
  const high = load<u32>(a, A_SIZE) | (transport << 16)
  const header = <u64>low | ((<u64>high) << 32)
  storeNetHeader(MERGE_HEAD_AT, net, header, csumOffsetOf(kind), load<u32>(a, A_CHAINS))
  scatter(a, net + headers)
}

/** Writes an acknowledgement of `bytes` at `head` over the one that an aggregate holds. */
export function replaceAck(a: usize, net: u32, head: usize, bytes: u32, header: u64, offset: u32): void {
  copy(a + A_HEADER_COPY, head, bytes)
  storeNetHeader(MERGE_HEAD_AT, net, header, offset, load<u32>(a, A_CHAINS))
  copy(<usize>MERGE_HEAD_AT + net, head, bytes)
  scatter(a, net + bytes)
}

// ---- the table of a receive ring ----

/** A free aggregate of a receive ring; the one that was given out longest ago is closed when none is. */
export function takeAggregate(v: usize): usize {
  const table: usize = load<u32>(v, V_MERGE)
  const next = load<u32>(table, M_OLDEST)
  let index = next
  for (let i = 0; i < MAX_AGGREGATES; i++) {
    if (load<u64>(table + M_AGGREGATES + <usize>index * AGGREGATE_BYTES, A_KEY) === 0) break
    index = (index + 1) % MAX_AGGREGATES
  }
  const a = table + M_AGGREGATES + <usize>index * AGGREGATE_BYTES
  store<u32>(table, (index + 1) % MAX_AGGREGATES, M_OLDEST)
  if (load<u64>(a, A_KEY) !== 0) seal(v, a)
  store<u32>(table, load<u32>(table, M_OPEN) + 1, M_OPEN)
  return a
}

/** Writes the headers of an aggregate and frees it. */
function seal(v: usize, a: usize): void {
  if (load<u32>(a, A_FRAMES) > 1) writeHeaders(a, load<u32>(v, V_HEADER_BYTES))
  store<u64>(a, 0, A_KEY)
  const table: usize = load<u32>(v, V_MERGE)
  store<u32>(table, load<u32>(table, M_OPEN) - 1, M_OPEN)
}

/** Closes an aggregate; with the last one the list becomes used entries. */
export function closeAggregate(v: usize, a: usize): void {
  seal(v, a)
  if (load<u32>(<usize>load<u32>(v, V_MERGE), M_OPEN) === 0) writeList(v)
}

/** Closes all aggregates of a receive ring: its used entries are complete then. */
export function closeAggregates(v: usize): void {
  const table: usize = load<u32>(v, V_MERGE)
  if (table === 0) return
  if (load<u32>(table, M_OPEN) !== 0)
    for (let i = 0; i < MAX_AGGREGATES; i++) {
      const a = table + M_AGGREGATES + <usize>i * AGGREGATE_BYTES
      if (load<u64>(a, A_KEY) !== 0) seal(v, a)
    }
  writeList(v)
}

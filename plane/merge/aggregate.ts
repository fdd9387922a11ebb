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
import { flow, out } from '../frame/record'
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
  C_EGRESS_GSO_FRAMES,
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
import { CWR, PSH, TCP_FLAGS } from '../packet/packet'
import { logs, markSegments } from '../ring/log'
import { writeList } from '../ring/used-list'
import { identificationOf, isSameFlow } from './match'

/** Begins an aggregate with Out; where it lies is for the caller to say. */
export function begin(a: usize): void {
  const payload = flow.payload
  store<u64>(a, flow.key, A_KEY)
  store<u32>(a, 1, A_FRAMES)
  store<u32>(a, flow.headers, A_HEADERS)
  store<u32>(a, flow.network, A_NETWORK)
  store<u32>(a, flow.transport, A_TRANSPORT)
  store<u32>(a, flow.kind, A_KIND)
  store<u32>(a, payload, A_SIZE)
  store<u32>(a, payload, A_PAYLOAD)
  store<u32>(a, flow.sequence + payload, A_SEQUENCE)
  store<u32>(a, 0, A_PUSH)
  store<u32>(a, 0, A_IDENTIFICATION)
  store<u32>(a, out.bytes, A_BYTES)
  copy(a + A_HEADER_COPY, out.head, flow.kind & IS_ACK ? out.bytes : flow.headers)
}

/** Counts Out, a segment, into an aggregate. Returns whether nothing may follow it. */
export function extend(a: usize, port: usize): boolean {
  const frames = load<u32>(a, A_FRAMES)
  const payload = flow.payload
  const push = flow.tcpFlags & PSH
  if (flow.kind & IS_V4) store<u32>(a, identificationOf(a), A_IDENTIFICATION)
  store<u32>(a, frames + 1, A_FRAMES)
  store<u32>(a, load<u32>(a, A_PAYLOAD) + payload, A_PAYLOAD)
  store<u32>(a, load<u32>(a, A_SEQUENCE) + payload, A_SEQUENCE)
  store<u32>(a, push, A_PUSH)
  count(port, C_MERGED)
  if (frames === 1) {
    count(port, C_MERGED_FRAMES)
    count(port, C_EGRESS_GSO_FRAMES)
  }
  return payload < load<u32>(a, A_SIZE) || push !== 0
}

/** Writes n bytes from MERGE_HEAD_AT to where the headers of an aggregate lie. */
function scatter(a: usize, n: u32): void {
  seek(rewriter, a + A_HEAD_SEGS, 0)
  write(rewriter, MERGE_HEAD_AT, n)
}

/** Writes both headers of an aggregate of several frames. `net`: bytes of its virtio-net header. */
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

/** Writes Out, a pure acknowledgement, over the one that an aggregate holds. `net`: bytes of its virtio-net header. */
export function replaceAck(a: usize, net: u32): void {
  const bytes = out.bytes
  copy(a + A_HEADER_COPY, out.head, bytes)
  storeNetHeader(MERGE_HEAD_AT, net, out.netHeader, out.csumOffset, load<u32>(a, A_CHAINS))
  copy(<usize>MERGE_HEAD_AT + net, out.head, bytes)
  scatter(a, net + bytes)
}

// ---- the table of a receive ring ----

/** The open aggregate of Out's flow, or 0. */
export function findAggregate(table: usize): usize {
  if (load<u32>(table, M_OPEN) === 0) return 0
  for (let i = 0; i < MAX_AGGREGATES; i++) {
    const a = table + M_AGGREGATES + <usize>i * AGGREGATE_BYTES
    if (load<u64>(a, A_KEY) !== 0 && isSameFlow(a)) return a
  }
  return 0
}

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
  if (load<u32>(a, A_FRAMES) > 1) {
    const net = load<u32>(v, V_HEADER_BYTES)
    writeHeaders(a, net)
    if (logs(v)) markSegments(v, a + A_HEAD_SEGS, net + load<u32>(a, A_HEADERS))
  }
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

// Whether the frame that is written next (Out, as flow.ts read it) goes on an open aggregate: the comparison of its
// headers with the first frame's, of which the aggregate keeps a copy. What is compared follows Linux 6.12:
// inet_gro_receive (net/ipv4/af_inet.c), ipv6_gro_receive (net/ipv6/ip6_offload.c), tcp_gro_receive
// (net/ipv4/tcp_offload.c), udp_gro_receive (net/ipv4/udp_offload.c). What differs in its flow label or extension headers
// is another flow there; here it ends the aggregate, so that no connection is reordered. Later kernels also join what
// they note beside the packet and a virtio-net header cannot say: several segments with CWR (6.15), identifications
// that stay without DF (6.18).
import { flow, out } from '../frame/record'
import {
  A_BYTES,
  A_FRAMES,
  A_HEADER_COPY,
  A_HEADERS,
  A_IDENTIFICATION,
  A_KEY,
  A_KIND,
  A_NETWORK,
  A_PAYLOAD,
  A_SEQUENCE,
  A_SIZE,
  A_TRANSPORT,
  IS_ACK,
  IS_UDP,
  IS_V4,
} from '../layout'
import {
  CWR,
  DONT_FRAGMENT,
  IPV4_FRAGMENT,
  IPV4_IDENTIFICATION,
  IPV4_SOURCE,
  IPV6_BYTES,
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

/** Most frames in an aggregate: what Linux takes apart again. Source: UDP_MAX_SEGMENTS in linux/udp.h (6.1). */
const MAX_DATAGRAMS: u32 = 64
const MAX_SEGMENTS: u32 = 255
/** How the identifications of an aggregate go on: one more each, or always the same. */
const RISING: u32 = 1
const FIXED: u32 = 2

function isEqual(a: usize, b: usize, n: u32): boolean {
  let at: u32 = 0
  for (; at + 8 <= n; at += 8) if (load<u64>(a + at) !== load<u64>(b + at)) return false
  for (; at < n; at++) if (load<u8>(a + at) !== load<u8>(b + at)) return false
  return true
}

/** Whether Out is of an aggregate's flow. */
export function isSameFlow(a: usize): boolean {
  if (load<u64>(a, A_KEY) !== flow.key || load<u32>(a, A_NETWORK) !== flow.network) return false
  if ((load<u32>(a, A_KIND) ^ flow.kind) & ~IS_ACK) return false
  const first = a + A_HEADER_COPY
  if (!isEqual(first, out.head, flow.network)) return false
  const addresses = flow.network + (flow.kind & IS_V4 ? IPV4_SOURCE : IPV6_SOURCE)
  if (!isEqual(first + addresses, out.head + addresses, flow.kind & IS_V4 ? 8 : 32)) return false
  return load<u32>(first + load<u32>(a, A_TRANSPORT)) === load<u32>(out.head + flow.transport)
}

/** How IPv4 identifications go on with Out: RISING, FIXED, or 0 when they do not. */
export function identificationOf(a: usize): u32 {
  const first = loadBe16(a + A_HEADER_COPY + flow.network + IPV4_IDENTIFICATION)
  const step = (loadBe16(out.head + flow.network + IPV4_IDENTIFICATION) - first) & 0xffff
  const known = load<u32>(a, A_IDENTIFICATION)
  if (known !== FIXED && step === load<u32>(a, A_FRAMES)) return RISING
  return known !== RISING && step === 0 && load<u8>(out.head + flow.network, IPV4_FRAGMENT) & DONT_FRAGMENT
    ? FIXED
    : 0
}

/** Whether all header fields but lengths, identification, sequence, PSH, CWR and checksums are the first frame's. */
function areHeadersEqual(a: usize): boolean {
  if (load<u32>(a, A_HEADERS) !== flow.headers || load<u32>(a, A_TRANSPORT) !== flow.transport) return false
  const first = a + A_HEADER_COPY
  const ip = out.head + flow.network
  if (flow.kind & IS_V4) {
    if (
      load<u16>(first + flow.network) !== load<u16>(ip) ||
      load<u32>(first + flow.network, IPV4_FRAGMENT) !== load<u32>(ip, IPV4_FRAGMENT)
    )
      return false
  } else {
    const was = first + flow.network
    if (load<u32>(was) !== load<u32>(ip) || load<u16>(was, IPV6_NEXT) !== load<u16>(ip, IPV6_NEXT))
      return false
    if (!isEqual(was + IPV6_BYTES, ip + IPV6_BYTES, flow.transport - flow.network - IPV6_BYTES)) return false
  }
  if (flow.kind & IS_UDP) return true
  const was = first + flow.transport
  const is = out.head + flow.transport
  if (load<u8>(was, TCP_OFFSET) !== load<u8>(is, TCP_OFFSET)) return false
  if ((load<u8>(was, TCP_FLAGS) ^ flow.tcpFlags) & ~(PSH | CWR)) return false
  if (load<u16>(was, TCP_WINDOW) !== load<u16>(is, TCP_WINDOW)) return false
  if (load<u16>(was, TCP_URGENT) !== load<u16>(is, TCP_URGENT)) return false
  return isEqual(was + TCP_BYTES, is + TCP_BYTES, flow.headers - flow.transport - TCP_BYTES)
}

/** Whether Out, a segment, is the next one of an aggregate of its flow. */
export function joins(a: usize): boolean {
  if (load<u32>(a, A_KIND) !== flow.kind || flow.payload > load<u32>(a, A_SIZE)) return false
  if (load<u32>(a, A_FRAMES) >= (flow.kind & IS_UDP ? MAX_DATAGRAMS : MAX_SEGMENTS)) return false
  if (flow.headers - flow.network + load<u32>(a, A_PAYLOAD) + flow.payload > MAX_IP_BYTES) return false
  if (!areHeadersEqual(a)) return false
  if (flow.kind & IS_V4 && identificationOf(a) === 0) return false
  if (flow.kind & IS_UDP) return true
  if (flow.tcpFlags & CWR || flow.sequence !== load<u32>(a, A_SEQUENCE)) return false
  const first = a + A_HEADER_COPY
  return (
    load<u32>(first + flow.transport, TCP_ACKNOWLEDGEMENT) ===
    load<u32>(out.head + flow.transport, TCP_ACKNOWLEDGEMENT)
  )
}

/** Whether Out, a pure acknowledgement, says the same as the one in an aggregate, and more. */
export function replaces(a: usize): boolean {
  if (load<u32>(a, A_KIND) !== flow.kind || load<u32>(a, A_BYTES) !== out.bytes || !areHeadersEqual(a))
    return false
  const was = loadBe32(a + A_HEADER_COPY + flow.transport + TCP_ACKNOWLEDGEMENT)
  const is = loadBe32(out.head + flow.transport + TCP_ACKNOWLEDGEMENT)
  return flow.sequence === load<u32>(a, A_SEQUENCE) && <i32>(is - was) > 0
}

// Which frames merging may matter for, told by settings and a glance: what is ruled out here is not read.

import {
  MERGE_ACKS,
  P_MAX_BATCH_FRAMES,
  P_MERGE,
  P_TAKES,
  TAKE_TSO4,
  TAKE_TSO6,
  TAKE_USO4,
  TAKE_USO6,
} from '../layout'
import {
  DESTINATION_OPTIONS,
  ETH_IPV4,
  ETH_IPV6,
  ETHERNET_BYTES,
  HOP_BY_HOP,
  IPV4_BYTES,
  IPV4_PROTOCOL,
  IPV6_NEXT,
  MACS_BYTES,
  ROUTING,
  TAG_BYTES,
  TCP,
  TCP_BYTES,
  UDP,
  UDP_BYTES,
} from '../packet/packet'
import { isTag } from '../packet/tags'

/** The least payload that opens an aggregate: smaller frames are cheaper to forward one by one. */
export const MIN_PAYLOAD: u32 = 40
/** The shortest frame that may open one: UDP over IPv4. Shorter frames are not read. */
const MIN_FRAME: u32 = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + MIN_PAYLOAD
const MIN_ACK: u32 = ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES
const ONE: u64 = 1
/** A bit for each protocol that is TCP, or that TCP may be behind (extension headers of IPv6). */
const MAYBE_TCP: u64 = (ONE << TCP) | (ONE << HOP_BY_HOP) | (ONE << ROUTING) | (ONE << DESTINATION_OPTIONS)
const SEGMENT_OFFLOADS: u32 = TAKE_TSO4 | TAKE_TSO6 | TAKE_USO4 | TAKE_USO6

/** Whether some frames toward a port may be merged. */
export function merges(port: usize): boolean {
  const wish = load<u32>(port, P_MERGE)
  if (wish === 0 || load<u32>(port, P_MAX_BATCH_FRAMES) <= 1) return false
  return (wish & MERGE_ACKS) !== 0 || (load<u32>(port, P_TAKES) & SEGMENT_OFFLOADS) !== 0
}

/** Bytes of the shortest TCP or UDP frame toward a port for which merging must be considered. */
export function mergeFloor(port: usize): u32 {
  if (!merges(port)) return 0xffffffff
  return load<u32>(port, P_MERGE) & MERGE_ACKS ? MIN_ACK : MIN_FRAME
}

/** Whether a frame of at least mergeFloor() bytes must take the slow path. A guess on unchecked memory. */
export function mayMerge(at: usize, port: usize): boolean {
  const ip = at + (isTag(load<u16>(at, MACS_BYTES)) ? ETHERNET_BYTES + TAG_BYTES : ETHERNET_BYTES)
  const type: u32 = load<u16>(ip - 2)
  const isV4 = type === ETH_IPV4
  if (!isV4 && type !== ETH_IPV6) return false
  const protocol: u32 = isV4 ? load<u8>(ip, IPV4_PROTOCOL) : load<u8>(ip, IPV6_NEXT)
  if (protocol < 64 && ((MAYBE_TCP >> protocol) & 1) !== 0) return true
  return protocol === UDP && (load<u32>(port, P_TAKES) & (TAKE_USO4 | TAKE_USO6)) !== 0
}

// Which queue pair of its receiver a frame takes: all frames of a flow the same one, so that they stay in order.
import { frame } from '../frame/record'
import { HEAD_AT } from '../layout'
import {
  ETH_IPV4,
  ETH_IPV6,
  IPV4_BYTES,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV6_BYTES,
  IPV6_NEXT,
  IPV6_SOURCE,
  ipv4HeaderBytes,
  isFragment,
  PORTS_BYTES,
  TCP,
  UDP,
} from '../packet/packet'

function hasPorts(protocol: u32): boolean {
  return protocol === TCP || protocol === UDP
}

/** Addresses and ports of the frame at hand, where there are any; else its MAC addresses. */
function words(): u64 {
  const ip: usize = <usize>HEAD_AT + frame.network
  const bytes = frame.headBytes - frame.network
  if (frame.etherType === ETH_IPV4 && bytes >= IPV4_BYTES + PORTS_BYTES) {
    const addresses = load<u64>(ip, IPV4_SOURCE)
    const header = ipv4HeaderBytes(ip)
    if (isFragment(ip) || !hasPorts(load<u8>(ip, IPV4_PROTOCOL)) || header + PORTS_BYTES > bytes)
      return addresses
    return addresses ^ ((<u64>load<u32>(ip + header)) << 16)
  }
  if (frame.etherType === ETH_IPV6 && bytes >= IPV6_BYTES + PORTS_BYTES) {
    const at = ip + IPV6_SOURCE
    const addresses = load<u64>(at) ^ load<u64>(at, 8) ^ load<u64>(at, 16) ^ load<u64>(at, 24)
    return hasPorts(load<u8>(ip, IPV6_NEXT))
      ? addresses ^ ((<u64>load<u32>(ip, IPV6_BYTES)) << 16)
      : addresses
  }
  return load<u64>(HEAD_AT) ^ load<u32>(HEAD_AT, 8)
}

/**
 * A hash that is equal for all frames of a flow. A queue is chosen by its lowest bits, so every bit of a port must
 * reach them: flows of one client differ in little else. Source of the mixing: MurmurHash3, fmix64.
 */
export function flowHash(): u32 {
  if (!frame.isHashed) {
    let hash = words()
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53
    frame.hash = <u32>(hash >> 32)
    frame.isHashed = true
  }
  return frame.hash
}

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
import { networkOffset } from '../packet/tags'

function hasPorts(protocol: u32): boolean {
  return protocol === TCP || protocol === UDP
}

/** Addresses and ports of a frame, of which `have` bytes lie at `at`, where there are any; else its MAC addresses. */
function words(at: usize, have: u32, network: u32): u64 {
  const ip: usize = at + network
  const type: u32 = load<u16>(ip - 2)
  const bytes = have - network
  if (type === ETH_IPV4 && bytes >= IPV4_BYTES + PORTS_BYTES) {
    const addresses = load<u64>(ip, IPV4_SOURCE)
    const header = ipv4HeaderBytes(ip)
    if (isFragment(ip) || !hasPorts(load<u8>(ip, IPV4_PROTOCOL)) || header + PORTS_BYTES > bytes)
      return addresses
    return addresses ^ ((<u64>load<u32>(ip + header)) << 16)
  }
  if (type === ETH_IPV6 && bytes >= IPV6_BYTES + PORTS_BYTES) {
    const source = ip + IPV6_SOURCE
    const addresses = load<u64>(source) ^ load<u64>(source, 8) ^ load<u64>(source, 16) ^ load<u64>(source, 24)
    return hasPorts(load<u8>(ip, IPV6_NEXT))
      ? addresses ^ ((<u64>load<u32>(ip, IPV6_BYTES)) << 16)
      : addresses
  }
  return load<u64>(at) ^ load<u32>(at, 8)
}

/** Every bit of a port reaches the lowest bits, which choose a queue: flows of one client differ in little else. */
function mix(words: u64): u32 {
  let hash = words
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53
  return <u32>(hash >> 32)
}

/**
 * A hash that is equal for all frames of a flow: that of the frame at hand.
 * Source of the mixing: MurmurHash3, fmix64.
 */
export function flowHash(): u32 {
  if (!frame.isHashed) {
    frame.hash = mix(words(HEAD_AT, frame.headBytes, frame.network))
    frame.isHashed = true
  }
  return frame.hash
}

/** The same of a frame of which `have` bytes lie at `at`: all of it, or as many as the head of a frame at hand has. */
export function flowHashAt(at: usize, have: u32): u32 {
  return mix(words(at, have, networkOffset(at, have)))
}

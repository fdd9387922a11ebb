// Which addresses a guarded port may use: the lists of its row, and what learned.ts knows.

import { frame } from '../../frame/record'
import {
  GUARD_LEARN_DHCP,
  GUARD_LEARN_ND,
  GUARD_LINK_LOCAL,
  P_GUARD,
  P_GUARD_IPV4,
  P_GUARD_IPV4_COUNT,
  P_GUARD_IPV4_MASKS,
  P_GUARD_IPV6,
  P_GUARD_IPV6_COUNT,
  P_GUARD_IPV6_MASKS,
  P_GUARD_MAC_COUNT,
  P_GUARD_MACS,
} from '../../layout'
import { IPV6_LINK_LOCAL } from '../../packet/packet'
import { hasLearnedIpv4, hasLearnedIpv6 } from './learned'

/** Whether a port may send from the source address of the frame at hand. */
export function allowsMac(port: usize): boolean {
  return listsMac(port, frame.source)
}

/** Whether a MAC is among those that a port is held to. */
export function listsMac(port: usize, source: u64): boolean {
  const entries = load<u32>(port, P_GUARD_MAC_COUNT)
  for (let i: u32 = 0; i < entries; i++)
    if (load<u64>(port + P_GUARD_MACS + <usize>i * 8) === source) return true
  return false
}

/** Whether a port may use an IPv4 address (memory order): it is listed, or was learned. */
export function allowsIpv4(port: usize, address: u32): boolean {
  const entries = load<u32>(port, P_GUARD_IPV4_COUNT)
  for (let i: u32 = 0; i < entries; i++)
    if (
      (address & load<u32>(port + P_GUARD_IPV4_MASKS + <usize>i * 4)) ===
      load<u32>(port + P_GUARD_IPV4 + <usize>i * 4)
    )
      return true
  return (load<u32>(port, P_GUARD) & GUARD_LEARN_DHCP) !== 0 && hasLearnedIpv4(port, address)
}

/** Whether a port may use the IPv6 address at `at`: it is listed, was learned, or is the link-local one of the frame's MAC. */
export function allowsIpv6(port: usize, at: usize): boolean {
  const low = load<u64>(at)
  const high = load<u64>(at, 8)
  const entries = load<u32>(port, P_GUARD_IPV6_COUNT)
  for (let i: u32 = 0; i < entries; i++) {
    const entry = port + P_GUARD_IPV6 + <usize>i * 16
    const mask = port + P_GUARD_IPV6_MASKS + <usize>i * 16
    if ((low & load<u64>(mask)) === load<u64>(entry) && (high & load<u64>(mask, 8)) === load<u64>(entry, 8))
      return true
  }
  if (load<u32>(port, P_GUARD) & GUARD_LEARN_ND && hasLearnedIpv6(port, at)) return true
  if ((load<u32>(port, P_GUARD) & GUARD_LINK_LOCAL) === 0 || low !== IPV6_LINK_LOCAL) return false
  // Modified EUI-64: the MAC around ff:fe, its local bit inverted. Source: RFC 4291, appendix A.
  const source = frame.source
  return high === (((source & 0xffffff) ^ 2) | 0xfeff000000 | ((source >> 24) << 40))
}

// The guard's short judgement, for the fast path: frames that guard.ts lets pass by their source address alone.
import { frame } from '../../frame/record'
import {
  ETH_IPV4,
  ETH_IPV6,
  IPV4_BYTES,
  IPV4_SOURCE,
  IPV6_BYTES,
  IPV6_NEXT,
  IPV6_SOURCE,
  ipVersion,
  TCP,
  UDP,
} from '../../packet/packet'
import { networkOffset } from '../../packet/tags'
import { allowsIpv4, allowsIpv6 } from './allowed'

/**
 * Whether a frame is IPv4, or TCP or UDP over IPv6, from a listed address. What is not needs the whole judgement.
 * @param at first byte of the frame; @param bytes that lie there; @param source its MAC address
 */
export function isFromListed(port: usize, at: usize, bytes: u32, source: u64): boolean {
  const network = networkOffset(at, bytes)
  const ip = at + network
  const type: u32 = load<u16>(ip - 2)
  if (type === ETH_IPV4) {
    if (network + IPV4_BYTES > bytes || ipVersion(ip) !== 4) return false
    const address = load<u32>(ip, IPV4_SOURCE)
    return address !== 0 && allowsIpv4(port, address)
  }
  if (type !== ETH_IPV6 || network + IPV6_BYTES > bytes || ipVersion(ip) !== 6) return false
  const protocol: u32 = load<u8>(ip, IPV6_NEXT)
  if (protocol !== TCP && protocol !== UDP) return false
  frame.source = source
  return (
    (load<u64>(ip, IPV6_SOURCE) | load<u64>(ip, IPV6_SOURCE + 8)) !== 0 && allowsIpv6(port, ip + IPV6_SOURCE)
  )
}

// The rules of guard.ts for IPv6 and neighbour discovery (ND).

import { extendHead } from '../../frame/open'
import { frame } from '../../frame/record'
import { HEAD_AT } from '../../layout'
import {
  AUTHENTICATION,
  DESTINATION_OPTIONS,
  EXTENSION_LENGTH,
  EXTENSION_UNIT,
  FRAGMENT,
  HOP_BY_HOP,
  ICMPV6,
  ICMPV6_BYTES,
  IPV6_BYTES,
  IPV6_DESTINATION,
  IPV6_FRAGMENT,
  IPV6_FRAGMENT_MASK,
  IPV6_LENGTH,
  IPV6_LINK_GROUP,
  IPV6_NEXT,
  IPV6_SOURCE,
  ipVersion,
  LISTENER_DONE,
  LISTENER_REPORT,
  LISTENER_REPORT_2,
  loadBe16,
  loadMac,
  MAX_EXTENSIONS,
  MOBILITY,
  ND_BYTES,
  ND_OPTION_LENGTH,
  ND_OPTION_MAC,
  ND_OPTION_SOURCE,
  ND_OPTION_TARGET,
  ND_ROUTER_BYTES,
  ND_TARGET,
  ND_UNIT,
  NEIGHBOUR_ADVERTISEMENT,
  NEIGHBOUR_SOLICITATION,
  ROUTER_SOLICITATION,
  ROUTING,
  TCP,
  UDP,
} from '../../packet/packet'
import { allowsIpv6 } from './allowed'
import { learnIpv6 } from './learned'

const NO_ICMP: i32 = 0
const UNREADABLE: i32 = -1

/** Offset of the ICMPv6 header, NO_ICMP, or UNREADABLE when the headers go on beyond what was read. */
function findIcmp(): i32 {
  const network = frame.network
  extendHead()
  const bytes = frame.headBytes
  let next: u32 = load<u8>(<usize>HEAD_AT + network, IPV6_NEXT)
  let at = network + IPV6_BYTES
  for (let i = 0; i < MAX_EXTENSIONS; i++) {
    if (next === ICMPV6) return at + ICMPV6_BYTES <= bytes ? <i32>at : UNREADABLE
    const isExtension =
      next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS || next === MOBILITY
    if (!isExtension && next !== FRAGMENT && next !== AUTHENTICATION) return NO_ICMP
    if (at + EXTENSION_UNIT > bytes) return UNREADABLE
    const header: usize = <usize>HEAD_AT + at
    if (next === FRAGMENT && (<u32>load<u16>(header, IPV6_FRAGMENT) & IPV6_FRAGMENT_MASK) !== 0)
      return NO_ICMP
    const units: u32 = load<u8>(header, EXTENSION_LENGTH)
    at += next === FRAGMENT ? EXTENSION_UNIT : isExtension ? (units + 1) * EXTENSION_UNIT : (units + 2) * 4
    next = load<u8>(header)
  }
  return UNREADABLE
}

/** Whether the link-layer options of an ND message name the frame's own source. */
function ownOptions(at: u32, end: u32): boolean {
  while (at < end) {
    if (at + ND_UNIT > end) return false
    const option: usize = <usize>HEAD_AT + at
    const bytes = <u32>load<u8>(option, ND_OPTION_LENGTH) * ND_UNIT
    if (bytes === 0) return false
    const type: u32 = load<u8>(option)
    const isAddress = type === ND_OPTION_SOURCE || type === ND_OPTION_TARGET
    if (isAddress && loadMac(option + ND_OPTION_MAC) !== frame.source) return false
    at += bytes
  }
  return at === end
}

/** Checks the ICMPv6 message at an offset; `isUnspecified`: it comes from ::. */
function guardIcmp(port: usize, icmp: u32, isUnspecified: boolean): boolean {
  const network = frame.network
  const type: u32 = load<u8>(<usize>HEAD_AT + icmp)
  if (type === LISTENER_REPORT || type === LISTENER_DONE || type === LISTENER_REPORT_2) return true
  const isSolicitation = type === NEIGHBOUR_SOLICITATION
  const isAdvertisement = type === NEIGHBOUR_ADVERTISEMENT
  if (!isSolicitation && !isAdvertisement && type !== ROUTER_SOLICITATION) return !isUnspecified
  const end = network + IPV6_BYTES + loadBe16(<usize>HEAD_AT + network + IPV6_LENGTH)
  const body = icmp + (type === ROUTER_SOLICITATION ? ND_ROUTER_BYTES : ND_BYTES)
  if (end > frame.headBytes || body > end) return false
  if (isAdvertisement && isUnspecified) return false
  if (isAdvertisement || (isSolicitation && isUnspecified)) {
    const target: usize = <usize>HEAD_AT + icmp + ND_TARGET
    if (!allowsIpv6(port, target) && !(isUnspecified && learnIpv6(port, target))) return false
  }
  return ownOptions(body, end)
}

/** Whether a port may send the IPv6 packet of the frame at hand. */
export function guardIpv6(port: usize): boolean {
  const network = frame.network
  if (network + IPV6_BYTES > frame.headBytes) return false
  const ip: usize = <usize>HEAD_AT + network
  if (ipVersion(ip) !== 6) return false
  const isUnspecified = (load<u64>(ip, IPV6_SOURCE) | load<u64>(ip, IPV6_SOURCE + 8)) === 0
  if (!isUnspecified && !allowsIpv6(port, ip + IPV6_SOURCE)) return false
  const protocol: u32 = load<u8>(ip, IPV6_NEXT)
  if (protocol === TCP || protocol === UDP) return !isUnspecified
  const icmp = findIcmp()
  if (icmp === UNREADABLE) return false
  if (icmp === NO_ICMP) return !isUnspecified
  if (isUnspecified && load<u16>(ip, IPV6_DESTINATION) !== IPV6_LINK_GROUP) return false
  return guardIcmp(port, icmp, isUnspecified)
}

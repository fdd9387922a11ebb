// What a port may send: its own addresses, at its own rate. Off unless configured; then one flag of the port
// leads here for each frame, before anything is learned or copied.
//
//   source MAC listed -> addresses behind it listed -> rate        (and, where a frame is flooded: storm)
//
// With a list of IP addresses (an entry may be a prefix, and what guard-learn.ts learned counts as listed) a port may send:
//   IPv4  from a listed address; from 0.0.0.0 a DHCP client's broadcast and IGMP reports
//   ARP   with the sender's MAC equal to the frame's and a listed sender address, or a probe (RFC 5227, sender
//         0.0.0.0) for a listed one; RARP announcements of its own MAC, which QEMU sends after a migration
//   IPv6  from a listed address; from :: what an interface sends before it has one: neighbour solicitations for a
//         listed address, router solicitations, multicast listener reports
//   ND    advertisements for listed addresses, with link-layer options that name the frame's own source MAC
// and nothing else: a family without a listed address, other EtherTypes and what cannot be judged (headers cut
// short, three VLAN tags, extension headers beyond MAX_HEAD_BYTES) are spoofed. Link-local addresses are no
// exception; they are listed, or the one derived from the MAC (EUI-64) is allowed by GUARD_LINK_LOCAL.
// Services are not judged: who may use an address may answer DHCP or send router advertisements from it.
// Sources: libvirt's filter clean-traffic; OVN port security (ovn-nb(5)); RFC 4861, 4.3 to 4.6; RFC 7113, 3.
import { drop } from '../counters'
import { extendHead } from '../frame/open'
import { frame } from '../frame/record'
import {
  BUCKET_FROM,
  DROP_SPOOFED,
  DROP_STORM,
  GUARD_ADDRESSES,
  GUARD_LEARN_DHCP,
  GUARD_LEARN_ND,
  GUARD_LINK_LOCAL,
  GUARD_MACS,
  GUARD_RATE,
  GUARD_STORM,
  HEAD_AT,
  P_GUARD,
  P_GUARD_IPV4,
  P_GUARD_IPV4_COUNT,
  P_GUARD_IPV4_MASKS,
  P_GUARD_IPV6,
  P_GUARD_IPV6_COUNT,
  P_GUARD_IPV6_MASKS,
  P_GUARD_MAC_COUNT,
  P_GUARD_MACS,
} from '../layout'
import {
  ARP_BYTES,
  ARP_OPERATION,
  ARP_REQUEST,
  ARP_SENDER_IPV4,
  ARP_SENDER_MAC,
  ARP_TARGET_IPV4,
  ARP_TYPES,
  ARP_TYPES_MASK,
  AUTHENTICATION,
  DESTINATION_OPTIONS,
  DHCP_TO_SERVER,
  ETH_ARP,
  ETH_IPV4,
  ETH_IPV6,
  ETH_RARP,
  EXTENSION_LENGTH,
  EXTENSION_UNIT,
  FRAGMENT,
  HOP_BY_HOP,
  ICMPV6,
  ICMPV6_BYTES,
  IGMP,
  IGMP_BYTES,
  IGMP_LEAVE,
  IGMP_REPORT,
  IGMP_REPORT_2,
  IGMP_REPORT_3,
  IPV4_BROADCAST,
  IPV4_BYTES,
  IPV4_DESTINATION,
  IPV4_GROUP,
  IPV4_GROUP_MASK,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV6_BYTES,
  IPV6_DESTINATION,
  IPV6_FRAGMENT,
  IPV6_FRAGMENT_MASK,
  IPV6_LENGTH,
  IPV6_LINK_GROUP,
  IPV6_LINK_LOCAL,
  IPV6_NEXT,
  IPV6_SOURCE,
  ipVersion,
  ipv4HeaderBytes,
  isFragment,
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
  PORTS_BYTES,
  RARP_REQUEST,
  ROUTER_SOLICITATION,
  ROUTING,
  TCP,
  UDP,
} from '../packet/packet'
import { hasLearnedIpv4, hasLearnedIpv6, learnIpv6 } from './guard-learn'
import { admitFlood, charge } from './policer'

const NO_ICMP: i32 = 0
const UNREADABLE: i32 = -1

function allowsMac(port: usize): boolean {
  const source = frame.source
  const entries = load<u32>(port, P_GUARD_MAC_COUNT)
  for (let i: u32 = 0; i < entries; i++)
    if (load<u64>(port + P_GUARD_MACS + <usize>i * 8) === source) return true
  return false
}

function allowsIpv4(port: usize, address: u32): boolean {
  const entries = load<u32>(port, P_GUARD_IPV4_COUNT)
  for (let i: u32 = 0; i < entries; i++)
    if (
      (address & load<u32>(port + P_GUARD_IPV4_MASKS + <usize>i * 4)) ===
      load<u32>(port + P_GUARD_IPV4 + <usize>i * 4)
    )
      return true
  return (load<u32>(port, P_GUARD) & GUARD_LEARN_DHCP) !== 0 && hasLearnedIpv4(port, address)
}

function allowsIpv6(port: usize, at: usize): boolean {
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

/** A membership report or leave before there is an address. Source: RFC 3376, 4.2.13. */
function guardIgmp(ip: usize): boolean {
  const header = ipv4HeaderBytes(ip)
  if (header < IPV4_BYTES || isFragment(ip)) return false
  if ((load<u8>(ip, IPV4_DESTINATION) & IPV4_GROUP_MASK) !== IPV4_GROUP) return false
  extendHead()
  if (frame.network + header + IGMP_BYTES > frame.headBytes) return false
  const type: u32 = load<u8>(ip + header)
  return type === IGMP_REPORT || type === IGMP_REPORT_2 || type === IGMP_REPORT_3 || type === IGMP_LEAVE
}

function guardIpv4(port: usize): boolean {
  const network = frame.network
  if (network + IPV4_BYTES > frame.headBytes) return false
  const ip: usize = <usize>HEAD_AT + network
  if (ipVersion(ip) !== 4) return false
  const address = load<u32>(ip, IPV4_SOURCE)
  if (address !== 0 && allowsIpv4(port, address)) return true
  const protocol: u32 = load<u8>(ip, IPV4_PROTOCOL)
  if (protocol === IGMP && address === 0) return guardIgmp(ip)
  if (protocol !== UDP || isFragment(ip)) return false
  // Who has an address since before the switch began to learn may renew its lease.
  const isRenewing = (load<u32>(port, P_GUARD) & GUARD_LEARN_DHCP) !== 0
  if (address === 0 ? load<u32>(ip, IPV4_DESTINATION) !== IPV4_BROADCAST : !isRenewing) return false
  const header = ipv4HeaderBytes(ip)
  extendHead()
  if (header < IPV4_BYTES || network + header + PORTS_BYTES > frame.headBytes) return false
  return load<u32>(ip + header) === DHCP_TO_SERVER
}

function guardArp(port: usize, isReverse: boolean): boolean {
  const network = frame.network
  if (network + ARP_BYTES > frame.headBytes) return false
  const arp: usize = <usize>HEAD_AT + network
  if ((load<u64>(arp) & ARP_TYPES_MASK) !== ARP_TYPES) return false
  if (loadMac(arp + ARP_SENDER_MAC) !== frame.source) return false
  const operation: u32 = load<u16>(arp, ARP_OPERATION)
  if (isReverse && operation !== RARP_REQUEST) return false
  const address = load<u32>(arp, ARP_SENDER_IPV4)
  if (address !== 0) return allowsIpv4(port, address)
  return isReverse || (operation === ARP_REQUEST && allowsIpv4(port, load<u32>(arp, ARP_TARGET_IPV4)))
}

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

function guardIpv6(port: usize): boolean {
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

function guardAddresses(port: usize): boolean {
  const type = frame.etherType
  if (type === ETH_IPV4) return guardIpv4(port)
  if (type === ETH_IPV6) return guardIpv6(port)
  if (type === ETH_ARP || type === ETH_RARP) return guardArp(port, type === ETH_RARP)
  return false
}

/** Whether the frame at hand may come in on its port (PORT_GUARDED); counts the drop when not. */
export function admitIngress(port: usize): boolean {
  const checks = load<u32>(port, P_GUARD)
  if ((checks & GUARD_MACS && !allowsMac(port)) || (checks & GUARD_ADDRESSES && !guardAddresses(port))) {
    drop(port, DROP_SPOOFED)
    return false
  }
  if (checks & GUARD_RATE) charge(port, BUCKET_FROM, frame.bytes, frame.wireFrames)
  return true
}

/** Whether the frame at hand may be flooded from its port (PORT_GUARDED); counts the drop when not. */
export function admitStorm(port: usize): boolean {
  if ((load<u32>(port, P_GUARD) & GUARD_STORM) === 0 || admitFlood(port, frame.wireFrames)) return true
  drop(port, DROP_STORM)
  return false
}

// The rules of guard.ts for IPv4 and ARP.

import { extendHead } from '../../frame/open'
import { frame } from '../../frame/record'
import { GUARD_LEARN_DHCP, HEAD_AT, P_GUARD } from '../../layout'
import {
  ARP_BYTES,
  ARP_OPERATION,
  ARP_REQUEST,
  ARP_SENDER_IPV4,
  ARP_SENDER_MAC,
  ARP_TARGET_IPV4,
  ARP_TYPES,
  ARP_TYPES_MASK,
  DHCP_TO_SERVER,
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
  ipVersion,
  ipv4HeaderBytes,
  isFragment,
  loadMac,
  PORTS_BYTES,
  RARP_REQUEST,
  UDP,
} from '../../packet/packet'
import { allowsIpv4 } from './allowed'

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

/** Whether a port may send the IPv4 packet of the frame at hand. */
export function guardIpv4(port: usize): boolean {
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

/** Whether a port may send the ARP message of the frame at hand; `isReverse`: RARP. */
export function guardArp(port: usize, isReverse: boolean): boolean {
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

// What frames that are forwarded say about addresses: DHCP servers that give them, hosts that defend them (learned.ts).

import { readFrame } from '../../frame/body'
import { frame } from '../../frame/record'
import { DHCP_AT, GUARD_ADDRESSES, GUARD_LEARN_DHCP, HEAD_AT, P_GUARD } from '../../layout'
import {
  DHCP_ACK,
  DHCP_CLIENT_MAC,
  DHCP_COOKIE,
  DHCP_COOKIE_AT,
  DHCP_FIXED_BYTES,
  DHCP_OPTION_END,
  DHCP_OPTION_LEASE,
  DHCP_OPTION_PAD,
  DHCP_OPTION_TYPE,
  DHCP_REPLY,
  DHCP_TO_CLIENT,
  DHCP_YOUR_IPV4,
  ETH_IPV4,
  ETH_IPV6,
  ICMPV6,
  IPV4_BYTES,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  IPV6_NEXT,
  ipv4HeaderBytes,
  loadBe32,
  loadMac,
  ND_BYTES,
  ND_TARGET,
  NEIGHBOUR_ADVERTISEMENT,
  UDP,
  UDP_BYTES,
} from '../../packet/packet'
import { networkOffset } from '../../packet/tags'
import { portAt } from '../../port'
import { fdbKey, fdbLookup } from '../fdb'
import { defendIpv6, learnIpv4 } from './learned'

/** Most of a DHCP message that is read. */
const MAX_DHCP_BYTES: u32 = 1024

/** Learns from a DHCP acknowledgement at a position of the frame at hand. */
function readDhcp(position: u32): void {
  if (position + DHCP_FIXED_BYTES > frame.bytes) return
  const bytes = min<u32>(frame.bytes - position, MAX_DHCP_BYTES)
  readFrame(DHCP_AT, position, bytes)
  if (<u32>load<u8>(DHCP_AT) !== DHCP_REPLY || load<u32>(DHCP_AT, DHCP_COOKIE_AT) !== DHCP_COOKIE) return
  let type: u32 = 0
  let leaseS: u32 = 0
  for (let at = DHCP_FIXED_BYTES; at < bytes; ) {
    const option: u32 = load<u8>(<usize>DHCP_AT + at)
    if (option === DHCP_OPTION_END) break
    if (option === DHCP_OPTION_PAD) {
      at++
      continue
    }
    if (at + 2 > bytes) return
    const length: u32 = load<u8>(<usize>DHCP_AT + at, 1)
    if (at + 2 + length > bytes) return
    if (option === DHCP_OPTION_TYPE && length === 1) type = load<u8>(<usize>DHCP_AT + at, 2)
    if (option === DHCP_OPTION_LEASE && length === 4) leaseS = loadBe32(<usize>DHCP_AT + at + 2)
    at += 2 + length
  }
  const address = load<u32>(DHCP_AT, DHCP_YOUR_IPV4)
  if (type !== DHCP_ACK || address === 0) return
  const index = fdbLookup(fdbKey(loadMac(<usize>DHCP_AT + DHCP_CLIENT_MAC), frame.vlan))
  if (index < 0) return
  const port = portAt(index)
  if (load<u32>(port, P_GUARD) & GUARD_LEARN_DHCP) learnIpv4(port, address, leaseS)
}

/**
 * Whether a frame may say something about addresses: a DHCP server's answer to a client, an IPv6 neighbour advertisement.
 * @param at its first byte; @param bytes that lie there
 */
export function tellsAddresses(at: usize, bytes: u32): boolean {
  const network = networkOffset(at, bytes)
  const ip = at + network
  const type: u32 = load<u16>(ip - 2)
  if (type === ETH_IPV4) {
    if (network + IPV4_BYTES + UDP_BYTES > bytes || <u32>load<u8>(ip, IPV4_PROTOCOL) !== UDP) return false
    const header = ipv4HeaderBytes(ip)
    if (header < IPV4_BYTES || network + header + UDP_BYTES > bytes) return false
    return load<u32>(ip + header) === DHCP_TO_CLIENT
  }
  if (type !== ETH_IPV6 || network + IPV6_BYTES + ND_BYTES > bytes) return false
  return <u32>load<u8>(ip, IPV6_NEXT) === ICMPV6 && <u32>load<u8>(ip, IPV6_BYTES) === NEIGHBOUR_ADVERTISEMENT
}

/** Reads what the frame at hand, admitted from a port, says about addresses. */
export function observe(from: usize): void {
  if (!tellsAddresses(HEAD_AT, frame.headBytes)) return
  const network = frame.network
  const ip: usize = <usize>HEAD_AT + network
  if (frame.etherType !== ETH_IPV4) defendIpv6(from, ip + IPV6_BYTES + ND_TARGET)
  else if ((load<u32>(from, P_GUARD) & GUARD_ADDRESSES) === 0)
    readDhcp(network + ipv4HeaderBytes(ip) + UDP_BYTES)
}

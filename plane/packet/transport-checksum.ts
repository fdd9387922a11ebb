// Where the checksum of a packet's transport header lies, for frames whose sender or receiver is told no more than that it
// is to be completed: both ends must find the same place. Source: skb_checksum_setup (Linux 6.1).
import { findTransport, protocolBehind } from './extensions'
import {
  ETH_IPV4,
  ETH_IPV6,
  IPV4_BYTES,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  ipVersion,
  ipv4HeaderBytes,
  isFragment,
  TCP,
  TCP_CHECKSUM,
  UDP,
  UDP_CHECKSUM,
} from './packet'

/** What carriesChecksum() found: the transport header, its protocol, and where in it the checksum lies. */
export let transportAt: u32 = 0
export let transportProtocol: u32 = 0
export let checksumOffset: u32 = 0

/**
 * Whether a frame carries TCP or UDP, no fragment of it, whose checksum can be found without being told.
 * @param network offset of its network header; @param type EtherType in front of that; @param have bytes at `at`
 */
export function carriesChecksum(at: usize, have: u32, network: u32, type: u32): boolean {
  const ip = at + network
  if (type === ETH_IPV4) {
    if (network + IPV4_BYTES > have || ipVersion(ip) !== 4 || isFragment(ip)) return false
    transportAt = network + ipv4HeaderBytes(ip)
    transportProtocol = load<u8>(ip, IPV4_PROTOCOL)
  } else if (type === ETH_IPV6) {
    if (network + IPV6_BYTES > have || ipVersion(ip) !== 6) return false
    transportAt = findTransport(at, network, have)
    transportProtocol = protocolBehind
    if (transportAt === 0) return false
  } else return false
  if (transportProtocol === TCP) checksumOffset = TCP_CHECKSUM
  else if (transportProtocol === UDP) checksumOffset = UDP_CHECKSUM
  else return false
  return true
}

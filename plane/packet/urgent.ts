// Which frames must not wait for a batch: a sender that waits for its answer would only lose by it.
// Urgent are: anything but IP (ARP, control protocols), IP that is neither TCP nor UDP (ICMP, ND), TCP with PSH,
// SYN, FIN, RST or URG, pure acknowledgements, and what is too short or odd to tell. Plain UDP and TCP segments
// with data may wait. Nothing but the moment of publication depends on it, so guest memory is read as it is.

import { findTransport, protocolBehind } from './extensions'
import {
  ETH_IPV4,
  ETH_IPV6,
  FIN,
  IPV4_BYTES,
  IPV4_LENGTH,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  IPV6_LENGTH,
  ipv4HeaderBytes,
  isFragment,
  loadBe16,
  PSH,
  RST,
  SYN,
  TCP,
  TCP_FLAGS,
  tcpHeaderBytes,
  UDP,
  URG,
} from './packet'
import { networkOffset } from './tags'

const URGENT_FLAGS: u32 = FIN | SYN | RST | PSH | URG

/**
 * Whether a frame is TCP. Where a guest has no buffers, TCP waits in the backlog (its sender would have to send it
 * again) and other plain frames are dropped at once: under overload nothing may cost more than a frame that arrives.
 */
export function isTcp(at: usize, have: u32): boolean {
  const network = networkOffset(at, have)
  if (network + IPV4_BYTES > have) return false
  const type: u32 = load<u16>(at + network - 2)
  if (type === ETH_IPV4) return load<u8>(at + network, IPV4_PROTOCOL) === TCP
  if (type !== ETH_IPV6 || network + IPV6_BYTES > have) return false
  return findTransport(at, network, have) !== 0 && protocolBehind === TCP
}

/**
 * Whether a frame is urgent.
 * @param at its first byte; @param have bytes that may be read there; @param bytes length of the whole frame
 */
export function isUrgent(at: usize, have: u32, bytes: u32): boolean {
  const network = networkOffset(at, have)
  if (network + IPV6_BYTES > have) return true
  const ip = at + network
  const type: u32 = load<u16>(ip - 2)
  let transport: u32 = network
  let protocol: u32 = 0
  let end: u32 = bytes
  if (type === ETH_IPV4) {
    if (isFragment(ip)) return false
    transport += ipv4HeaderBytes(ip)
    protocol = load<u8>(ip, IPV4_PROTOCOL)
    const length = network + loadBe16(ip + IPV4_LENGTH)
    if (length < end && length > network) end = length
  } else if (type === ETH_IPV6) {
    transport = findTransport(at, network, have)
    if (transport === 0) return true
    protocol = protocolBehind
    const length = network + IPV6_BYTES + loadBe16(ip + IPV6_LENGTH)
    if (length < end && length > transport) end = length
  } else return true
  if (protocol === UDP) return false
  if (protocol !== TCP || transport + TCP_FLAGS + 1 > have) return true
  if (load<u8>(at + transport, TCP_FLAGS) & URGENT_FLAGS) return true
  return transport + tcpHeaderBytes(at + transport) >= end
}

// Which frames must not wait for a batch: a sender that waits for its answer would only lose by it.
// Urgent are: anything but IP (ARP, control protocols), IP that is neither TCP nor UDP (ICMP, ND), TCP with PSH,
// SYN, FIN, RST or URG, pure acknowledgements, and what is too short or odd to tell. Plain UDP and TCP segments
// with data may wait. Nothing but the moment of publication depends on it, so guest memory is read as it is.
import { ETH_IPV4, ETH_IPV6, networkOffset } from './tags'

const TCP: u32 = 6
const UDP: u32 = 17
/** FIN, SYN, RST, PSH, URG. */
const TCP_URGENT: u32 = 0x2f

/**
 * Whether a frame is TCP. Where a guest has no buffers, TCP waits in the backlog (its sender would have to send it
 * again) and other plain frames are dropped at once: under overload nothing may cost more than a frame that arrives.
 */
export function isTcp(at: usize, have: u32): boolean {
  const network = networkOffset(at, have)
  if (network + 20 > have) return false
  const type: u32 = load<u16>(at + network - 2)
  if (type === ETH_IPV4) return load<u8>(at + network, 9) === TCP
  return type === ETH_IPV6 && load<u8>(at + network, 6) === TCP
}

/**
 * Whether a frame is urgent.
 * @param at its first byte; @param have bytes that may be read there; @param bytes length of the whole frame
 */
export function isUrgent(at: usize, have: u32, bytes: u32): boolean {
  const network = networkOffset(at, have)
  if (network + 40 > have) return true
  const ip = at + network
  const type: u32 = load<u16>(ip - 2)
  let transport: u32 = network
  let protocol: u32 = 0
  let end: u32 = bytes
  if (type === ETH_IPV4) {
    if (load<u16>(ip, 6) & 0xff3f) return false
    transport += (load<u8>(ip) & 15) * 4
    protocol = load<u8>(ip, 9)
    const length = network + <u32>bswap<u16>(load<u16>(ip, 2))
    if (length < end && length > network) end = length
  } else if (type === ETH_IPV6) {
    transport += 40
    protocol = load<u8>(ip, 6)
    const length = network + 40 + <u32>bswap<u16>(load<u16>(ip, 4))
    if (length < end && length > network + 40) end = length
  } else return true
  if (protocol === UDP) return false
  if (protocol !== TCP || transport + 14 > have) return true
  if (load<u8>(at + transport, 13) & TCP_URGENT) return true
  return transport + (load<u8>(at + transport, 12) >> 4) * 4 >= end
}

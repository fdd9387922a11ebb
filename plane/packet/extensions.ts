// IPv6 extension headers that segments of a packet repeat: hop-by-hop options, destination options, and a route that has
// ended (the addresses of the IP header are then those of the checksum). Fragments, authentication and whatever else
// makes a packet of its own are not walked. Sources: RFC 8200, 4 and 8.1; ipv6_gso_pull_exthdrs (Linux 6.1).
import {
  DESTINATION_OPTIONS,
  EXTENSION_LENGTH,
  EXTENSION_UNIT,
  HOP_BY_HOP,
  IPV6_BYTES,
  IPV6_NEXT,
  MAX_EXTENSIONS,
  ROUTING,
  ROUTING_LEFT,
} from './packet'

/** What follows the headers that were walked last. */
export let protocolBehind: u32 = 0

/** Whether a next header is one that findTransport() walks. */
export function isExtension(next: u32): boolean {
  return next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS
}

/**
 * Finds what is behind the IPv6 header at an offset and at most MAX_EXTENSIONS extension headers; protocolBehind says
 * what it is. None of it is read.
 * @param at first byte of the frame; @param have bytes that may be read there: the IPv6 header lies in them
 * @returns its offset from `at`, which may be beyond `have`; 0 when the headers go on or cannot be read
 */
export function findTransport(at: usize, network: u32, have: u32): u32 {
  let next: u32 = load<u8>(at + network, IPV6_NEXT)
  let transport = network + IPV6_BYTES
  for (let i = 0; i < MAX_EXTENSIONS && isExtension(next); i++) {
    if (transport + EXTENSION_UNIT > have) return 0
    const header = at + transport
    if (next === ROUTING && load<u8>(header, ROUTING_LEFT) !== 0) return 0
    next = load<u8>(header)
    transport += (<u32>load<u8>(header, EXTENSION_LENGTH) + 1) * EXTENSION_UNIT
  }
  protocolBehind = next
  return isExtension(next) ? 0 : transport
}

// What lies in packets: every word of their headers once, and the readers of those words.
//
// Offsets count from the first byte of the header that they are named after. Numbers are those of the wire. Those
// marked "memory order" are what a little-endian load finds there, so that nothing need be swapped to compare them.
// Whoever reads has checked that the bytes are there; nothing here checks a length.
//
// Sources: IEEE 802.3, IEEE 802.1Q-2018 (Ethernet, tags), RFC 826 (ARP), RFC 791 (IPv4), RFC 8200 (IPv6),
// RFC 9293 (TCP), RFC 768 (UDP), RFC 3376 (IGMP), RFC 4443, RFC 3810, RFC 4861 (ICMPv6), RFC 2131, RFC 2132 (DHCP).

export function loadBe16(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at))
}
export function storeBe16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value))
}
export function loadBe32(at: usize): u32 {
  return bswap<u32>(load<u32>(at))
}
export function storeBe32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value))
}

// ---- Ethernet ----
/** Offset of the source address; the destination is first. */
export const MAC_SOURCE: u32 = 6
/** Bytes of both addresses: there the first EtherType lies. */
export const MACS_BYTES: u32 = 12
export const ETHERNET_BYTES: u32 = 14
/** A tag, and the control field behind its EtherType. */
export const TAG_BYTES: u32 = 4
export const TAG_CONTROL: u32 = 2

/** An address is held as a u64, in memory order. */
export const MAC_MASK: u64 = 0xffffffffffff
export const MAC_BROADCAST: u64 = 0xffffffffffff
/** 01-80-C2-00-00-00 to -0F, which are for the link alone. Source: IEEE 802.1D, table 7-10. */
export const MAC_RESERVED: u64 = 0x0000c28001
export const MAC_RESERVED_MASK: u64 = 0xf0ffffffffff

/** EtherTypes, memory order. ETH_OLD_SERVICE is the first of OLD_SERVICES types: 9100, 9200, 9300. */
export const ETH_IPV4: u32 = 0x0008
export const ETH_IPV6: u32 = 0xdd86
export const ETH_ARP: u32 = 0x0608
export const ETH_RARP: u32 = 0x3580
export const ETH_VLAN: u32 = 0x0081
export const ETH_SERVICE: u32 = 0xa888
export const ETH_OLD_SERVICE: u32 = 0x0091
export const OLD_SERVICES: u32 = 3
/** IEEE 802, Local Experimental EtherType 1. */
export const ETH_EXPERIMENT: u32 = 0xb588

export function loadMac(at: usize): u64 {
  return load<u64>(at) & MAC_MASK
}
/** Whether an address is a group's (broadcast included). */
export function isGroup(mac: u64): boolean {
  return (mac & 1) !== 0
}

// ---- ARP, RARP ----
export const ARP_BYTES: u32 = 28
export const ARP_OPERATION: u32 = 6
export const ARP_SENDER_MAC: u32 = 8
export const ARP_SENDER_IPV4: u32 = 14
export const ARP_TARGET_IPV4: u32 = 24
/** The first six bytes, memory order: Ethernet, IPv4, address lengths 6 and 4. */
export const ARP_TYPES: u64 = 0x040600080100
export const ARP_TYPES_MASK: u64 = 0xffffffffffff
/** Operations, memory order. */
export const ARP_REQUEST: u32 = 0x0100
export const RARP_REQUEST: u32 = 0x0300

// ---- IP ----
export const MAX_IP_BYTES: u32 = 65535
export const HOP_BY_HOP: u32 = 0
export const IGMP: u32 = 2
export const TCP: u32 = 6
export const UDP: u32 = 17
export const ROUTING: u32 = 43
export const FRAGMENT: u32 = 44
export const AUTHENTICATION: u32 = 51
export const ICMPV6: u32 = 58
export const DESTINATION_OPTIONS: u32 = 60
export const MOBILITY: u32 = 135

export function ipVersion(ip: usize): u32 {
  return <u32>load<u8>(ip) >> 4
}

export const IPV4_BYTES: u32 = 20
export const IPV4_LENGTH: u32 = 2
export const IPV4_IDENTIFICATION: u32 = 4
export const IPV4_FRAGMENT: u32 = 6
export const IPV4_PROTOCOL: u32 = 9
export const IPV4_CHECKSUM: u32 = 10
export const IPV4_SOURCE: u32 = 12
export const IPV4_DESTINATION: u32 = 16
/** In the byte at IPV4_FRAGMENT. */
export const DONT_FRAGMENT: u32 = 0x40
/** More fragments, and the fragment offset; memory order. */
const FRAGMENT_MASK: u32 = 0xff3f
/** First byte of group addresses, and its bits that say so. */
export const IPV4_GROUP: u32 = 0xe0
export const IPV4_GROUP_MASK: u32 = 0xf0
export const IPV4_BROADCAST: u32 = 0xffffffff

/** Bytes of an IPv4 header with its options, as it says: 0 to 60. */
export function ipv4HeaderBytes(ip: usize): u32 {
  return <u32>(load<u8>(ip) & 15) * 4
}
/** Whether an IPv4 packet is a part of one. */
export function isFragment(ip: usize): boolean {
  return (<u32>load<u16>(ip, IPV4_FRAGMENT) & FRAGMENT_MASK) !== 0
}

export const IPV6_BYTES: u32 = 40
/** Payload bytes: all that follows the fixed header. */
export const IPV6_LENGTH: u32 = 4
export const IPV6_NEXT: u32 = 6
export const IPV6_SOURCE: u32 = 8
export const IPV6_DESTINATION: u32 = 24
/** First two bytes of a link-local address and prefix (fe80::/64) and of a link-local group, memory order. */
export const IPV6_LINK_LOCAL: u64 = 0x80fe
export const IPV6_LINK_GROUP: u32 = 0x02ff

/** Extension headers begin with the next header and a length; they are whole units of 8 bytes. */
export const EXTENSION_LENGTH: u32 = 1
export const EXTENSION_UNIT: u32 = 8
export const ROUTING_LEFT: u32 = 3
/** In a fragment header: the offset (memory order), which is 0 in the first part. */
export const IPV6_FRAGMENT: u32 = 2
export const IPV6_FRAGMENT_MASK: u32 = 0xf8ff
/** Most extension headers that are walked. */
export const MAX_EXTENSIONS: i32 = 8

// ---- TCP, UDP ----
/** Bytes of both ports, with which both headers begin: source, destination. */
export const PORTS_BYTES: u32 = 4
const PORT_DESTINATION: u32 = 2

export const TCP_BYTES: u32 = 20
export const TCP_SEQUENCE: u32 = 4
export const TCP_ACKNOWLEDGEMENT: u32 = 8
export const TCP_OFFSET: u32 = 12
export const TCP_FLAGS: u32 = 13
export const TCP_WINDOW: u32 = 14
export const TCP_CHECKSUM: u32 = 16
export const TCP_URGENT: u32 = 18
export const FIN: u32 = 0x01
export const SYN: u32 = 0x02
export const RST: u32 = 0x04
export const PSH: u32 = 0x08
export const ACK: u32 = 0x10
export const URG: u32 = 0x20
export const ECE: u32 = 0x40
export const CWR: u32 = 0x80
export const TCP_OPTION_END: u32 = 0
export const TCP_OPTION_NOP: u32 = 1
export const TCP_OPTION_SACK: u32 = 5

/** Bytes of a TCP header with its options, as it says: 0 to 60. */
export function tcpHeaderBytes(tcp: usize): u32 {
  return (<u32>load<u8>(tcp, TCP_OFFSET) >> 4) * 4
}

export const UDP_BYTES: u32 = 8
export const UDP_LENGTH: u32 = 4
export const UDP_CHECKSUM: u32 = 6

// ---- IGMP, ICMPv6 ----
export const IGMP_BYTES: u32 = 8
export const IGMP_REPORT: u32 = 0x12
export const IGMP_REPORT_2: u32 = 0x16
export const IGMP_LEAVE: u32 = 0x17
export const IGMP_REPORT_3: u32 = 0x22

/** The least that an ICMPv6 message is read at. */
export const ICMPV6_BYTES: u32 = 8
export const LISTENER_REPORT: u32 = 131
export const LISTENER_DONE: u32 = 132
export const ROUTER_SOLICITATION: u32 = 133
export const NEIGHBOUR_SOLICITATION: u32 = 135
export const NEIGHBOUR_ADVERTISEMENT: u32 = 136
export const LISTENER_REPORT_2: u32 = 143
/** Target address of a neighbour's solicitation or advertisement, and where the options begin behind it. */
export const ND_TARGET: u32 = 8
export const ND_BYTES: u32 = 24
export const ND_ROUTER_BYTES: u32 = 8
/** Options: type, length in units of 8 bytes, link-layer address. */
export const ND_UNIT: u32 = 8
export const ND_OPTION_LENGTH: u32 = 1
export const ND_OPTION_MAC: u32 = 2
export const ND_OPTION_SOURCE: u32 = 1
export const ND_OPTION_TARGET: u32 = 2

// ---- DHCP ----
const DHCP_SERVER: u32 = 67
const DHCP_CLIENT: u32 = 68
/** Both UDP ports, memory order: 68 to 67, and 67 to 68. */
export const DHCP_TO_SERVER: u32 = 0x43004400
export const DHCP_TO_CLIENT: u32 = 0x44004300
export const DHCP_YOUR_IPV4: u32 = 16
export const DHCP_CLIENT_MAC: u32 = 28
/** The fixed part of a message, which ends with the cookie (memory order). */
export const DHCP_FIXED_BYTES: u32 = 240
export const DHCP_COOKIE_AT: u32 = 236
export const DHCP_COOKIE: u32 = 0x63538263
export const DHCP_REPLY: u32 = 2
/** Options: type, length, data; and the types that have no length. */
export const DHCP_OPTION_PAD: u32 = 0
export const DHCP_OPTION_END: u32 = 255
export const DHCP_OPTION_LEASE: u32 = 51
export const DHCP_OPTION_TYPE: u32 = 53
export const DHCP_ACK: u32 = 5

/** Whether a UDP header is toward a DHCP server or client, which may read it from a raw socket. */
export function isDhcp(udp: usize): boolean {
  const port = loadBe16(udp + PORT_DESTINATION)
  return port === DHCP_SERVER || port === DHCP_CLIENT
}

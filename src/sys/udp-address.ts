/** Socket addresses of UDP end points as the kernel has them. Source: ip(7), ipv6(7). */

const AF_INET = 2
const AF_INET6 = 10
const IPV4_BYTES = 4
const ADDRESS_AT = { 4: 4, 16: 8 } as const

/** Room for a struct sockaddr_in or sockaddr_in6, rounded up to whole cache lines' parts. */
export const SOCKET_ADDRESS_BYTES = 32

/** AF_INET or AF_INET6. @param address 4 or 16 bytes in network order */
export function familyOf(address: Uint8Array): number {
  return address.length === IPV4_BYTES ? AF_INET : AF_INET6
}

/** A struct sockaddr_in or sockaddr_in6. @param address 4 or 16 bytes in network order; @param port in host order */
export function socketAddress(address: Uint8Array, port: number): Uint8Array {
  const isV4 = address.length === IPV4_BYTES
  const bytes = new Uint8Array(isV4 ? 16 : 28)
  const data = new DataView(bytes.buffer)
  data.setUint16(0, familyOf(address), true)
  data.setUint16(2, port, false)
  bytes.set(address, isV4 ? ADDRESS_AT[4] : ADDRESS_AT[16])
  return bytes
}

/** The words (u32) of a socket address in which the host's address lies. */
export function addressWords(isV4: boolean): { readonly first: number; readonly count: number } {
  return isV4 ? { first: ADDRESS_AT[4] / 4, count: 1 } : { first: ADDRESS_AT[16] / 4, count: 4 }
}

/** The host's address in a socket address, as people write it. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] as number) << 8) | (bytes[at * 2 + 1] as number)).toString(16),
  )
  // The URL parser writes IPv6 addresses in their canonical form (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

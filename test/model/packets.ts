/**
 * TCP and UDP packets with right checksums, and their independent verification: big-endian arithmetic over
 * 16-bit words, as RFC 1071 writes it down.
 */

/** An IPv6 extension header: its number, and what follows next header and length (6 bytes, or 8 n more). */
export type Extension = readonly [number: number, body: readonly number[]]

/** Some as hosts send them: options that are padding alone, and a route that has ended (no segments left). */
export const HOP_BY_HOP: Extension = [0, [1, 4, 0, 0, 0, 0]]
export const ENDED_ROUTE: Extension = [43, [4, 0, 0, 0, 0, 0]]
export const DESTINATION: Extension = [60, [1, 4, 0, 0, 0, 0]]

export interface PacketOptions {
  readonly v6?: boolean
  /** IPv6 extension headers, outermost first. */
  readonly extensions?: readonly Extension[]
  readonly udp?: boolean
  readonly vlan?: number
  readonly payload: Uint8Array
  /** Bytes of TCP options, a multiple of 4 up to 40. */
  readonly tcpOptions?: Uint8Array
  /** Bytes of IPv4 options, a multiple of 4 up to 40. */
  readonly ipOptions?: Uint8Array
  readonly tcpFlags?: number
  readonly sequence?: number
  readonly identification?: number
  readonly to?: number
  readonly from?: number
}

/** Where the parts of a packet lie, in bytes from its start. */
export interface Layout {
  readonly network: number
  readonly transport: number
  readonly payload: number
}

export function be16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

export function be32(bytes: Uint8Array, at: number): number {
  return be16(bytes, at) * 65536 + be16(bytes, at + 2)
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >> 8) & 0xff
  bytes[at + 1] = value & 0xff
}

/** One's complement sum, folded. Source: RFC 1071. */
export function onesSum(bytes: Uint8Array, start = 0): number {
  let sum = start
  for (let at = 0; at < bytes.length; at += 2)
    sum += ((bytes[at] as number) << 8) + (at + 1 < bytes.length ? (bytes[at + 1] as number) : 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536)
  return sum
}

/** Sum over the pseudo header. Source: RFC 9293, 3.1; RFC 8200, 8.1. */
export function pseudoSum(frame: Uint8Array, { network, transport }: Layout, udp: boolean): number {
  const v6 = (frame[network] as number) >> 4 === 6
  const addresses = v6 ? frame.slice(network + 8, network + 40) : frame.slice(network + 12, network + 20)
  return onesSum(addresses, (udp ? 17 : 6) + (frame.length - transport))
}

/** IPv6 headers that are extensions, as far as the tests have them. Source: RFC 8200, 4. */
const EXTENSIONS = [0, 43, 44, 60]

/** The protocol behind an IP header and all extension headers, and where it lies. */
export function transportOf(frame: Uint8Array, network: number): { protocol: number; transport: number } {
  const first = frame[network] as number
  if (first >> 4 !== 6)
    return { protocol: frame[network + 9] as number, transport: network + (first & 15) * 4 }
  let protocol = frame[network + 6] as number
  let transport = network + 40
  while (EXTENSIONS.includes(protocol) && transport + 8 <= frame.length) {
    protocol = frame[transport] as number
    transport += ((frame[transport + 1] as number) + 1) * 8
  }
  return { protocol, transport }
}

export function layoutOf(frame: Uint8Array): Layout {
  const network = be16(frame, 12) === 0x8100 ? 18 : 14
  const { protocol, transport } = transportOf(frame, network)
  const payload = transport + (protocol === 17 ? 8 : ((frame[transport + 12] as number) >> 4) * 4)
  return { network, transport, payload }
}

/** Offset of the checksum in the transport header. */
export const csumOffset = (udp: boolean): number => (udp ? 6 : 16)

/**
 * A frame whose transport checksum field holds the sum of the pseudo header alone, as drivers leave it to
 * the device; everything else is right. Source: virtio 1.3, 5.1.6.2.
 */
export function partialPacket(options: PacketOptions): Uint8Array {
  const { payload, v6 = false, udp = false, vlan = 0 } = options
  const tcpOptions = options.tcpOptions ?? new Uint8Array(0)
  const ipOptions = v6 ? new Uint8Array(0) : (options.ipOptions ?? new Uint8Array(0))
  const network = vlan > 0 ? 18 : 14
  const extensions = v6 ? (options.extensions ?? []) : []
  const ahead = extensions.reduce((bytes, [, body]) => bytes + 2 + body.length, 0)
  const transport = network + (v6 ? 40 + ahead : 20 + ipOptions.length)
  const start = transport + (udp ? 8 : 20 + tcpOptions.length)
  const frame = new Uint8Array(start + payload.length)
  frame.set([2, 0, 0, 0, 0, options.to ?? 2, 2, 0, 0, 0, 0, options.from ?? 1])
  if (vlan > 0) frame.set([0x81, 0, vlan >> 8, vlan & 0xff], 12)
  put16(frame, network - 2, v6 ? 0x86dd : 0x0800)
  if (v6) {
    frame[network] = 0x60
    put16(frame, network + 4, frame.length - network - 40)
    frame[network + 7] = 64
    let next = network + 6
    let end = network + 40
    for (const [number, body] of extensions) {
      frame[next] = number
      next = end
      frame.set([0, (body.length - 6) / 8, ...body], end)
      end += 2 + body.length
    }
    frame[next] = udp ? 17 : 6
    for (let at = 8; at < 40; at++) frame[network + at] = (at * 37) & 0xff
  } else {
    frame[network] = 0x40 | (5 + ipOptions.length / 4)
    put16(frame, network + 2, frame.length - network)
    put16(frame, network + 4, options.identification ?? 0x1234)
    frame[network + 6] = 0x40
    frame[network + 8] = 64
    frame[network + 9] = udp ? 17 : 6
    frame.set([10, 1, 2, 3, 192, 168, 77, 200], network + 12)
    frame.set(ipOptions, network + 20)
    put16(frame, network + 10, ~onesSum(frame.subarray(network, transport)) & 0xffff)
  }
  put16(frame, transport, 40001)
  put16(frame, transport + 2, 5201)
  if (udp) put16(frame, transport + 4, 8 + payload.length)
  else {
    const sequence = options.sequence ?? 0x01020304
    put16(frame, transport + 4, Math.floor(sequence / 65536))
    put16(frame, transport + 6, sequence & 0xffff)
    put16(frame, transport + 8, 0x0a0b)
    put16(frame, transport + 10, 0x0c0d)
    frame[transport + 12] = ((20 + tcpOptions.length) / 4) << 4
    frame[transport + 13] = options.tcpFlags ?? 0x10
    put16(frame, transport + 14, 0xfff0)
    frame.set(tcpOptions, transport + 20)
  }
  frame.set(payload, start)
  const layout = { network, transport, payload: start }
  put16(frame, transport + csumOffset(udp), pseudoSum(frame, layout, udp))
  return frame
}

/** The frame with its transport checksum completed. UDP sends 0xffff for 0 (RFC 768). */
export function completed(partial: Uint8Array, udp: boolean): Uint8Array {
  const frame = partial.slice()
  const { transport } = layoutOf(frame)
  const value = ~onesSum(frame.subarray(transport)) & 0xffff
  put16(frame, transport + csumOffset(udp), value === 0 && udp ? 0xffff : value)
  return frame
}

/** What is wrong with the checksums and lengths of a packet, or undefined. */
export function faultOf(frame: Uint8Array, udp: boolean): string | undefined {
  const layout = layoutOf(frame)
  const { network, transport } = layout
  if ((frame[network] as number) >> 4 === 4) {
    if (onesSum(frame.subarray(network, transport)) !== 0xffff) return 'IPv4 header checksum'
    if (be16(frame, network + 2) !== frame.length - network) return 'IPv4 length'
  } else if (be16(frame, network + 4) !== frame.length - network - 40) return 'IPv6 length'
  if (udp && be16(frame, transport + 4) !== frame.length - transport) return 'UDP length'
  if (udp && be16(frame, transport + 6) === 0) return 'UDP without checksum'
  if (onesSum(frame.subarray(transport), pseudoSum(frame, layout, udp)) !== 0xffff)
    return 'transport checksum'
  return undefined
}

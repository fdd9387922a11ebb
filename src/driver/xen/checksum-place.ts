const ETHERNET_BYTES = 14
const IPV6_BYTES = 40
const TAG_TYPE = 0x8100
/** Where the checksum lies in TCP and UDP headers, by protocol. */
const CHECKSUMS: ReadonlyMap<number, number> = new Map([
  [6, 16],
  [17, 6],
])
/** Hop-by-hop options, routing, destination options. */
const EXTENSIONS = [0, 43, 60]

/** Where a kernel finds the partial checksum of a frame: it looks at the headers. Undefined: it does not. */
export function checksumPlace(frame: Uint8Array): { csumStart: number; csumOffset: number } | undefined {
  const data = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (frame.length < ETHERNET_BYTES) return undefined
  let network = ETHERNET_BYTES
  while (network + 4 <= frame.length && data.getUint16(network - 2) === TAG_TYPE) network += 4
  const type = data.getUint16(network - 2)
  let csumStart = 0
  let protocol = -1
  if (type === 0x0800 && network + 20 <= frame.length) {
    csumStart = network + (data.getUint8(network) & 15) * 4
    protocol = data.getUint8(network + 9)
  } else if (type === 0x86dd && network + IPV6_BYTES <= frame.length) {
    protocol = data.getUint8(network + 6)
    csumStart = network + IPV6_BYTES
    while (EXTENSIONS.includes(protocol) && csumStart + 8 <= frame.length) {
      protocol = data.getUint8(csumStart)
      csumStart += (data.getUint8(csumStart + 1) + 1) * 8
    }
  }
  const csumOffset = CHECKSUMS.get(protocol)
  return csumOffset === undefined ? undefined : { csumStart, csumOffset }
}

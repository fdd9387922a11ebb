/** The headers of a modelled frame, as tools and the plane read them: MACs and addresses by number of the port. */

export const ETHERNET_BYTES = 14
export const [UDP, TCP] = [17, 6]
const IPV4 = 0x0800
const FIVE_WORDS = 0x45
const TTL = 64
/** Of a length: a frame of segmentation offload may be longer. */
const MOST = 0xffff

/** Writes Ethernet and IPv4, without its checksum, over zeros or a head of before. @param bytes of the frame */
export function writeHead(words: DataView, from: number, to: number, bytes: number, protocol: number): void {
  words.setUint32(0, 0x02000000)
  words.setUint16(4, to)
  words.setUint32(6, 0x02000000)
  words.setUint16(10, from)
  words.setUint16(12, IPV4)
  words.setUint8(14, FIVE_WORDS)
  words.setUint16(16, Math.min(MOST, bytes - ETHERNET_BYTES))
  words.setUint8(22, TTL)
  words.setUint8(23, protocol)
  words.setUint32(26, 0x0a000000 + from)
  words.setUint32(30, 0x0a000000 + to)
}

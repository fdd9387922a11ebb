import type { LinearMemory } from '../core/linear-memory.js'
import { PACKET_HEADER_BYTES } from '../sys/packet-socket.js'
import { NET_HEADER, VIRTIO_NET_HDR_F } from '../virtio/virtio.js'

export const TAG_BYTES = 4
const MACS_BYTES = 12

/**
 * Puts a VLAN tag that the kernel took out of a frame back: header and addresses move into the room before it.
 * @param at linear offset of the virtio-net header; @param bytes of both; @param tag TPID << 16 | TCI
 * @returns where the virtio-net header lies now; the frame is TAG_BYTES longer
 */
export function putTagBack({ u8, data }: LinearMemory, at: number, bytes: number, tag: number): number {
  const to = at - TAG_BYTES
  u8.copyWithin(to, at, at + Math.min(bytes, PACKET_HEADER_BYTES + MACS_BYTES))
  data.setUint32(to + PACKET_HEADER_BYTES + MACS_BYTES, tag, false)
  if (((u8[to + NET_HEADER.FLAGS] as number) & VIRTIO_NET_HDR_F.NEEDS_CSUM) !== 0) {
    const start = to + NET_HEADER.CSUM_START
    data.setUint16(start, data.getUint16(start, true) + TAG_BYTES, true)
  }
  return to
}

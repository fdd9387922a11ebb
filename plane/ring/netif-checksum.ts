// Partial checksums on netif rings: neither side says where a checksum lies, both find it by the headers.
import { NET_HEADER_BYTES } from '../layout'
import { addSum, finish, sumBytes } from '../packet/checksum'
import {
  CSUM_OFFSET,
  csumStartOf,
  GSO_TCPV4,
  GSO_TCPV6,
  NEEDS_CSUM,
  storeNetHeader,
} from '../packet/net-header'
import { ETHERNET_BYTES, MACS_BYTES, TCP, TCP_BYTES, tcpHeaderBytes, UDP_CHECKSUM } from '../packet/packet'
import { networkOffset } from '../packet/tags'
import { carriesChecksum, checksumOffset, transportAt, transportProtocol } from '../packet/transport-checksum'
import { NETIF_GSO_TCPV4 } from './netif'
import { bufferOf, usedBytes, usedHead } from './shadow'

/**
 * Whether a guest finds the checksum that the virtio-net header at an address speaks of: it looks behind no tag.
 * @param bytes of header and frame that lie there
 */
export function isFoundByGuest(at: usize, bytes: u32): boolean {
  const frame = at + NET_HEADER_BYTES
  const type: u32 = load<u16>(frame, MACS_BYTES)
  if (!carriesChecksum(frame, bytes - NET_HEADER_BYTES, ETHERNET_BYTES, type)) return false
  return transportAt === csumStartOf(load<u64>(at)) && checksumOffset === <u32>load<u16>(at, CSUM_OFFSET)
}

/**
 * Completes the checksum of a frame in the buffers of used entries.
 * @param first entry; @param start of what is summed up, in the frame
 */
export function completeChecksum(v: usize, first: u32, entries: u32, start: u32): void {
  const field = start + load<u16>(bufferOf(v, usedHead(v, first)), CSUM_OFFSET)
  let sum: u32 = 0
  let isOdd = false
  let position: i32 = -NET_HEADER_BYTES
  for (let i: u32 = 0; i < entries; i++) {
    const bytes = <i32>usedBytes(v, first + i)
    const skip = max(<i32>start - position, 0)
    if (skip < bytes) {
      sum = addSum(sum, sumBytes(bufferOf(v, usedHead(v, first + i)) + skip, bytes - skip), isOdd)
      if ((bytes - skip) & 1) isOdd = !isOdd
    }
    position += bytes
  }
  const value = finish(sum, field - start === UDP_CHECKSUM)
  storeByte(v, first, field, <u8>value)
  storeByte(v, first, field + 1, <u8>(value >> 8))
}

/** Writes one byte of a frame in the buffers of used entries. */
function storeByte(v: usize, entry: u32, position: u32, value: u8): void {
  let at = position + NET_HEADER_BYTES
  while (at >= usedBytes(v, entry)) {
    at -= usedBytes(v, entry)
    entry++
  }
  store<u8>(bufferOf(v, usedHead(v, entry)) + at, value)
}

/**
 * Writes the virtio-net header of a packet that a guest sent, in front of it.
 * @param isBlank whether its checksum is partial; @param gsoType NETIF_GSO_*, 0: none; @param gsoSize bytes of a segment
 */
export function writeNetHeader(at: usize, bytes: u32, isBlank: boolean, gsoType: u32, gsoSize: u32): void {
  let header: u64 = 0
  let offset: u32 = 0
  if (isBlank || gsoType !== 0) {
    const frame = at + NET_HEADER_BYTES
    const network = networkOffset(frame, bytes)
    header = NEEDS_CSUM
    // Where nothing is found csum_start stays 0, which the bridge refuses by name.
    if (network <= bytes && carriesChecksum(frame, bytes, network, load<u16>(frame + network - 2))) {
      header |= (<u64>transportAt) << 48
      offset = checksumOffset
    }
    if (gsoType !== 0) {
      const type = gsoType === NETIF_GSO_TCPV4 ? GSO_TCPV4 : GSO_TCPV6
      header |= ((<u64>type) << 8) | ((<u64>gsoSize) << 32)
      if (offset !== 0 && transportProtocol === TCP && transportAt + TCP_BYTES <= bytes)
        header |= (<u64>(transportAt + tcpHeaderBytes(frame + transportAt))) << 16
    }
  }
  storeNetHeader(at, NET_HEADER_BYTES, header, offset, 1)
}

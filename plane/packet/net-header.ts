// The virtio-net header that is in front of every frame, and what it asks of a receiver.
//
//   flags u8 | gso_type u8 | hdr_len u16 | gso_size u16 | csum_start u16   the "header": one u64
//   csum_offset u16 | num_buffers u16                                      num_buffers: not in the 10 legacy bytes
//
// Source: virtio 1.3, 5.1.6.
import { IS_UDP, IS_V4, TAKE_CSUM, TAKE_ECN, TAKE_TSO4, TAKE_TSO6, TAKE_USO4, TAKE_USO6 } from '../layout'
import { TCP_CHECKSUM, UDP_CHECKSUM } from './packet'

/** Bytes of the header of a frontend without VERSION_1 and MRG_RXBUF: no num_buffers. */
export const LEGACY_HEADER_BYTES: u32 = 10
export const CSUM_OFFSET: u32 = 8
/** csum_offset 0 and num_buffers 1, as a u32 at CSUM_OFFSET. */
export const ONE_BUFFER: u32 = 0x10000

export const NEEDS_CSUM: u32 = 1
export const DATA_VALID: u32 = 2
/** Every flag but NEEDS_CSUM. */
export const FOREIGN_FLAGS: u32 = 0xfe

export const GSO_NONE: u32 = 0
export const GSO_TCPV4: u32 = 1
export const GSO_TCPV6: u32 = 4
export const GSO_UDP_L4: u32 = 5
export const GSO_ECN: u32 = 0x80

/** Where gso_type lies in the header, and without its ECN bit. */
export const GSO_TYPE_MASK: u32 = 0xff00
/** What a frame that asks for no offload has none of: NEEDS_CSUM, and any gso_type. */
export const OFFLOAD_MASK: u32 = GSO_TYPE_MASK | NEEDS_CSUM
export const HDR_LEN_MASK: u64 = 0xffff0000

/** gso_type without its ECN bit. */
export function gsoTypeOf(header: u64): u32 {
  return (<u32>header >> 8) & 0x7f
}
export function hdrLenOf(header: u64): u32 {
  return <u32>header >> 16
}
export function gsoSizeOf(header: u64): u32 {
  return <u32>(header >> 32) & 0xffff
}
export function csumStartOf(header: u64): u32 {
  return <u32>(header >> 48)
}

/**
 * Writes a whole header.
 * @param bytes of it: 10, or 12 with num_buffers
 */
export function storeNetHeader(at: usize, bytes: u32, header: u64, csumOffset: u32, buffers: u32): void {
  store<u64>(at, header)
  if (bytes > LEGACY_HEADER_BYTES) store<u32>(at, csumOffset | (buffers << 16), CSUM_OFFSET)
  else store<u16>(at, <u16>csumOffset, CSUM_OFFSET)
}

// What is segmented has a kind (IS_V4, IS_UDP), a gso_type and an offload that a receiver must take:
//
//   kind             gso_type     offload
//   IS_V4            GSO_TCPV4    TAKE_TSO4
//   0                GSO_TCPV6    TAKE_TSO6
//   IS_V4 | IS_UDP   GSO_UDP_L4   TAKE_USO4
//   IS_UDP           GSO_UDP_L4   TAKE_USO6

/** Offload (TAKE_*) that a receiver must accept for GSO frames of a kind. */
export function offloadOf(kind: u32): u32 {
  if (kind & IS_UDP) return kind & IS_V4 ? TAKE_USO4 : TAKE_USO6
  return kind & IS_V4 ? TAKE_TSO4 : TAKE_TSO6
}

/** gso_type of GSO frames of a kind. */
export function gsoTypeOfKind(kind: u32): u32 {
  if (kind & IS_UDP) return GSO_UDP_L4
  return kind & IS_V4 ? GSO_TCPV4 : GSO_TCPV6
}

/** Offset of the checksum in the transport header of a kind. */
export function csumOffsetOf(kind: u32): u32 {
  return kind & IS_UDP ? UDP_CHECKSUM : TCP_CHECKSUM
}

/**
 * Offloads that a header asks of the receiver, or -1 when the type is unknown. UDP counts as IPv4: only the packet
 * tells (checkGso).
 */
export function offloadsAsked(header: u64): i32 {
  const flags = <u32>header
  const need = flags & NEEDS_CSUM ? TAKE_CSUM : 0
  if ((flags & GSO_TYPE_MASK) === 0) return need
  const ecn = flags & (GSO_ECN << 8) ? TAKE_ECN : 0
  switch (gsoTypeOf(header)) {
    case GSO_TCPV4:
      return need | ecn | TAKE_TSO4
    case GSO_TCPV6:
      return need | ecn | TAKE_TSO6
    case GSO_UDP_L4:
      return ecn ? -1 : need | TAKE_USO4
    default:
      return -1
  }
}

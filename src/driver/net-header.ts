import { NET_HEADER } from '../virtio/virtio.js'
import type { DriverMemory } from './driver-memory.js'

/** The fields of struct virtio_net_hdr; all default to 0. */
export interface NetHeader {
  readonly flags: number
  readonly gsoType: number
  readonly hdrLen: number
  readonly gsoSize: number
  readonly csumStart: number
  readonly csumOffset: number
  readonly numBuffers: number
}

/** Reads the header at an offset of guest memory. @param headerBytes 10 or 12: with numBuffers */
export function readNetHeader({ data }: DriverMemory, offset: number, headerBytes: number): NetHeader {
  return {
    flags: data.getUint8(offset + NET_HEADER.FLAGS),
    gsoType: data.getUint8(offset + NET_HEADER.GSO_TYPE),
    hdrLen: data.getUint16(offset + NET_HEADER.HDR_LEN, true),
    gsoSize: data.getUint16(offset + NET_HEADER.GSO_SIZE, true),
    csumStart: data.getUint16(offset + NET_HEADER.CSUM_START, true),
    csumOffset: data.getUint16(offset + NET_HEADER.CSUM_OFFSET, true),
    numBuffers: headerBytes === 12 ? data.getUint16(offset + NET_HEADER.NUM_BUFFERS, true) : 1,
  }
}

/** Writes a header at an offset of guest, or any other, memory; fields that are left out are 0. */
export function writeNetHeader(
  { data }: Pick<DriverMemory, 'data'>,
  offset: number,
  headerBytes: number,
  header: Partial<NetHeader> = {},
): void {
  data.setUint8(offset + NET_HEADER.FLAGS, header.flags ?? 0)
  data.setUint8(offset + NET_HEADER.GSO_TYPE, header.gsoType ?? 0)
  data.setUint16(offset + NET_HEADER.HDR_LEN, header.hdrLen ?? 0, true)
  data.setUint16(offset + NET_HEADER.GSO_SIZE, header.gsoSize ?? 0, true)
  data.setUint16(offset + NET_HEADER.CSUM_START, header.csumStart ?? 0, true)
  data.setUint16(offset + NET_HEADER.CSUM_OFFSET, header.csumOffset ?? 0, true)
  if (headerBytes === 12) data.setUint16(offset + NET_HEADER.NUM_BUFFERS, header.numBuffers ?? 0, true)
}

/**
 * Takes a merged frame apart again, as the kernel's segmentation would: independent of the plane, big-endian, one
 * field at a time. Source: tcp_gso_segment, __udp_gso_segment, inet_gso_segment (Linux 6.1).
 */
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import { be16, be32, completed, layoutOf, onesSum, pseudoSum, transportOf } from './packets.js'

const FIN_PSH = 0x09
const CWR = 0x80

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >> 8) & 0xff
  bytes[at + 1] = value & 0xff
}

/** The frames that a received frame stands for, checksums complete. One without gso_type stands for itself. */
export function segmentsOf({ frame, header }: ReceivedFrame): Uint8Array[] {
  if (header.gsoType === 0) {
    const isUdp = transportOf(frame, layoutOf(frame).network).protocol === 17
    return [(header.flags & 1) !== 0 ? completed(frame, isUdp) : frame]
  }
  const { network, transport, payload } = layoutOf(frame)
  const isV6 = (frame[network] as number) >> 4 === 6
  const isUdp = header.gsoType === 5
  const segments: Uint8Array[] = []
  for (let at = payload; at < frame.length; at += header.gsoSize) {
    const end = Math.min(frame.length, at + header.gsoSize)
    const out = new Uint8Array(payload + end - at)
    out.set(frame.subarray(0, payload))
    out.set(frame.subarray(at, end), payload)
    if (isV6) put16(out, network + 4, out.length - network - 40)
    else {
      put16(out, network + 2, out.length - network)
      put16(out, network + 4, be16(frame, network + 4) + segments.length)
      put16(out, network + 10, 0)
      put16(out, network + 10, ~onesSum(out.subarray(network, transport)) & 0xffff)
    }
    if (isUdp) put16(out, transport + 4, out.length - transport)
    else {
      const sequence = (be32(frame, transport + 4) + at - payload) >>> 0
      put16(out, transport + 4, sequence >>> 16)
      put16(out, transport + 6, sequence & 0xffff)
      const flags = out[transport + 13] as number
      out[transport + 13] = flags & ~(end === frame.length ? 0 : FIN_PSH) & ~(at === payload ? 0 : CWR)
    }
    put16(out, transport + (isUdp ? 6 : 16), pseudoSum(out, layoutOf(out), isUdp))
    segments.push(completed(out, isUdp))
  }
  return segments
}

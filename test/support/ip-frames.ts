import type { NetHeader } from '../../src/driver/net-driver.js'
import { VIRTIO_NET_HDR_F, VIRTIO_NET_HDR_GSO } from '../../src/virtio/virtio.js'

const TCP = 6
const UDP = 17

export interface IpFrame {
  readonly frame: Uint8Array
  readonly header: Partial<NetHeader>
  readonly payload: Uint8Array
}

export interface IpFrameOptions {
  readonly ip: 4 | 6
  readonly protocol: 'tcp' | 'udp'
  readonly payloadBytes: number
  /** Payload bytes of a segment; 0 or absent: one packet that only lacks its checksum. */
  readonly gsoSize?: number
  readonly vlan?: number
}

/** One's complement sum of 16-bit big-endian words, by the definition of RFC 1071. */
export function onesSum(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return sum
}

function join(...parts: (Uint8Array | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

function be16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff]
}

/** A TCP or UDP frame from station 02::from to 02::to with a partial checksum, as a guest kernel hands it out. */
export function ipFrame(to: number, from: number, options: IpFrameOptions): IpFrame {
  const payload = Uint8Array.from({ length: options.payloadBytes }, (_, at) => (at * 7 + (at >> 8)) & 0xff)
  const isTcp = options.protocol === 'tcp'
  const protocol = isTcp ? TCP : UDP
  const transportBytes = isTcp ? 20 : 8
  const length = transportBytes + payload.length
  const addresses =
    options.ip === 4
      ? [10, 0, 0, from, 10, 0, 0, to]
      : [0xfd, ...new Array(14).fill(0), from, 0xfd, ...new Array(14).fill(0), to]
  const network =
    options.ip === 4
      ? [0x45, 0, ...be16(20 + length), 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, ...addresses]
      : [0x60, 0, 0, 0, ...be16(length), protocol, 64, ...addresses]
  if (options.ip === 4) network.splice(10, 2, ...be16(~onesSum(Uint8Array.from(network)) & 0xffff))
  const partial = be16(onesSum(join(addresses, [0, protocol], be16(length))))
  const transport = isTcp
    ? [...be16(40000), ...be16(5201), 0, 0, 16, 0, 0, 0, 0, 1, 0x50, 0x18, 1, 0, ...partial, 0, 0]
    : [...be16(40000), ...be16(5201), ...be16(length), ...partial]
  const tag = options.vlan === undefined ? [] : [0x81, 0, ...be16(options.vlan)]
  const ethernet = [
    2,
    0,
    0,
    0,
    0,
    to,
    2,
    0,
    0,
    0,
    0,
    from,
    ...tag,
    ...(options.ip === 4 ? [8, 0] : [0x86, 0xdd]),
  ]
  const csumStart = ethernet.length + network.length
  const gsoType = isTcp
    ? options.ip === 4
      ? VIRTIO_NET_HDR_GSO.TCPV4
      : VIRTIO_NET_HDR_GSO.TCPV6
    : VIRTIO_NET_HDR_GSO.UDP_L4
  const isGso = (options.gsoSize ?? 0) > 0
  return {
    frame: join(ethernet, network, transport, payload),
    header: {
      flags: VIRTIO_NET_HDR_F.NEEDS_CSUM,
      gsoType: isGso ? gsoType : VIRTIO_NET_HDR_GSO.NONE,
      gsoSize: isGso ? (options.gsoSize as number) : 0,
      hdrLen: csumStart + transportBytes,
      csumStart,
      csumOffset: isTcp ? 16 : 6,
    },
    payload,
  }
}

/**
 * The payload of a TCP or UDP frame whose lengths and checksums are all right; otherwise an error that says
 * what is not.
 */
export function checkedPayload(frame: Uint8Array): Uint8Array {
  const word = (at: number): number => ((frame[at] as number) << 8) | (frame[at + 1] as number)
  let network = 14
  if (word(12) === 0x8100) network += 4
  const isV4 = word(network - 2) === 0x0800
  const transport = network + (isV4 ? 20 : 40)
  const length = isV4 ? word(network + 2) - 20 : word(network + 4)
  if (frame.length !== transport + length)
    throw new Error(`the frame has ${frame.length} bytes, its IP header says ${transport + length}`)
  if (isV4 && onesSum(frame.subarray(network, transport)) !== 0xffff)
    throw new Error('the IPv4 header checksum is wrong')
  const protocol = frame[isV4 ? network + 9 : network + 6] as number
  const addresses = isV4
    ? frame.subarray(network + 12, network + 20)
    : frame.subarray(network + 8, network + 40)
  const body = frame.subarray(transport)
  if (onesSum(join(addresses, [0, protocol], be16(length), body)) !== 0xffff)
    throw new Error('the transport checksum is wrong')
  return body.subarray(protocol === TCP ? ((body[12] as number) >> 4) * 4 : 8)
}

/**
 * The frames between generators and meters: IPv4 UDP datagrams, as a switch and its policies take the traffic of
 * guests (what is no IP counts as urgent and waits for no batch).
 *
 *    0        6        12     14        34       42      44       46         50              58
 *    | to     | from   | 0800 | IPv4    | UDP    | epoch | stream | sequence | intended time | filling ...
 *                                                  u16     u16      u32        f64, us of the host's monotonic clock
 *
 * The epoch differs from one generator to the next on the same stream, so that a new one is no heap of duplicates.
 * Every checksum is right: the constant part of a datagram is summed up once, numbers and time at each sending.
 */
export const FRAME_AT = {
  ...{ TYPE: 12, IP: 14, PROTOCOL: 23, UDP: 34, UDP_PORT: 36, UDP_CHECKSUM: 40 },
  ...{ EPOCH: 42, STREAM: 44, SEQUENCE: 46, INTENDED: 50, FILLING: 58 },
} as const

export const ETHER_TYPE_IPV4 = 0x0800
export const PROTOCOL_UDP = 17
/** Discard: no receiver answers it. Source: RFC 863. */
export const MEASURED_PORT = 9
export const MIN_FRAME_BYTES = 60
/** Streams that a meter tells apart. */
export const STREAMS = 256
/** Flows of a generator: source ports from the first dynamic one on. Source: RFC 6335, 6. */
export const MAX_FLOWS = 4096
const FIRST_PORT = 49_152
const VERSION_AND_HEADER_WORDS = 0x45
const DONT_FRAGMENT = 0x4000
const TIME_TO_LIVE = 64
/** 198.18.0.0/15, for benchmarks of network devices. Source: RFC 2544, C.2.2. */
export const BENCHMARK_NETWORK = [198, 18] as const

/**
 * One round of simple IMIX, in bytes without frame check sequence (64, 594 and 1518 on the wire), 7:4:1, the small
 * frames between the others. A ring that is no multiple of 12 long repeats the beginning: less than 1 % of a shift.
 * Source: the mix that network testers call IMIX; compare RFC 6985.
 */
const IMIX: readonly number[] = [60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 60, 590]

/** The length of the frame in a place of the generator's ring, in bytes. */
export function frameLength(frameBytes: number | 'imix', place: number): number {
  return frameBytes === 'imix' ? IMIX[place % IMIX.length]! : frameBytes
}

/** Sum of the 16-bit words of a part of a frame, not folded; an odd last byte counts as its high half. */
function sumOf(data: DataView, from: number, to: number): number {
  let sum = 0
  for (let at = from; at + 1 < to; at += 2) sum += data.getUint16(at)
  return (to - from) % 2 === 0 ? sum : sum + (data.getUint8(to - 1) << 8)
}

/** The Internet checksum of a sum of 16-bit words. Source: RFC 1071. */
function checksum(sum: number): number {
  let folded = (sum >>> 16) + (sum & 0xffff)
  folded = (folded >>> 16) + (folded & 0xffff)
  return ~folded & 0xffff
}

export interface MeasuredFrame {
  readonly to: Uint8Array
  readonly from: Uint8Array
  readonly bytes: number
  readonly epoch: number
  readonly stream: number
  /** Tells the flow: 0 to MAX_FLOWS - 1. */
  readonly flow: number
}

/** A frame as it lies in the ring before it is numbered: sequence, time and UDP checksum are 0. */
export function measuredFrame({ to, from, bytes, epoch, stream, flow }: MeasuredFrame): Uint8Array {
  const frame = new Uint8Array(bytes)
  const data = new DataView(frame.buffer)
  frame.set(to, 0)
  frame.set(from, 6)
  data.setUint16(FRAME_AT.TYPE, ETHER_TYPE_IPV4)
  const ip = FRAME_AT.IP
  data.setUint8(ip, VERSION_AND_HEADER_WORDS)
  data.setUint16(ip + 2, bytes - ip)
  data.setUint16(ip + 6, DONT_FRAGMENT)
  data.setUint8(ip + 8, TIME_TO_LIVE)
  data.setUint8(FRAME_AT.PROTOCOL, PROTOCOL_UDP)
  frame.set([...BENCHMARK_NETWORK, ...from.subarray(4, 6)], ip + 12)
  frame.set([...BENCHMARK_NETWORK, ...to.subarray(4, 6)], ip + 16)
  data.setUint16(ip + 10, checksum(sumOf(data, ip, FRAME_AT.UDP)))
  data.setUint16(FRAME_AT.UDP, FIRST_PORT + flow)
  data.setUint16(FRAME_AT.UDP_PORT, MEASURED_PORT)
  data.setUint16(FRAME_AT.UDP + 4, bytes - FRAME_AT.UDP)
  data.setUint16(FRAME_AT.EPOCH, epoch)
  data.setUint16(FRAME_AT.STREAM, stream)
  for (let at = FRAME_AT.FILLING; at < bytes; at++) frame[at] = at & 0xff
  return frame
}

/** The address that frames to a MAC address have. @param mac as "02:00:00:00:00:01" */
export function benchmarkAddress(mac: string): string {
  return [...BENCHMARK_NETWORK, ...parseMac(mac).subarray(4, 6)].join('.')
}

/** What the words of a frame that never change come to, the pseudo header of UDP with them: for numberFrame. */
export function constantSum(frame: Uint8Array): number {
  const data = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const pseudo = sumOf(data, FRAME_AT.IP + 12, FRAME_AT.UDP) + PROTOCOL_UDP + frame.length - FRAME_AT.UDP
  return pseudo + sumOf(data, FRAME_AT.UDP, frame.length)
}

/**
 * Numbers and stamps a frame that lies at an offset, and writes the UDP checksum that goes with it.
 * @param sum its constantSum
 */
export function numberFrame(
  data: DataView,
  at: number,
  sum: number,
  sequence: number,
  intendedUs: number,
): void {
  data.setUint32(at + FRAME_AT.SEQUENCE, sequence)
  data.setFloat64(at + FRAME_AT.INTENDED, intendedUs)
  const high = data.getUint32(at + FRAME_AT.INTENDED)
  const low = data.getUint32(at + FRAME_AT.INTENDED + 4)
  const words = (sequence >>> 16) + (sequence & 0xffff) + (high >>> 16) + (high & 0xffff)
  const field = checksum(sum + words + (low >>> 16) + (low & 0xffff))
  // 0 would say that there is none. Source: RFC 768.
  data.setUint16(at + FRAME_AT.UDP_CHECKSUM, field === 0 ? 0xffff : field)
}

/** Whether what lies at an offset is a frame of a generator, by the headers. @param bytes its length */
export function isMeasured(data: DataView, at: number, bytes: number): boolean {
  return (
    bytes >= MIN_FRAME_BYTES &&
    data.getUint16(at + FRAME_AT.TYPE) === ETHER_TYPE_IPV4 &&
    data.getUint8(at + FRAME_AT.PROTOCOL) === PROTOCOL_UDP &&
    data.getUint16(at + FRAME_AT.UDP_PORT) === MEASURED_PORT
  )
}

/** The six bytes of "02:00:00:00:00:01". */
export function parseMac(text: string): Uint8Array {
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
}

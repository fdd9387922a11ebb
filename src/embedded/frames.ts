/**
 * The frames between generators and meters.
 *
 *    0        6        12     14      16       20         24              32
 *    | to     | from   | 88b6 | epoch | stream | sequence | intended time | payload ...
 *                                u16     u32      u32        f64, us of the host's monotonic clock
 *
 * The epoch differs from one generator to the next on the same stream, so that a new one is no heap of duplicates.
 */
export const FRAME_AT = { TYPE: 12, EPOCH: 14, STREAM: 16, SEQUENCE: 20, INTENDED: 24, PAYLOAD: 32 } as const

/** IEEE 802 local experimental EtherType 2. */
export const MEASURED_TYPE = 0x88b6
export const MIN_FRAME_BYTES = 60
/** Streams that a meter tells apart. */
export const STREAMS = 256

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

/** A frame as it lies in the ring before it is numbered. */
export function measuredFrame(to: Uint8Array, from: Uint8Array, bytes: number, stream: number): Uint8Array {
  const frame = new Uint8Array(bytes)
  const data = new DataView(frame.buffer)
  frame.set(to, 0)
  frame.set(from, 6)
  data.setUint16(FRAME_AT.TYPE, MEASURED_TYPE)
  data.setUint32(FRAME_AT.STREAM, stream)
  for (let at = FRAME_AT.PAYLOAD; at < bytes; at++) frame[at] = at & 0xff
  return frame
}

/** The six bytes of "02:00:00:00:00:01". */
export function parseMac(text: string): Uint8Array {
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
}

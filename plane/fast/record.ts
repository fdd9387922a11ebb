// The records of the burst at hand (layout/burst.ts).
import { D_PIECES, DETAILS_AT, F_HEAD, PLAIN_AT } from '../layout'

/** F_HEAD and F_DETAILED of a record with details, as one u32. */
export const DETAILED: u32 = 0x10000

/** The details of a record: as many as records, half as long. */
export function detailsOf(record: usize): usize {
  return <usize>DETAILS_AT + ((record - PLAIN_AT) >> 1)
}

/** Bytes of a frame that lie where it begins. */
export function firstBytes(record: usize, length: u32): u32 {
  if ((load<u32>(record, F_HEAD) & DETAILED) === 0) return length
  const pieces: usize = load<u32>(detailsOf(record), D_PIECES)
  return pieces === 0 ? length : load<u32>(pieces, 4)
}

/** Source MAC address in the front of a frame. */
export function sourceOf(front: v128): u64 {
  return (<u64>i64x2.extract_lane(front, 0) >> 48) | ((<u64>v128.extract_lane<u32>(front, 2)) << 16)
}

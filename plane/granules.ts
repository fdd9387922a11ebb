// Guest memory is granted to the plane in granules of 2 MB. This is the only file that turns a guest
// physical address into an offset of the linear memory: its check is the isolation between guests.
//
//   guest physical address = granule number | offset in the granule
//   table[granule number]  = u32 linear offset (0 = absent) | u16 first valid page | u16 end of valid pages
//
// A guest that is mapped whole never misses. Otherwise a miss is recorded, the chain stays where it is, and
// the engine maps the granule before the next burst.
import {
  G_MISSES,
  GLOBALS_AT,
  GRANULE_BYTES,
  GRANULE_ENTRY_BYTES,
  GRANULE_SHIFT,
  MAX_MISSES,
  MAX_SEGS,
  MISSES_AT,
  P_GRANULE_COUNT,
  P_GRANULES,
  P_TOUCHED,
  PORT_BYTES,
  PORTS_AT,
} from './layout'

/** Results of `grant` and of whoever calls it. */
export const BAD_ADDRESS: i32 = -1
export const MISS: i32 = -2
export const TOO_MANY_SEGMENTS: i32 = -3

function recordMiss(port: usize, granule: u32): void {
  const count = load<u32>(GLOBALS_AT, G_MISSES)
  if (count >= <u32>MAX_MISSES) return
  const at: usize = <usize>MISSES_AT + <usize>count * 8
  store<u32>(at, <u32>((port - PORTS_AT) / PORT_BYTES))
  store<u32>(at + 4, granule)
  store<u32>(GLOBALS_AT, count + 1, G_MISSES)
}

/**
 * Translates a guest buffer into linear segments.
 * @param port linear offset of the guest's port
 * @param address guest physical address
 * @param length bytes, above 0
 * @param segs where (offset, length) pairs are written
 * @param count segments already there
 * @returns the new number of segments, or BAD_ADDRESS, MISS, TOO_MANY_SEGMENTS
 */
export function grant(port: usize, address: u64, length: u32, segs: usize, count: i32): i32 {
  const table: usize = load<u32>(port, P_GRANULES)
  const granules: u64 = load<u32>(port, P_GRANULE_COUNT)
  const touched: usize = load<u32>(port, P_TOUCHED)
  let missed = false
  while (length > 0) {
    const granule = address >> GRANULE_SHIFT
    if (granule >= granules) return BAD_ADDRESS
    const entry = load<u64>(table + <usize>granule * GRANULE_ENTRY_BYTES)
    const offset = <u32>address & (GRANULE_BYTES - 1)
    const valid = <u32>(entry >> 32)
    const end = (valid >> 16) << 12
    if (offset < (valid & 0xffff) << 12 || offset >= end) return BAD_ADDRESS
    let part = end - offset
    if (part > length) part = length
    else if (part < length && end !== <u32>GRANULE_BYTES) return BAD_ADDRESS
    if (touched) store<u8>(touched + <usize>granule, 1)
    if (<u32>entry === 0) {
      recordMiss(port, <u32>granule)
      missed = true
    } else {
      if (count >= MAX_SEGS) return TOO_MANY_SEGMENTS
      const at = segs + ((<usize>count) << 3)
      store<u32>(at, <u32>entry + offset)
      store<u32>(at, part, 4)
      count++
    }
    address += part
    length -= part
  }
  return missed ? MISS : count
}

/**
 * Where a guest address probably lies, for prefetching only: a linear offset that may be read, 0 when it is
 * not mapped. The bytes there may be anything.
 */
export function peek(port: usize, address: u64): usize {
  const granule = address >> GRANULE_SHIFT
  if (granule >= <u64>load<u32>(port, P_GRANULE_COUNT)) return 0
  const at: usize = load<u32>(<usize>load<u32>(port, P_GRANULES) + <usize>granule * GRANULE_ENTRY_BYTES)
  return at === 0 ? 0 : at + (<usize>address & (GRANULE_BYTES - 1))
}

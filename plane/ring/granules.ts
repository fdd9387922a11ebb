// Guest memory is granted to the plane in granules of 2 MB. Only this file knows where a guest physical address
// lies in the linear memory and whether it may be used: its check is the isolation between guests.
//
//   guest physical address = granule number | offset in the granule
//   span                   = granules from a first number on, with a table; a guest has a few, far apart
//   table[number - first]  = u32 linear offset (0 = absent) | u16 first valid page | u16 end of valid pages
//
// Almost all addresses lie in the span that was used last, so it is tried first.
//
// grant() translates a buffer; the fast path calls the same small functions (granuleOf, offsetOf, loadEntry, isGranted)
// with a span's fields in locals, and leaves to grant() what they refuse.
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
  P_SPAN,
  P_SPANS,
  P_TOUCHED,
  SPAN_BYTES,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  SPAN_TOUCHED,
} from '../layout'
import { indexOf } from '../port'

/** Results of `grant` and of whoever calls it. */
export const BAD_ADDRESS: i32 = -1
export const MISS: i32 = -2
export const TOO_MANY_SEGMENTS: i32 = -3

function recordMiss(port: usize, granule: u32): void {
  const count = load<u32>(GLOBALS_AT, G_MISSES)
  if (count >= <u32>MAX_MISSES) return
  const at: usize = <usize>MISSES_AT + <usize>count * 8
  store<u32>(at, indexOf(port))
  store<u32>(at + 4, granule)
  store<u32>(GLOBALS_AT, count + 1, G_MISSES)
}

/** Number of the granule that a guest address lies in. */
export function granuleOf(address: u64): u64 {
  return address >> GRANULE_SHIFT
}

/** Where a guest address lies in its granule. */
export function offsetOf(address: u64): u32 {
  return <u32>address & (GRANULE_BYTES - 1)
}

/** The entry of a granule in its span's table; its low half is the linear offset. */
export function loadEntry(entries: usize, index: usize): u64 {
  return load<u64>(entries + index * GRANULE_ENTRY_BYTES)
}

/** Whether a granule is mapped, and so many bytes from an offset in it are the guest's. `bytes` is far below 2^31. */
export function isGranted(entry: u64, offset: u32, bytes: u32): boolean {
  const valid = <u32>(entry >> 32)
  return <u32>entry !== 0 && offset >= (valid & 0xffff) << 12 && offset + bytes <= (valid >> 16) << 12
}

/** Whether the use of a guest's memory must be noted, by grant(): what bypasses that must not be done for it. */
export function notesUse(port: usize): boolean {
  return load<u32>(port, P_TOUCHED) !== 0
}

/** The span that holds a granule, which is tried first from now on; 0: the guest has no such granule. */
function spanOf(port: usize, granule: u64): usize {
  let span: usize = load<u32>(port, P_SPAN)
  if (granule - <u64>load<u32>(span, SPAN_FIRST) < <u64>load<u32>(span, SPAN_COUNT)) return span
  span = load<u32>(port, P_SPANS)
  while (load<u32>(span, SPAN_COUNT) !== 0) {
    if (granule - <u64>load<u32>(span, SPAN_FIRST) < <u64>load<u32>(span, SPAN_COUNT)) {
      store<u32>(port, <u32>span, P_SPAN)
      return span
    }
    span += SPAN_BYTES
  }
  return 0
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
  let missed = false
  while (length > 0) {
    const granule = granuleOf(address)
    const span = spanOf(port, granule)
    if (span === 0) return BAD_ADDRESS
    const index = <usize>granule - <usize>load<u32>(span, SPAN_FIRST)
    const entry = loadEntry(load<u32>(span, SPAN_ENTRIES), index)
    const offset = offsetOf(address)
    const valid = <u32>(entry >> 32)
    const end = (valid >> 16) << 12
    if (offset < (valid & 0xffff) << 12 || offset >= end) return BAD_ADDRESS
    let part = end - offset
    if (part > length) part = length
    else if (part < length && end !== <u32>GRANULE_BYTES) return BAD_ADDRESS
    const touched: usize = load<u32>(span, SPAN_TOUCHED)
    if (touched) store<u8>(touched + index, 1)
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

// A frame that is longer than a receive buffer: written over several, one chain of one descriptor each (MRG_RXBUF).
import { copy } from '../copy'
import {
  BUFFER_BYTES,
  BUFFERS_AT,
  MAX_BUFFERS,
  P_SPAN,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  V_AVAIL,
  V_DESC,
  V_HEADER_BYTES,
  V_PORT,
  V_SIZE,
  V_USED,
} from '../layout'
import {
  bufferBytes,
  descriptorAt,
  isOneWritable,
  loadAddress,
  loadHead,
  loadRest,
  storeUsed,
} from '../ring/split'
import { locate } from './pieces'

/** The first buffer holds at least what is judged of a frame, so that this lies in one piece. */
export const FIRST_BYTES: u32 = 128

/** Where the frame begins that was reserved last, and how much of it lies there. */
export let body: usize = 0
export let bodyBytes: u32 = 0

function bufferAt(index: u32): usize {
  return <usize>BUFFERS_AT + <usize>index * BUFFER_BYTES
}

/**
 * Finds buffers for a frame: u32 offset, u32 bytes, u32 head each, at BUFFERS_AT.
 * @param need bytes, those of the virtio-net header included
 * @param last index of the first buffer; @param left buffers that there are
 * @returns how many; 0 when they are too few, or not such as the fast path writes
 */
export function findBuffers(v: usize, need: u32, last: u32, left: u32): u32 {
  const span: usize = load<u32>(<usize>load<u32>(v, V_PORT), P_SPAN)
  const table: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const size = load<u32>(v, V_SIZE)
  const desc: usize = load<u32>(v, V_DESC)
  const avail: usize = load<u32>(v, V_AVAIL)
  const most = min<u32>(left, MAX_BUFFERS)
  let missing = need
  for (let i: u32 = 0; i < most; i++) {
    const head = loadHead(avail, (last + i) & (size - 1))
    if (head >= size) return 0
    const descriptor = descriptorAt(desc, head)
    const address = loadAddress(descriptor)
    const rest = loadRest(descriptor)
    const bytes = min(bufferBytes(rest), missing)
    if (!isOneWritable(rest) || bytes === 0 || (i === 0 && bytes < FIRST_BYTES)) return 0
    const at = locate(table, first, granules, address, bytes)
    if (at === 0) return 0
    const buffer = bufferAt(i)
    store<u32>(buffer, <u32>at)
    store<u32>(buffer, bytes, 4)
    store<u32>(buffer, head, 8)
    missing -= bytes
    if (missing === 0) {
      const header = load<u32>(v, V_HEADER_BYTES)
      body = <usize>load<u32>(bufferAt(0)) + header
      bodyBytes = load<u32>(bufferAt(0), 4) - header
      return i + 1
    }
  }
  return 0
}

/** Copies a piece of the frame over the buffers that were found, from a position of theirs. Returns the next position. */
export function fillBuffers(position: u32, from: usize, bytes: u32): u32 {
  let buffer: usize = BUFFERS_AT
  let skip = position
  let left = bytes
  while (left > 0) {
    const has = load<u32>(buffer, 4)
    if (skip < has) {
      const part = min(has - skip, left)
      copy(<usize>load<u32>(buffer) + skip, from, part)
      from += part
      left -= part
      skip = 0
    } else skip -= has
    buffer += BUFFER_BYTES
  }
  return position + bytes
}

/** Writes the used entries of the buffers that were found, from the index `next` on. */
export function useBuffers(v: usize, count: u32, next: u32): void {
  const mask = load<u32>(v, V_SIZE) - 1
  const used: usize = load<u32>(v, V_USED)
  for (let i: u32 = 0; i < count; i++) {
    const buffer = bufferAt(i)
    storeUsed(used, (next + i) & mask, load<u32>(buffer, 8), load<u32>(buffer, 4))
  }
}

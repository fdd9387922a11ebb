// Frames in several descriptors: the virtio-net header in one of its own, the frame in pieces, or all of it behind an
// indirect table. What is odd (pieces over a granule border, more than MAX_PIECES, a first piece too short to judge
// the frame by) is left to the slow path, which tells what is wrong with it.
import {
  GRANULE_BYTES,
  MAX_PIECES,
  P_SPAN,
  PIECES_AT,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  V_DESC,
  V_FLAGS,
  V_PORT,
  V_SIZE,
  VRING_INDIRECT,
} from '../layout'
import { OFFLOAD_MASK } from '../packet/net-header'
import { granuleOf, isGranted, loadEntry, offsetOf } from '../ring/granules'
import {
  bufferBytes,
  descriptorAt,
  descriptorsIn,
  hasNext,
  isIndirect,
  isWritable,
  loadAddress,
  loadRest,
  nextOf,
} from '../ring/split'

/** What a decision may read of a frame: Ethernet, a tag, IPv6 and the ports behind it. */
const JUDGED_BYTES: u32 = 62

/** The frame found last: its first piece, its bytes, and its pieces (0: it lies in one). */
export let pieceAt: usize = 0
export let pieceBytes: u32 = 0
export let pieceList: usize = 0

/**
 * Where a buffer of a guest lies, if it lies in one granule; else 0.
 * @param entries table of the span that was used last; @param first its first granule; @param granules their number
 * @param bytes at most GRANULE_BYTES
 */
export function locate(entries: usize, first: u64, granules: u64, address: u64, bytes: u32): usize {
  const index = granuleOf(address) - first
  if (index >= granules) return 0
  const entry = loadEntry(entries, <usize>index)
  const offset = offsetOf(address)
  return isGranted(entry, offset, bytes) ? <usize>(<u32>entry) + offset : 0
}

/**
 * Finds the pieces of the plain frame in a chain of several descriptors.
 * @param header bytes of the virtio-net header
 * @returns false when the frame is not for the fast path
 */
export function findPieces(v: usize, head: u32, header: u32): boolean {
  const span: usize = load<u32>(<usize>load<u32>(v, V_PORT), P_SPAN)
  const entries: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const list: usize = PIECES_AT
  let table: usize = load<u32>(v, V_DESC)
  let limit = load<u32>(v, V_SIZE)
  let index = head
  let isInTable = false
  let skip = header
  let count: u32 = 0
  let total: u32 = 0
  // A table, the header, and the pieces.
  for (let left: u32 = MAX_PIECES + 2; left > 0; left--) {
    const descriptor = descriptorAt(table, index)
    const address = loadAddress(descriptor)
    const rest = loadRest(descriptor)
    const length = bufferBytes(rest)
    if (isWritable(rest) || length === 0 || length > <u32>GRANULE_BYTES) return false
    const from = locate(entries, first, granules, address, length)
    if (from === 0) return false
    if (isIndirect(rest)) {
      limit = descriptorsIn(length)
      if (isInTable || hasNext(rest) || limit === 0 || (load<u32>(v, V_FLAGS) & VRING_INDIRECT) === 0)
        return false
      isInTable = true
      table = from
      index = 0
      continue
    }
    let piece = from
    let bytes = length
    if (skip > 0) {
      // The header lies whole in the first descriptor, alone or before the frame.
      if (length < skip || load<u32>(from) & OFFLOAD_MASK) return false
      piece += skip
      bytes -= skip
      skip = 0
    }
    if (bytes > 0) {
      if (count === MAX_PIECES) return false
      const entry = list + ((<usize>count) << 3)
      store<u32>(entry, <u32>piece)
      store<u32>(entry, bytes, 4)
      count++
      total += bytes
    }
    if (!hasNext(rest)) {
      if (count === 0) return false
      pieceAt = load<u32>(list)
      pieceBytes = total
      pieceList = count > 1 ? list : 0
      return load<u32>(list, 4) >= min(total, JUDGED_BYTES)
    }
    index = nextOf(rest)
    if (index >= limit) return false
  }
  return false
}

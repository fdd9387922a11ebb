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
  descriptorBytes,
  descriptorsIn,
  hasNext,
  isIndirect,
  isWritable,
  loadAddress,
  loadRest,
  nextOf,
} from '../ring/split'

const PIECE_BYTES: usize = 8
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
  let table: usize = load<u32>(v, V_DESC)
  let limit = load<u32>(v, V_SIZE)
  let index = head
  let descriptor = descriptorAt(table, index)
  let address = loadAddress(descriptor)
  let rest = loadRest(descriptor)
  if (isIndirect(rest)) {
    const length = bufferBytes(rest)
    limit = descriptorsIn(length)
    if (limit === 0 || length > <u32>GRANULE_BYTES || isWritable(rest) || hasNext(rest)) return false
    if ((load<u32>(v, V_FLAGS) & VRING_INDIRECT) === 0) return false
    table = locate(entries, first, granules, address, length)
    if (table === 0) return false
    index = 0
    descriptor = table
    address = loadAddress(descriptor)
    rest = loadRest(descriptor)
  }
  // The granule that the last descriptor lay in: most pieces of a frame lie in one.
  let known: u64 = u64.MAX_VALUE
  let entry: u64 = 0
  let piece: usize = PIECES_AT
  let total: u32 = 0
  while (true) {
    const length = bufferBytes(rest)
    if (isWritable(rest) || isIndirect(rest) || length - 1 >= <u32>GRANULE_BYTES) return false
    const granule = granuleOf(address)
    if (granule !== known) {
      if (granule - first >= granules) return false
      known = granule
      entry = loadEntry(entries, <usize>(granule - first))
    }
    const offset = offsetOf(address)
    if (!isGranted(entry, offset, length)) return false
    store<u64>(piece, <u64>(<u32>entry + offset) | ((<u64>length) << 32))
    piece += PIECE_BYTES
    total += length
    if (!hasNext(rest)) break
    // The header may have a descriptor of its own.
    if (piece > <usize>PIECES_AT + MAX_PIECES * PIECE_BYTES) return false
    // Mostly the next one of the table: by a branch, so that no descriptor is waited for by the next.
    index++
    if (nextOf(rest) === index) {
      if (index >= limit) return false
      descriptor += descriptorBytes()
      address = loadAddress(descriptor)
      rest = loadRest(descriptor)
      continue
    }
    index = nextOf(rest)
    if (index >= limit) return false
    descriptor = descriptorAt(table, index)
    address = loadAddress(descriptor)
    rest = loadRest(descriptor)
  }
  // The header lies whole in the first piece, alone or before the frame.
  let list: usize = PIECES_AT
  const from = load<u32>(list)
  const bytes = load<u32>(list, 4)
  if (bytes < header || total === header || load<u32>(from) & OFFLOAD_MASK) return false
  if (bytes > header) {
    store<u32>(list, from + header)
    store<u32>(list, bytes - header, 4)
  } else list += PIECE_BYTES
  if (piece > list + MAX_PIECES * PIECE_BYTES) return false
  pieceAt = load<u32>(list)
  pieceBytes = total - header
  pieceList = piece > list + PIECE_BYTES ? list : 0
  return load<u32>(list, 4) >= min(pieceBytes, JUDGED_BYTES)
}

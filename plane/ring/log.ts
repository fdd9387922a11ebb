// The log of a live migration: a bit for each page of the guest's memory, in a file that the frontend shares. The frontend
// takes the bits, clears them, and copies those pages once more.
//
//   page written ... its bit set ... used index stored ... bit of the used ring's page set
//
// A bit follows what it tells of: a page that was marked first could be copied before it is written. Setting it is an
// atomic OR, because the frontend clears bits meanwhile, and so a full fence: a bit that seems to be set already could be
// taken before the write is seen. Nothing is remembered from page to page: what was set may have been cleared.
// Source: QEMU, docs/interop/vhost-user.rst, "Migration".
//
// Only the slow path writes into the memory of a guest that logs. What it writes, and where it marks that:
//   frames, also those that join another        egress.ts, merge/append.ts
//   headers mended when an aggregate closes     merge/aggregate.ts
//   used entries, used index, kicks wanted      door.ts, buffers.ts
//   answers to commands                         control.ts
import { SEGMENT_BYTES } from '../frame/segments'
import {
  BROKEN_LOG,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  MAPPED_AT,
  P_LOG,
  P_LOG_MARKED,
  P_LOG_PAGES,
  PAGE_SHIFT,
  V_FLAGS,
  V_LOG_PAGE,
  V_PORT,
  V_SIZE,
  V_USED,
  VRING_LOGS,
} from '../layout'
import { breakPort } from './break-port'
import { usedBytes, usedOffset } from './split'

const PAGES_PER_GRANULE_SHIFT: u64 = GRANULE_SHIFT - PAGE_SHIFT
const PAGE_MASK: u32 = (1 << PAGE_SHIFT) - 1
/** Bits of a word of the log. */
const WORD_SHIFT: u32 = 5
const LAST_BIT: u32 = 31

/** Whether what is written into a ring and its buffers is logged. */
export function logs(v: usize): boolean {
  return (load<u32>(v, V_FLAGS) & VRING_LOGS) !== 0
}

/** Sets the bits of pages of guest memory, from the first to the last. */
function markPages(v: usize, first: u64, last: u64): void {
  const port: usize = load<u32>(v, V_PORT)
  if (last >= <u64>load<u32>(port, P_LOG_PAGES)) {
    breakPort(v, BROKEN_LOG)
    return
  }
  const log: usize = load<u32>(port, P_LOG)
  const end = <u32>last
  let page = <u32>first
  while (page <= end) {
    const lastOfWord = min(end, page | LAST_BIT)
    const bits: u32 = ((<u32>-1) << (page & LAST_BIT)) & (<u32>-1 >> (LAST_BIT - (lastOfWord & LAST_BIT)))
    atomic.or<u32>(log + ((<usize>page >> WORD_SHIFT) << 2), bits)
    page = lastOfWord + 1
  }
  store<u32>(port, 1, P_LOG_MARKED)
}

/** Marks bytes of a ring's guest that were written at a linear offset, within one granule. There are some. */
export function markBytes(v: usize, at: usize, bytes: u32): void {
  const granule = load<u32>(<usize>MAPPED_AT + (at >> GRANULE_SHIFT) * 4)
  const offset = <u32>at & (GRANULE_BYTES - 1)
  const page = (<u64>granule) << PAGES_PER_GRANULE_SHIFT
  markPages(v, page + (offset >> PAGE_SHIFT), page + ((offset + bytes - 1) >> PAGE_SHIFT))
}

/** Marks the first n bytes of a list of segments, which holds so many. */
export function markSegments(v: usize, segments: usize, n: u32): void {
  while (n > 0) {
    const part = min(load<u32>(segments, 4), n)
    if (part > 0) markBytes(v, load<u32>(segments), part)
    n -= part
    segments += SEGMENT_BYTES
  }
}

/** Marks bytes of the used ring that were written at an offset in it. A window may show it elsewhere than its guest's memory. */
export function markUsed(v: usize, offset: u32, bytes: u32): void {
  const from = (load<u32>(v, V_USED) & PAGE_MASK) + offset
  const page = <u64>load<u32>(v, V_LOG_PAGE)
  markPages(v, page + (from >> PAGE_SHIFT), page + ((from + bytes - 1) >> PAGE_SHIFT))
}

/** Marks used entries that were written, from an index on. There are some, and no more than the ring has. */
export function markEntries(v: usize, index: u32, entries: u32): void {
  const size = load<u32>(v, V_SIZE)
  const slot = index & (size - 1)
  const atEnd = min(entries, size - slot)
  markUsed(v, usedOffset(slot), usedBytes(atEnd))
  if (entries > atEnd) markUsed(v, usedOffset(0), usedBytes(entries - atEnd))
}

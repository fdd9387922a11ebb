// Receive buffers: reserved from the available ring, written to in order, with a cursor behind the last byte.

import { SEGMENT_BYTES, seek, setSegment, target } from '../frame/segments'
import {
  BROKEN_RX_CHAIN,
  CHAINS_AT,
  GRANULE_BYTES,
  MAX_CHAINS,
  MAX_SEGS,
  P_SPAN,
  RX_SEGS_AT,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  V_AVAIL,
  V_DESC,
  V_FLAGS,
  V_LAST_AVAIL,
  V_PORT,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
  VRING_MERGEABLE,
} from '../layout'
import { spend } from '../work'
import { breakPort } from './break-port'
import { checkedHead, checkedWaiting } from './broken'
import { chainBytes, isBad, WRITABLE, walk } from './chain'
import { seen, take } from './door'
import { granuleOf, isGranted, loadEntry, MISS, notesUse, offsetOf } from './granules'
import { logs, markEntries } from './log'
import { bufferBytes, descriptorAt, isOneWritable, loadAddress, loadHead, loadRest, storeUsed } from './split'

export const NO_BUFFERS: i32 = 0
export const TOO_SMALL: i32 = -10
export const BROKEN: i32 = -11
/** How far beyond its need a chain is walked when more may be appended to it. */
const WALK_AHEAD: u32 = 65536

// ---- writing ----
let segmentsEnd: usize = 0

/** Places the cursor at the start of the segments at RX_SEGS_AT. */
export function openBuffers(): void {
  seek(target, RX_SEGS_AT, 0)
}

/** Saves where the cursor stands and what follows it: at most `limit` segments. Returns how many. */
export function saveCursor(at: usize, limit: u32): u32 {
  let count: u32 = 0
  if (target.left > 0) {
    setSegment(at, target.at, target.left)
    count = 1
  }
  for (
    let next: usize = target.segment + SEGMENT_BYTES;
    next < segmentsEnd && count < limit;
    next += SEGMENT_BYTES
  ) {
    store<u64>(at + ((<usize>count) << 3), load<u64>(next))
    count++
  }
  return count
}

/** Puts saved segments at RX_SEGS_AT, as reserve() expects those that it goes on from. Returns their bytes. */
export function restoreSegments(at: usize, count: u32): u32 {
  let bytes: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const offset = (<usize>i) << 3
    bytes += load<u32>(at + offset, 4)
    store<u64>(<usize>RX_SEGS_AT + offset, load<u64>(at + offset))
  }
  segmentsEnd = <usize>RX_SEGS_AT + ((<usize>count) << 3)
  return bytes
}

/** Head of a chain that reserve() found last, by its number from 0. */
export function reservedHead(number: u32): u32 {
  return load<u32>(<usize>CHAINS_AT + <usize>number * 8)
}

/** Bytes that are written into it. */
export function reservedBytes(number: u32): u32 {
  return load<u32>(<usize>CHAINS_AT + <usize>number * 8, 4)
}

/** Bytes that reserve() has found. */
let got: u32 = 0

/**
 * Reserves chains of one buffer in one granule, which is how drivers post most, in a loop of their own.
 * @param taken chains reserved before; @param limit most of them; @param segments at RX_SEGS_AT
 * @returns the chains reserved; each has added one segment, and its bytes to `got`
 */
function reserveRun(v: usize, need: u32, taken: i32, limit: i32, segments: i32): i32 {
  const port: usize = load<u32>(v, V_PORT)
  if (notesUse(port)) return taken
  const span: usize = load<u32>(port, P_SPAN)
  const entries: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const size = load<u32>(v, V_SIZE)
  const last = load<u32>(v, V_LAST_AVAIL)
  const avail: usize = load<u32>(v, V_AVAIL)
  const table: usize = load<u32>(v, V_DESC)
  const most = min(limit, taken + MAX_SEGS - segments)
  const begun = taken
  let segment = <usize>RX_SEGS_AT + ((<usize>segments) << 3)
  let chain = <usize>CHAINS_AT + ((<usize>taken) << 3)
  while (taken < most && got < need) {
    const head = loadHead(avail, (last + taken) & (size - 1))
    if (head >= size) break
    const descriptor = descriptorAt(table, head)
    const address = loadAddress(descriptor)
    const rest = loadRest(descriptor)
    const length = bufferBytes(rest)
    const granule = granuleOf(address) - first
    if (!isOneWritable(rest) || length === 0 || length > <u32>GRANULE_BYTES || granule >= granules) break
    const entry = loadEntry(entries, <usize>granule)
    const offset = offsetOf(address)
    if (!isGranted(entry, offset, length)) break
    const bytes = min(length, need - got)
    store<u64>(segment, <u64>(<u32>entry + offset) | ((<u64>length) << 32))
    store<u64>(chain, <u64>head | ((<u64>bytes) << 32))
    segment += SEGMENT_BYTES
    chain += 8
    got += bytes
    taken++
  }
  spend(taken - begun)
  return taken
}

/**
 * Reserves receive buffers for `need` bytes; nothing is consumed yet.
 * @param segments already at RX_SEGS_AT; @param open whether the last chain is wanted with the room it has left
 * @returns the chains reserved, NO_BUFFERS, MISS, TOO_SMALL or BROKEN
 */
export function reserve(v: usize, need: u32, segments: i32, open: bool): i32 {
  let available = seen(v)
  let taken: i32 = 0
  got = 0
  const size = load<u32>(v, V_SIZE)
  const mergeable = (load<u32>(v, V_FLAGS) & VRING_MERGEABLE) !== 0
  const most = mergeable ? min<i32>(size, MAX_CHAINS) : 1
  const ahead: u32 = open ? WALK_AHEAD : 0
  while (true) {
    if (taken >= available) {
      available = checkedWaiting(v)
      if (available < 0) return BROKEN
      if (taken >= available) return NO_BUFFERS
    }
    const run = reserveRun(v, need, taken, min(available, most), segments)
    segments += run - taken
    if (run === taken) {
      const head = checkedHead(v, taken)
      if (head < 0) return BROKEN
      const left = need - got
      const found = walk(v, head, WRITABLE, segments, left + ahead)
      if (found === MISS) return MISS
      if (isBad(found)) {
        breakPort(v, BROKEN_RX_CHAIN)
        return BROKEN
      }
      segments = found
      const bytes = chainBytes() < <u64>left ? <u32>chainBytes() : left
      const at: usize = <usize>CHAINS_AT + <usize>taken * 8
      store<u32>(at, head)
      store<u32>(at, bytes, 4)
      got += bytes
      taken++
    } else taken = run
    if (got >= need) {
      segmentsEnd = <usize>RX_SEGS_AT + ((<usize>segments) << 3)
      return taken
    }
    if (taken >= most) return TOO_SMALL
  }
}

/** Takes the chains that reserve() found last and completes them. */
export function completeReserved(v: usize, chains: u32): void {
  const used: usize = load<u32>(v, V_USED)
  const mask = load<u32>(v, V_SIZE) - 1
  const next = load<u32>(v, V_USED_NEXT)
  for (let i: u32 = 0; i < chains; i++) storeUsed(used, (next + i) & mask, reservedHead(i), reservedBytes(i))
  if (logs(v)) markEntries(v, next, chains)
  store<u32>(v, (next + chains) & 0xffff, V_USED_NEXT)
  take(v, chains)
}

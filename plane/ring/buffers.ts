// Receive buffers: reserved from the available ring, written to in order, with a cursor behind the last byte.

import { SEGMENT_BYTES, seek, setSegment, target } from '../frame/segments'
import {
  BROKEN_RX_CHAIN,
  CHAINS_AT,
  MAX_CHAINS,
  RX_SEGS_AT,
  V_FLAGS,
  V_SIZE,
  VRING_MERGEABLE,
} from '../layout'
import { breakPort, checkedHead, checkedWaiting } from './broken'
import { chainBytes, isBad, WRITABLE, walk } from './chain'
import { seen } from './door'
import { MISS } from './granules'

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

/**
 * Reserves receive buffers for `need` bytes; nothing is consumed yet.
 * @param segments already at RX_SEGS_AT; @param open whether the last chain is wanted with the room it has left
 * @returns the chains reserved, NO_BUFFERS, MISS, TOO_SMALL or BROKEN
 */
export function reserve(v: usize, need: u32, segments: i32, open: bool): i32 {
  let available = seen(v)
  let got: u32 = 0
  let taken: i32 = 0
  const size = load<u32>(v, V_SIZE)
  const mergeable = (load<u32>(v, V_FLAGS) & VRING_MERGEABLE) !== 0
  const ahead: u32 = open ? WALK_AHEAD : 0
  while (true) {
    if (taken >= available) {
      available = checkedWaiting(v)
      if (available < 0) return BROKEN
      if (taken >= available) return NO_BUFFERS
    }
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
    if (got >= need) {
      segmentsEnd = <usize>RX_SEGS_AT + ((<usize>segments) << 3)
      return taken
    }
    if (!mergeable || taken >= MAX_CHAINS || taken >= <i32>size) return TOO_SMALL
  }
}

// Descriptor chains: from the head of a chain to the linear segments of its buffers.
// Every descriptor is read once, as two u64, checked, and then used. Source: virtio 1.3, 2.7.5.

import {
  MAX_SEGS,
  RX_SEGS_AT,
  SEGS_AT,
  TABLE_SEGS_AT,
  V_DESC,
  V_FLAGS,
  V_PORT,
  V_SIZE,
  VRING_INDIRECT,
} from '../layout'
import { spend } from '../work'
import { BAD_ADDRESS, grant, MISS, TOO_MANY_SEGMENTS } from './granules'
import {
  bufferBytes,
  descriptorAt,
  descriptorBytes,
  descriptorOffset,
  descriptorsIn,
  hasNext,
  isIndirect,
  isWritable,
  loadAddress,
  loadRest,
  nextOf,
} from './split'

/**
 * Most descriptors without bytes in a chain. No driver makes any; a chain of nothing else would be as long as the
 * ring and end at no other limit.
 */
const MAX_EMPTY: u32 = 16
/** Most descriptors of a chain that are found unmapped in one walk: the rest is found when these are mapped. */
const MAX_MISSED: u32 = 64

const BAD_CHAIN: i32 = -4

/** Which buffers a chain may hold. A control chain has readable buffers, then writable ones. */
export const READABLE: u32 = 0
export const WRITABLE: u32 = 1
export const CONTROL: u32 = 2

/** Bytes found by the last walk. */
let bytes: u64 = 0
/** Segments of a control chain that are readable. */
let readable: i32 = 0
/** Descriptors read by the last walk. */
let walked: u32 = 0

export function chainBytes(): u64 {
  return bytes
}

export function chainReadable(): i32 {
  return readable
}

/**
 * Walks one chain, appends its segments at RX_SEGS_AT (WRITABLE) or SEGS_AT, and counts what it read as work.
 * @param kind READABLE, WRITABLE or CONTROL; @param count segments already there
 * @param need stop when this many bytes are found (the rest of the chain stays unread)
 * @returns the new number of segments, or BAD_ADDRESS, MISS, TOO_MANY_SEGMENTS, BAD_CHAIN
 */
export function walk(v: usize, head: u32, kind: u32, count: i32, need: u32): i32 {
  walked = 0
  const found = walkOn(v, head, kind, count, need)
  spend(walked)
  return found
}

function walkOn(v: usize, head: u32, kind: u32, count: i32, need: u32): i32 {
  const port: usize = load<u32>(v, V_PORT)
  const segs: usize = kind === WRITABLE ? RX_SEGS_AT : SEGS_AT
  let table: usize = load<u32>(v, V_DESC)
  let limit = load<u32>(v, V_SIZE)
  let index = head
  let left = limit
  let empty: u32 = 0
  let missed: u32 = 0
  let indirect = false
  let scattered = false
  let tableAddress: u64 = 0
  bytes = 0
  readable = count
  while (true) {
    let at = descriptorAt(table, index)
    if (scattered) {
      const found = grant(port, tableAddress + descriptorOffset(index), descriptorBytes(), TABLE_SEGS_AT, 0)
      if (found !== 1) return found < 0 ? found : BAD_CHAIN
      at = load<u32>(TABLE_SEGS_AT)
    }
    walked++
    const address = loadAddress(at)
    const rest = loadRest(at)
    const length = bufferBytes(rest)
    if (isIndirect(rest)) {
      if (indirect || hasNext(rest) || (load<u32>(v, V_FLAGS) & VRING_INDIRECT) === 0) return BAD_CHAIN
      const entries = descriptorsIn(length)
      if (entries === 0 || entries > <u32>MAX_SEGS) return BAD_CHAIN
      const found = grant(port, address, length, TABLE_SEGS_AT, 0)
      if (found < 0) return found
      indirect = true
      scattered = found > 1
      tableAddress = address
      table = load<u32>(TABLE_SEGS_AT)
      index = 0
      limit = entries
      left = entries
      continue
    }
    const writable = isWritable(rest)
    if (kind === CONTROL) {
      if (!writable && readable !== count) return BAD_CHAIN // readable buffers come first (2.7.4.2)
    } else if (writable !== (kind === WRITABLE)) return BAD_CHAIN
    if (length > 0) {
      bytes += length
      if (kind === READABLE && bytes > <u64>need) return count
      const found = grant(port, address, length, segs, count)
      if (found === MISS) {
        if (++missed === MAX_MISSED) return MISS
      } else if (found < 0) return found
      else {
        count = found
        if (kind === CONTROL && !writable) readable = count
      }
    } else if (++empty > MAX_EMPTY) return BAD_CHAIN
    if (kind === WRITABLE && bytes >= <u64>need) break
    if (!hasNext(rest)) break
    index = nextOf(rest)
    if (index >= limit || --left === 0) return BAD_CHAIN
  }
  return missed > 0 ? MISS : count
}

/** Whether a result of walk() means that the chain itself is at fault. */
export function isBad(result: i32): boolean {
  return result === BAD_ADDRESS || result === BAD_CHAIN || result === TOO_MANY_SEGMENTS
}

// A ring of whole frames in the heap: what a host port has still to write, or the bounded backlog of a receive
// ring whose guest has no buffers. Records lie contiguously, so one write() or one copy takes each.
//
//   R_HEAD -> | record | record | record | R_TAIL ->  ...  | 0 = go on at the start |
import {
  G_NOW_US,
  GLOBALS_AT,
  R_BASE,
  R_BYTES,
  R_COUNT,
  R_HEAD,
  R_RELEASED,
  R_TAIL,
  R_USED,
  RECORD_ARRIVAL,
  RECORD_BYTES,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
} from './layout'

function recordBytes(frameBytes: u32): u32 {
  return (RECORD_FRAME + frameBytes + 15) & ~15
}

/** Room for a frame: the linear offset of its record, or 0 when the ring is full. Counted at once. */
export function ringReserve(ring: usize, frameBytes: u32): usize {
  const need = recordBytes(frameBytes)
  const size = load<u32>(ring, R_BYTES)
  const base: usize = load<u32>(ring, R_BASE)
  const head = load<u32>(ring, R_HEAD)
  let tail = load<u32>(ring, R_TAIL)
  let used = load<u32>(ring, R_USED)
  if (used === 0) {
    tail = 0
    store<u32>(ring, 0, R_HEAD)
    if (need > size) return 0
  } else if (tail > head) {
    const room = size - tail
    if (need > room) {
      if (need > head) return 0
      if (room > 0) store<u32>(base + tail, 0, RECORD_BYTES)
      used += room
      tail = 0
    }
  } else if (need > head - tail) return 0
  const record = base + tail
  store<u32>(record, need, RECORD_BYTES)
  store<u32>(record, frameBytes, RECORD_FRAME_BYTES)
  store<f64>(record, load<f64>(GLOBALS_AT, G_NOW_US), RECORD_ARRIVAL)
  tail += need
  store<u32>(ring, tail === size ? 0 : tail, R_TAIL)
  store<u32>(ring, used + need, R_USED)
  store<u32>(ring, load<u32>(ring, R_COUNT) + 1, R_COUNT)
  return record
}

/** Makes the newest record longer by some bytes of its frame. Returns false, changing nothing, when there is no room. */
export function ringGrow(ring: usize, record: usize, more: u32): boolean {
  const size = load<u32>(ring, R_BYTES)
  const at = <u32>(record - load<u32>(ring, R_BASE))
  const frameBytes = load<u32>(record, RECORD_FRAME_BYTES) + more
  const old = load<u32>(record, RECORD_BYTES)
  const head = load<u32>(ring, R_HEAD)
  const need = recordBytes(frameBytes)
  if (need > (head > at ? head : size) - at) return false
  store<u32>(record, need, RECORD_BYTES)
  store<u32>(record, frameBytes, RECORD_FRAME_BYTES)
  const tail = at + need
  store<u32>(ring, tail === size ? 0 : tail, R_TAIL)
  store<u32>(ring, load<u32>(ring, R_USED) + need - old, R_USED)
  return true
}

/** The oldest record, or 0. */
export function ringFirst(ring: usize): usize {
  if (load<u32>(ring, R_COUNT) === 0) return 0
  const base: usize = load<u32>(ring, R_BASE)
  const head = load<u32>(ring, R_HEAD)
  if (load<u32>(base + head, RECORD_BYTES) !== 0) return base + head
  store<u32>(ring, load<u32>(ring, R_USED) - (load<u32>(ring, R_BYTES) - head), R_USED)
  store<u32>(ring, 0, R_HEAD)
  return base
}

/** Drops the oldest record, which ringFirst() returned. */
export function ringPop(ring: usize): void {
  const head = load<u32>(ring, R_HEAD)
  const bytes = load<u32>(<usize>load<u32>(ring, R_BASE) + head, RECORD_BYTES)
  const next = head + bytes
  store<u32>(ring, next === load<u32>(ring, R_BYTES) ? 0 : next, R_HEAD)
  store<u32>(ring, load<u32>(ring, R_USED) - bytes, R_USED)
  store<u32>(ring, load<u32>(ring, R_COUNT) - 1, R_COUNT)
  const released = load<u32>(ring, R_RELEASED)
  if (released !== 0) store<u32>(ring, released - 1, R_RELEASED)
}

/** Drops so many of the oldest records, which are there. */
export function ringTake(ring: usize, count: u32): void {
  for (let taken: u32 = 0; taken < count; taken++) {
    ringFirst(ring)
    ringPop(ring)
  }
}

/** The record after one, which is not the newest. */
export function ringNext(ring: usize, record: usize): usize {
  const base: usize = load<u32>(ring, R_BASE)
  const after = record + load<u32>(record, RECORD_BYTES)
  return after === base + load<u32>(ring, R_BYTES) || load<u32>(after, RECORD_BYTES) === 0 ? base : after
}

// The capture ring of a port: a record for each frame that crosses it, from the plane to a reader in another thread,
// which takes them without asking anybody.
//
//   K_HEAD -> | record | record | record | open | record | -> K_WRITE        positions run free on the u32 circle
//   reader                               ^ K_TAIL: the reader sees what lies before
//
// A record is open until it is known what became of its frame: it entered and the bridge judges it, or it lies in a batch
// that is not published. Open ones keep those behind them from the reader, so that order is kept: for a burst, or as
// long as a batch is held. Without room a frame is not captured, and counted: nothing waits for the reader.
import {
  CAPTURED_HELD,
  CAPTURED_OPEN,
  G_NOW_US,
  G_QUEUE_US,
  GLOBALS_AT,
  K_BASE,
  K_BYTES,
  K_HEAD,
  K_MISSED,
  K_SNAP_BYTES,
  K_TAIL,
  K_WRITE,
  KR_BYTES,
  KR_CSUM_OFFSET,
  KR_DROP,
  KR_FLAGS,
  KR_FRAME,
  KR_FRAME_BYTES,
  KR_HAS_BYTES,
  KR_HOLD_US,
  KR_MISSED,
  KR_NET_HEADER,
  KR_PUBLISH,
  KR_QUEUE_US,
  KR_TIME_US,
  KR_VRING,
  P_CAPTURE,
} from '../layout'

/** The record of the frame that is entering, and its port; 0 between frames. */
let entering: usize = 0
let enteringPort: usize = 0

/** The capture ring of a port, or 0: nobody captures it. */
export function captureOf(port: usize): usize {
  return load<u32>(port, P_CAPTURE)
}

/**
 * A record for a frame of so many bytes, now, of which KR_HAS_BYTES are to be written at KR_FRAME. 0 without room.
 * @param flags CAPTURED_*
 */
export function beginRecord(ring: usize, flags: u32, bytes: u32): usize {
  const has = min(bytes, load<u32>(ring, K_SNAP_BYTES))
  const need: u32 = (<u32>KR_FRAME + has + 15) & ~15
  const size = load<u32>(ring, K_BYTES)
  const write = load<u32>(ring, K_WRITE)
  const room = size - (write & (size - 1))
  const skipped: u32 = need > room ? room : 0
  const missed = load<u32>(ring, K_MISSED)
  if (need + skipped > size - (write - atomic.load<u32>(ring, K_HEAD))) {
    store<u32>(ring, missed + 1, K_MISSED)
    return 0
  }
  const base: usize = load<u32>(ring, K_BASE)
  if (skipped > 0) store<u32>(base + (write & (size - 1)), 0, KR_BYTES)
  const record = base + ((write + skipped) & (size - 1))
  store<u32>(record, need, KR_BYTES)
  store<u32>(record, flags, KR_FLAGS)
  store<f64>(record, load<f64>(GLOBALS_AT, G_NOW_US), KR_TIME_US)
  store<f64>(record, load<f64>(GLOBALS_AT, G_QUEUE_US), KR_QUEUE_US)
  store<u32>(record, bytes, KR_FRAME_BYTES)
  store<u32>(record, has, KR_HAS_BYTES)
  store<u32>(record, 0, KR_DROP)
  store<u32>(record, 0, KR_VRING)
  store<u32>(record, missed, KR_MISSED)
  store<u64>(record, 0, KR_NET_HEADER)
  store<u32>(record, 0, KR_CSUM_OFFSET)
  store<u32>(ring, 0, K_MISSED)
  store<u32>(ring, write + skipped + need, K_WRITE)
  return record
}

/** The position of the record at one, which may be where the ring goes on at its start. */
function skipEnd(ring: usize, position: u32): u32 {
  const size = load<u32>(ring, K_BYTES)
  const at = position & (size - 1)
  return load<u32>(<usize>load<u32>(ring, K_BASE) + at, KR_BYTES) === 0 ? position + size - at : position
}

function recordAt(ring: usize, position: u32): usize {
  return <usize>load<u32>(ring, K_BASE) + (position & (load<u32>(ring, K_BYTES) - 1))
}

/** Shows the reader all records up to the first open one. What a trap left open is none. */
export function showRecords(ring: usize): void {
  const end = load<u32>(ring, K_WRITE)
  let at = load<u32>(ring, K_TAIL)
  while (at !== end) {
    const position = skipEnd(ring, at)
    const record = recordAt(ring, position)
    if (
      load<u32>(record, KR_FLAGS) & CAPTURED_OPEN &&
      (load<u32>(record, KR_VRING) !== 0 || record === entering)
    )
      break
    at = position + load<u32>(record, KR_BYTES)
  }
  atomic.store<u32>(ring, at, K_TAIL)
}

/** The batch of a vring is published for a reason: so are its frames that were captured. */
export function closeHeld(port: usize, v: usize, reason: u32): void {
  const ring = captureOf(port)
  if (ring === 0) return
  const now = load<f64>(GLOBALS_AT, G_NOW_US)
  const end = load<u32>(ring, K_WRITE)
  for (let at = load<u32>(ring, K_TAIL); at !== end; ) {
    at = skipEnd(ring, at)
    const record = recordAt(ring, at)
    at += load<u32>(record, KR_BYTES)
    if (load<u32>(record, KR_VRING) !== <u32>v) continue
    store<u32>(record, 0, KR_VRING)
    store<u32>(record, (load<u32>(record, KR_FLAGS) & ~CAPTURED_OPEN) | CAPTURED_HELD, KR_FLAGS)
    store<f64>(record, now - load<f64>(record, KR_TIME_US), KR_HOLD_US)
    store<u32>(record, reason, KR_PUBLISH)
  }
  showRecords(ring)
}

/** The frame of an open record (0: it was not captured) enters by a port; drops of it are noted until endEntering(). */
export function beginEntering(port: usize, record: usize): void {
  entering = record
  enteringPort = port
}

/** The frame that is entering was dropped, if that is on account of this port. */
export function noteDrop(port: usize, reason: u32): void {
  if (port === enteringPort && entering !== 0) store<u32>(entering, reason + 1, KR_DROP)
}

/** What became of the frame that is entering is known. */
export function endEntering(port: usize): void {
  const record = entering
  entering = 0
  enteringPort = 0
  if (record !== 0) store<u32>(record, load<u32>(record, KR_FLAGS) & ~CAPTURED_OPEN, KR_FLAGS)
  const ring = captureOf(port)
  if (ring !== 0) showRecords(ring)
}

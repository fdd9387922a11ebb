// Frames of host ports. The engine reads them into the plane's memory and hands them in one by one; publication waits for
// the end of the burst. A frame beyond its port's rate limit waits in a byte ring of its own.
import { forward } from './bridge/bridge'
import { leaveAsIs } from './bridge/leave'
import { dropLate, isMetered, mayGo, queueFrom, releaseTo, waitsNoMore } from './bridge/shaper'
import { ringFirst, ringPop } from './byte-ring'
import { dropUnopened } from './capture/frames'
import { noteTargets } from './fast/target'
import { openFlat } from './frame/open'
import { endBurst } from './hold'
import {
  BUCKET_FROM,
  G_CALL_NOW,
  GLOBALS_AT,
  INGEST_AT,
  MAX_FRAME_BYTES,
  P_FROM_RING,
  P_RING,
  R_COUNT,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  RECORD_HASH,
} from './layout'
import { portAt } from './port'
import { isSpent, openFrameWork, openWork } from './work'

/** Most frames of a host port that a rate limit held back forwarded in one turn. */
const RELEASE_BURST: u32 = 64

/**
 * Forwards one frame that a host port received. Publication waits for endHostBurst().
 * @param at linear offset of the virtio-net header; @param bytes header and frame
 * @param header bytes of the virtio-net header
 * @returns 0 when the burst has cost enough: the rest must wait for the next
 */
export function ingest(index: u32, at: usize, bytes: u32, header: u32): u32 {
  const port = portAt(index)
  if (
    load<u32>(port, P_FROM_RING) !== 0 &&
    bytes > header &&
    bytes <= header + MAX_FRAME_BYTES &&
    queueFrom(port, at, bytes, header)
  )
    return 1
  forwardFlat(index, port, at, bytes, header)
  return isSpent() ? 0 : 1
}

/**
 * Forwards frames that a host port received, as ingest(): those that INGEST_AT lists, in order, the first in any case.
 * @returns how many; the rest must wait for the next burst
 */
export function ingestBurst(index: u32, count: u32, header: u32): u32 {
  let taken: u32 = 0
  while (taken < count) {
    const entry = <usize>INGEST_AT + ((<usize>taken) << 3)
    taken++
    if (ingest(index, load<u32>(entry), load<u32>(entry, 4), header) === 0) break
  }
  return taken
}

function forwardFlat(index: u32, port: usize, at: usize, bytes: u32, header: u32): void {
  openFrameWork()
  const reason = openFlat(port, at, bytes, header)
  if (reason >= 0) dropUnopened(port, reason, bytes, header, true)
  else forward(index, port)
}

/** Has a frame, given as to ingest(), leave by a port and nowhere else. */
export function send(index: u32, at: usize, bytes: u32, header: u32): void {
  const port = portAt(index)
  openFrameWork()
  const reason = openFlat(port, at, bytes, header)
  if (reason >= 0) dropUnopened(port, reason, bytes, header, true)
  else leaveAsIs(port)
}

/** Forwards what a rate limit has held back of the frames of a host port. Returns the frames forwarded. */
export function releaseFrom(index: u32): u32 {
  const port = portAt(index)
  const ring: usize = load<u32>(port, P_FROM_RING)
  if (ring === 0 || load<u32>(ring, R_COUNT) === 0) return 0
  dropLate(port, ring)
  let moved: u32 = 0
  while (moved < RELEASE_BURST && !isSpent() && mayGo(port, BUCKET_FROM)) {
    const record = ringFirst(ring)
    const header = load<u32>(record, RECORD_HASH)
    const bytes = load<u32>(record, RECORD_FRAME_BYTES)
    forwardFlat(index, port, record + RECORD_FRAME - header, header + bytes, header)
    ringPop(ring)
    moved++
    if (load<u32>(ring, R_COUNT) === 0) {
      waitsNoMore(port, BUCKET_FROM)
      break
    }
  }
  if (moved > 0) endHostBurst()
  return moved
}

/** Records of a host port's output that may be written now: all, or those that its rate limit lets go. */
export function ready(index: u32): u32 {
  const port = portAt(index)
  return isMetered(port) ? releaseTo(port) : load<u32>(<usize>load<u32>(port, P_RING), R_COUNT)
}

/** Ends a burst of ingest() calls: decides on what it wrote, and publishes. */
export function endHostBurst(): void {
  // A trap may have left what a burst had written unnoted.
  noteTargets()
  store<u32>(GLOBALS_AT, 0, G_CALL_NOW)
  endBurst()
  openWork()
}

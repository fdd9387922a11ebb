// A run: frames of one sender that go the same way, one after the other, to more than one receiver or to a host port. Each
// is copied once out of its guest into the plane's own memory, judged there, and written from there to whoever gets it:
//
//   RUN_AT          | offset, bytes, hash | offset, bytes, hash | ...
//   RUN_FRAMES_AT   | zeros | frame | zeros | frame | ...      zeros: the virtio-net header of a plain frame
//
// So a guest that changes its memory meanwhile tells all receivers the same, and no other receiver waits for its lines.
import { flowHashAt } from '../bridge/flow-hash'
import { copy } from '../copy'
import {
  MAX_RUN,
  NET_HEADER_BYTES,
  RUN_AT,
  RUN_BYTES,
  RUN_ENTRY_BYTES,
  RUN_FRAME,
  RUN_FRAME_BYTES,
  RUN_FRAMES_AT,
  RUN_HASH,
  RUN_IS_HASHED,
} from '../layout'
import { pieceAt, pieceBytes, pieceList } from './pieces'
import { openOdd, TAG_AS_IS, writePieces } from './write'

/** Frames begin at a multiple of it. */
const ALIGN: usize = 16

let frames: u32 = 0
/** Where the last frame ends. */
let end: usize = 0

function entryAt(number: u32): usize {
  return <usize>RUN_AT + <usize>number * RUN_ENTRY_BYTES
}

/** Begins a run. */
export function openRun(): void {
  frames = 0
  end = RUN_FRAMES_AT
}

/** Frames of the run. */
export function runFrames(): u32 {
  return frames
}

/** Where a frame lies; in front of it the virtio-net header of a plain one, NET_HEADER_BYTES long. */
export function runFrame(number: u32): usize {
  return load<u32>(entryAt(number), RUN_FRAME)
}

export function runBytes(number: u32): u32 {
  return load<u32>(entryAt(number), RUN_FRAME_BYTES)
}

/** What chooses among the queue pairs of a receiver. */
export function runHash(number: u32): u32 {
  const entry = entryAt(number)
  if (load<u32>(entry, RUN_IS_HASHED) === 0) {
    store<u32>(entry, flowHashAt(load<u32>(entry, RUN_FRAME), load<u32>(entry, RUN_FRAME_BYTES)), RUN_HASH)
    store<u32>(entry, 1, RUN_IS_HASHED)
  }
  return load<u32>(entry, RUN_HASH)
}

/**
 * Adds the frame that findPieces() found.
 * @param front its first 16 bytes as they were judged
 * @returns where it lies now, or 0 when there is no room
 */
export function addFrame(front: v128): usize {
  const at = (end + NET_HEADER_BYTES + ALIGN - 1) & ~(ALIGN - 1)
  if (frames === MAX_RUN || at + pieceBytes > <usize>RUN_FRAMES_AT + RUN_BYTES) return 0
  store<u64>(at - NET_HEADER_BYTES, 0)
  store<u32>(at - NET_HEADER_BYTES, 0, 8)
  if (pieceList !== 0) {
    openOdd(pieceList, TAG_AS_IS, 0)
    writePieces(at, pieceBytes, front)
  } else {
    copy(at, pieceAt, pieceBytes)
    v128.store(at, front)
  }
  const entry = entryAt(frames)
  store<u32>(entry, <u32>at, RUN_FRAME)
  store<u32>(entry, pieceBytes, RUN_FRAME_BYTES)
  store<u32>(entry, 0, RUN_IS_HASHED)
  frames++
  end = at + pieceBytes
  return at
}

/** Takes back the frame that was added last: it is not of the run. */
export function takeBackFrame(): void {
  frames--
}

// How a frame is written behind its virtio-net header where it does not go from one piece into one: from pieces (pieces.ts),
// over several receive buffers (across.ts).
//
// The first 16 bytes of a frame, its front, are written as they were judged: what was decided on is what leaves.
import { copy } from '../copy'
import { BUFFERS_AT, GATHER_AT, GATHER_BYTES } from '../layout'
import { TAG_BYTES } from '../packet/packet'
import { fillBuffers } from './across'

/** Bytes of a front. */
export const FRONT_BYTES: u32 = 16

/** The tag leaves as it came; is taken off. Anything else: the tag (as it lies in memory) that is put on. */
export const TAG_AS_IS: u32 = 0
export const TAG_OFF: u32 = 1

/** The frame at hand: its pieces (0: one), how its tag leaves, and, where it is taken off, the four bytes behind it. */
let pieces: usize = 0
let tag: u32 = TAG_AS_IS
let behindTag: u32 = 0

/** Says what the next frame is written from. */
export function openOdd(piecesOfFrame: usize, tagOfFrame: u32, behind: u32): void {
  pieces = piecesOfFrame
  tag = tagOfFrame
  behindTag = behind
}

/** Bytes of the frame that its front stands for, and bytes of the front as it is written. */
function frontRead(): u32 {
  return tag === TAG_OFF ? FRONT_BYTES + TAG_BYTES : FRONT_BYTES
}
function frontWritten(): u32 {
  return tag === TAG_AS_IS || tag === TAG_OFF ? FRONT_BYTES : FRONT_BYTES + TAG_BYTES
}

function writeFront(body: usize, front: v128): void {
  if (tag === TAG_AS_IS) v128.store(body, front)
  else if (tag === TAG_OFF) v128.store(body, v128.replace_lane<u32>(front, 3, behindTag))
  else {
    v128.store(body, v128.replace_lane<u32>(front, 3, tag))
    store<u32>(body, v128.extract_lane<u32>(front, 3), FRONT_BYTES)
  }
}

/**
 * Copies n bytes, as copy() does. Pieces of a frame are mostly of one length: vectors from both ends that overlap in the
 * middle, all loaded before the first is stored, cost half of a loop with a call.
 */
function copyPiece(to: usize, from: usize, n: u32): void {
  if (n < 33 || n > 128) {
    copy(to, from, n)
    return
  }
  const last = n - 32
  const a = v128.load(from)
  const b = v128.load(from, 16)
  const c = v128.load(from + last)
  const d = v128.load(from + last, 16)
  if (n > 64) {
    const e = v128.load(from, 32)
    const f = v128.load(from + last - 16)
    if (n > 96) {
      const g = v128.load(from, 48)
      v128.store(to + last - 32, v128.load(from + last - 32))
      v128.store(to, g, 48)
    }
    v128.store(to, e, 32)
    v128.store(to + last - 16, f)
  }
  v128.store(to, a)
  v128.store(to, b, 16)
  v128.store(to + last, c)
  v128.store(to + last, d, 16)
}

/**
 * Writes a frame that lies in pieces into one piece of memory. One that lies in one is written by the loop itself.
 * @param body where it begins; @param length its bytes as it came
 */
export function writePieces(body: usize, length: u32, front: v128): void {
  let skip = frontRead()
  let to = body + frontWritten()
  let left = length
  for (let piece = pieces; left > 0; piece += 8) {
    const from: usize = load<u32>(piece)
    const has = load<u32>(piece, 4)
    left -= has
    if (skip < has) {
      copyPiece(to, from + skip, has - skip)
      to += has - skip
    }
    skip = skip < has ? 0 : skip - has
  }
  writeFront(body, front)
}

/** A frame in pieces that is longer is gathered before it is written. */
const GATHERED_BYTES: u32 = 1024

/**
 * The same for a piece of another guest's memory. Stores to lines that another processor has wait in a short queue, and the
 * loads of further pieces behind them; gathered first, all pieces are fetched at once, and written by one copy.
 * docs/decisions/0011.
 */
export function writeGathered(body: usize, length: u32, front: v128): void {
  if (length <= GATHERED_BYTES || length > <u32>GATHER_BYTES - TAG_BYTES) {
    writePieces(body, length, front)
    return
  }
  writePieces(GATHER_AT, length, front)
  memory.copy(body, GATHER_AT, length + frontWritten() - frontRead())
}

/** Writes a frame over the buffers that were found for it (findBuffers), of which the first holds the front. */
export function writeAcross(body: usize, at: usize, length: u32, front: v128): void {
  let skip = frontRead()
  let position = <u32>(body - <usize>load<u32>(BUFFERS_AT)) + frontWritten()
  writeFront(body, front)
  if (pieces === 0) {
    fillBuffers(position, at + skip, length - skip)
    return
  }
  let left = length
  for (let piece = pieces; left > 0; piece += 8) {
    const from: usize = load<u32>(piece)
    const has = load<u32>(piece, 4)
    left -= has
    if (skip < has) position = fillBuffers(position, from + skip, has - skip)
    skip = skip < has ? 0 : skip - has
  }
}

/** Source MAC address in the front of a frame. */
export function sourceOf(front: v128): u64 {
  return (<u64>i64x2.extract_lane(front, 0) >> 48) | ((<u64>v128.extract_lane<u32>(front, 2)) << 16)
}

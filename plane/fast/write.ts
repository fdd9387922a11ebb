// How a frame is written behind its virtio-net header where it is not one piece into one piece with the tag that it has:
// in pieces, over several receive buffers (across.ts), with a tag put on or taken off.
import { copy } from '../copy'
import { BUFFERS_AT, D_BEHIND_TAG, D_PIECES, D_TAG, F_FRONT, F_HEAD, TAG_AS_IS, TAG_OFF } from '../layout'
import { TAG_BYTES } from '../packet/packet'
import { fillBuffers } from './across'
import { DETAILED, detailsOf } from './record'

/** Bytes of a frame's front (F_FRONT). */
const VECTOR: u32 = 16

/** Copies what follows the front of a frame: its bytes from `from` on. */
function copyPieces(to: usize, list: usize, from: u32, bytes: u32): void {
  let skip = from
  let left = bytes
  while (left > 0) {
    const at: usize = load<u32>(list)
    const has = load<u32>(list, 4)
    list += 8
    if (skip >= has) {
      skip -= has
      continue
    }
    const part = min(has - skip, left)
    copy(to, at + skip, part)
    to += part
    left -= part
    skip = 0
  }
}

/** Writes a frame over the buffers that were found for it, of which the first holds its front. */
export function writeAcross(body: usize, record: usize, at: usize, length: u32): void {
  const isOdd = (load<u32>(record, F_HEAD) & DETAILED) !== 0
  const details = detailsOf(record)
  const tag = isOdd ? load<u32>(details, D_TAG) : TAG_AS_IS
  const pieces: usize = isOdd ? load<u32>(details, D_PIECES) : <usize>0
  let skip = tag === TAG_OFF ? VECTOR + TAG_BYTES : VECTOR
  let position = <u32>(body - <usize>load<u32>(BUFFERS_AT))
  position += tag === TAG_AS_IS || tag === TAG_OFF ? VECTOR : VECTOR + TAG_BYTES
  writeFront(body, record, tag)
  if (pieces === 0) fillBuffers(position, at + skip, length - skip)
  else {
    let left = length
    for (let piece = pieces; left > 0; piece += 8) {
      const from: usize = load<u32>(piece)
      const has = load<u32>(piece, 4)
      left -= has
      if (skip < has) position = fillBuffers(position, from + skip, has - skip)
      skip = skip < has ? 0 : skip - has
    }
  }
}

/** Writes the front of a frame as it was judged: the addresses that were decided on are those that leave. */
function writeFront(body: usize, record: usize, tag: u32): void {
  const front = v128.load(record, F_FRONT)
  if (tag === TAG_AS_IS) v128.store(body, front)
  else if (tag === TAG_OFF)
    v128.store(body, v128.replace_lane<u32>(front, 3, load<u32>(detailsOf(record), D_BEHIND_TAG)))
  else {
    v128.store(body, v128.replace_lane<u32>(front, 3, tag))
    store<u32>(body, v128.extract_lane<u32>(front, 3), VECTOR)
  }
}

/** Writes a frame that lies in pieces, or leaves with another tag than it came with. */
export function writeOdd(body: usize, record: usize, at: usize, length: u32): void {
  const details = detailsOf(record)
  const pieces: usize = load<u32>(details, D_PIECES)
  const tag = load<u32>(details, D_TAG)
  const from = tag === TAG_OFF ? VECTOR + TAG_BYTES : VECTOR
  const to = body + (tag === TAG_AS_IS || tag === TAG_OFF ? VECTOR : VECTOR + TAG_BYTES)
  if (pieces === 0) copy(to, at + from, length - from)
  else copyPieces(to, pieces, from, length - from)
  writeFront(body, record, tag)
}

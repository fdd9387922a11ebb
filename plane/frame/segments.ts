// Lists of segments, and the one way to walk them. A frame that a guest sends and the buffers that it posts lie in
// pieces of its memory: a list of (u32 offset, u32 length), written by granules.grant(), none of them empty. A cursor
// stands before one byte of such a list:
//
//   | offset, length | offset, length | offset, length |
//                      ^ segment   [.....|..........]
//                                        ^ at ------> left
//
// A list has no end mark: whoever walks knows how many bytes it holds and asks for no more. A cursor that has used up
// its segment stays there until more is asked for, so it may stand behind the last byte.
//
// Cursors are fields at fixed offsets of the plane's own memory (CURSORS_AT), as structs without a header: nothing is
// allocated. There are three, because they stand at the same time: one reads the frame, one writes the buffers, and one
// writes headers of an aggregate that closes meanwhile.

import { copy } from '../copy'
import { CURSORS_AT } from '../layout'
import { addSum, sumBytes } from '../packet/checksum'

/** A segment is u32 offset, u32 length. */
export const SEGMENT_BYTES: u32 = 8
const LENGTH: usize = 4

@unmanaged
export class Cursor {
  /** Linear offset of the segment. */
  segment: u32
  /** Linear offset of the next byte. */
  at: u32
  /** Bytes from there on in the segment. */
  left: u32
}

/** Reads the frame at hand. */
export const source = changetype<Cursor>(CURSORS_AT)
/** Writes the reserved buffers, or a record. */
export const target = changetype<Cursor>(CURSORS_AT + 16)
/** Writes the headers of an aggregate. */
export const rewriter = changetype<Cursor>(CURSORS_AT + 32)

/** Places a cursor before a byte of a list that holds it. Returns how many segments were passed. */
export function seek(cursor: Cursor, segments: usize, position: u32): u32 {
  let segment = segments
  let has = load<u32>(segment, LENGTH)
  while (position >= has && position > 0) {
    position -= has
    segment += SEGMENT_BYTES
    has = load<u32>(segment, LENGTH)
  }
  cursor.segment = <u32>segment
  cursor.at = load<u32>(segment) + position
  cursor.left = has - position
  return <u32>(segment - segments) / SEGMENT_BYTES
}

/** Places a cursor in one piece of memory. */
export function seekPiece(cursor: Cursor, at: usize, bytes: u32): void {
  cursor.at = <u32>at
  cursor.left = bytes
}

/** Bytes, of n at most and above 0, that lie at the cursor in one piece. Enters the next segment if need be. */
export function piece(cursor: Cursor, n: u32): u32 {
  if (cursor.left === 0) {
    const segment: usize = cursor.segment + SEGMENT_BYTES
    cursor.segment = <u32>segment
    cursor.at = load<u32>(segment)
    cursor.left = load<u32>(segment, LENGTH)
  }
  return cursor.left < n ? cursor.left : n
}

/** Writes a segment of a list. */
export function setSegment(segment: usize, at: usize, bytes: u32): void {
  store<u32>(segment, <u32>at)
  store<u32>(segment, bytes, LENGTH)
}

/** Where the first n bytes of a list lie in one piece, or 0. */
export function startOf(segments: usize, n: u32): usize {
  if (load<u32>(segments, LENGTH) < n) return 0
  return load<u32>(segments)
}

/** Segments of a list that hold its first n bytes. */
export function countSegments(segments: usize, n: u32): u32 {
  return n === 0 ? 0 : seek(rewriter, segments, n - 1) + 1
}

/** Takes n bytes off the start of a list that holds more. Returns where it begins now. */
export function strip(segments: usize, n: u32): usize {
  seek(rewriter, segments, n)
  const first: usize = rewriter.segment
  setSegment(first, rewriter.at, rewriter.left)
  return first
}

/** Moves a cursor within its segment. */
export function pass(cursor: Cursor, n: u32): void {
  cursor.at += n
  cursor.left -= n
}

/** Copies n bytes from a cursor to one piece of memory. */
export function read(cursor: Cursor, to: usize, n: u32): void {
  while (n > 0) {
    const part = piece(cursor, n)
    copy(to, cursor.at, part)
    pass(cursor, part)
    to += part
    n -= part
  }
}

/** Copies n bytes from one piece of memory to a cursor. */
export function write(cursor: Cursor, from: usize, n: u32): void {
  while (n > 0) {
    const part = piece(cursor, n)
    copy(cursor.at, from, part)
    pass(cursor, part)
    from += part
    n -= part
  }
}

/** Copies n bytes from one cursor to another. */
export function transfer(to: Cursor, from: Cursor, n: u32): void {
  while (n > 0) {
    const part = piece(from, n)
    write(to, from.at, part)
    pass(from, part)
    n -= part
  }
}

/** Folded checksum of n bytes from a cursor, as if they began at an even offset. */
export function sum(cursor: Cursor, n: u32): u32 {
  let total: u32 = 0
  let odd = false
  while (n > 0) {
    const part = piece(cursor, n)
    total = addSum(total, sumBytes(cursor.at, part), odd)
    if (part & 1) odd = !odd
    pass(cursor, part)
    n -= part
  }
  return total
}

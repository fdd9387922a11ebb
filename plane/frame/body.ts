// The bytes of a frame behind its head: read from any position of the Frame, written and summed up as the body of Out.
import { sumBytes } from '../packet/checksum'
import { spend } from '../work'
import { frame, out } from './record'
import { read, seek, source, sum, target, transfer, write } from './segments'

/** Places the source cursor before a byte of the frame. */
function seekFrame(position: u32): void {
  const passed = seek(source, frame.pieces, position)
  if (passed > 0) spend(passed)
}

/** Copies n bytes of the frame from a position. */
export function readFrame(to: usize, position: u32, n: u32): void {
  if (n === 0) return
  seekFrame(position)
  read(source, to, n)
}

/** Folded checksum of n bytes of the frame from a position, as if it started at an even offset. */
export function sumFrame(position: u32, n: u32): u32 {
  if (n === 0) return 0
  seekFrame(position)
  return sum(source, n)
}

/** Appends all of Out that follows its head to what is being written. */
export function putBody(): void {
  const n = out.bytes - out.headBytes
  if (n === 0) return
  if (out.bodyAt !== 0) {
    write(target, out.bodyAt, n)
    return
  }
  seekFrame(out.bodyFrom)
  transfer(target, source, n)
}

/** Folded sum of all of Out that follows its head. */
export function sumBody(): u32 {
  const n = out.bytes - out.headBytes
  return out.bodyAt !== 0 ? sumBytes(out.bodyAt, n) : sumFrame(out.bodyFrom, n)
}

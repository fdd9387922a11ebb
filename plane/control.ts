// The control queue: the plane takes its chains, the engine interprets the commands (src/port/virtio/control-queue.ts).
import { drop } from './counters'
import { BROKEN_AVAIL_INDEX, BROKEN_HEAD, CONTROL_VRING, DROP_BAD_CHAIN, V_SIZE } from './layout'
import { portAt, vringAt } from './port'
import { breakPort } from './ring/broken'
import { CONTROL, chainReadable, isBad, walk } from './ring/chain'
import { arm, complete, headAt, take, waiting } from './ring/door'
import { MISS } from './ring/granules'
import { collect, publishCollected } from './ring/publish'

/** Gives a chain back, at once: its guest waits for the answer. */
function giveBack(port: usize, v: usize, head: u32, bytes: u32): void {
  take(v, 1)
  complete(v, head, bytes)
  collect(v)
  publishCollected(port)
}

/**
 * Takes the next control chain; its segments lie at SEGS_AT.
 * Returns 0 when there is none, else its head + 1 in the low 16 bits, readable segments in bits 16 to 23 and
 * all segments above; -1 when it must wait for guest memory; -2 when a malformed one was dropped.
 */
export function takeControl(index: u32): i32 {
  const port = portAt(index)
  const v = vringAt(port, CONTROL_VRING)
  const available = waiting(v)
  if (available === 0) return 0
  if (available < 0) {
    breakPort(v, BROKEN_AVAIL_INDEX)
    return 0
  }
  const head = headAt(v, 0)
  if (head >= load<u32>(v, V_SIZE)) {
    breakPort(v, BROKEN_HEAD)
    return 0
  }
  const found = walk(v, head, CONTROL, 0, 0xffffffff)
  if (found === MISS) return -1
  if (isBad(found) || found > 127 || chainReadable() === 0 || chainReadable() === found) {
    drop(port, DROP_BAD_CHAIN)
    giveBack(port, v, head, 0)
    return -2
  }
  return <i32>(head + 1) | (chainReadable() << 16) | (found << 24)
}

/** Completes the control chain that takeControl() returned. */
export function completeControl(index: u32, head: u32, bytes: u32): void {
  const port = portAt(index)
  giveBack(port, vringAt(port, CONTROL_VRING), head, bytes)
}

/** Asks for kicks of the control queue. Returns 1 when a command waits. */
export function armControl(index: u32): u32 {
  return arm(vringAt(portAt(index), CONTROL_VRING)) ? 1 : 0
}

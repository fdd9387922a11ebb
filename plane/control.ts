// The control queue: the plane takes its chains, the engine interprets the commands (src/port/virtio/control-queue.ts).
import { drop } from './counters'
import {
  CONTROL_MALFORMED,
  CONTROL_NONE,
  CONTROL_READABLE_SHIFT,
  CONTROL_VRING,
  CONTROL_WAITS,
  DROP_BAD_CHAIN,
  MAX_CONTROL_SEGMENTS,
} from './layout'
import { portAt, vringAt } from './port'
import { checkedHead, checkedWaiting } from './ring/broken'
import { CONTROL, chainReadable, isBad, walk } from './ring/chain'
import { arm, complete, take } from './ring/door'
import { MISS } from './ring/granules'
import { logs, markBytes } from './ring/log'
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
 * @returns CONTROL_NONE, CONTROL_WAITS, CONTROL_MALFORMED, or the chain's head and readable segments (layout/vring.ts)
 */
export function takeControl(index: u32): i32 {
  const port = portAt(index)
  const v = vringAt(port, CONTROL_VRING)
  if (checkedWaiting(v) <= 0) return CONTROL_NONE
  const head = checkedHead(v, 0)
  if (head < 0) return CONTROL_NONE
  const found = walk(v, head, CONTROL, 0, 0xffffffff)
  if (found === MISS) return CONTROL_WAITS
  const readable = chainReadable()
  if (isBad(found) || found > MAX_CONTROL_SEGMENTS || readable === 0 || readable === found) {
    drop(port, DROP_BAD_CHAIN)
    giveBack(port, v, head, 0)
    return CONTROL_MALFORMED
  }
  return <i32>(head + 1) | (readable << CONTROL_READABLE_SHIFT)
}

/** Completes the control chain that takeControl() returned. `ack`: linear offset of its answer, one byte that was written. */
export function completeControl(index: u32, head: u32, ack: usize): void {
  const port = portAt(index)
  const v = vringAt(port, CONTROL_VRING)
  if (logs(v)) markBytes(v, ack, 1)
  giveBack(port, v, head, 1)
}

/** Asks for kicks of the control queue. Returns 1 when a command waits. */
export function armControl(index: u32): u32 {
  return arm(vringAt(portAt(index), CONTROL_VRING)) ? 1 : 0
}

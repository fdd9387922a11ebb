// The receive rings that a burst writes to. The loop (fast.ts) keeps the state of one in locals; what was written into
// the others waits here until they are noted: one note() a ring, however the frames of a burst are mixed.
import { charge } from '../bridge/policer'
import { isMetered, mayGo } from '../bridge/shaper'
import { count } from '../counters'
import { note } from '../hold'
import {
  BUCKET_TO,
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  MAX_TARGETS,
  R_COUNT,
  T_BYTES,
  T_FRAMES,
  T_FULL,
  T_URGENT,
  T_VRING,
  TARGET_BYTES,
  TARGETS_AT,
  V_BACKLOG,
  V_LAST_AVAIL,
  V_LISTED,
  V_PORT,
  V_TARGET,
  V_USED_NEXT,
} from '../layout'
import { isLive } from '../ring/door'

let targets: u32 = 0

/** The target of a receive ring, begun if need be; 0 when the ring takes no frames from the fast path now. */
export function targetOf(v: usize): usize {
  const number = load<u32>(v, V_TARGET)
  let target = <usize>TARGETS_AT + <usize>number * TARGET_BYTES
  if (number < targets && load<u32>(target, T_VRING) === <u32>v) return target
  if (targets === MAX_TARGETS || !isLive(v) || load<u32>(v, V_LISTED) !== 0) return 0
  if (load<u32>(<usize>load<u32>(v, V_BACKLOG), R_COUNT) !== 0) return 0
  const port: usize = load<u32>(v, V_PORT)
  if (isMetered(port) && !mayGo(port, BUCKET_TO)) return 0
  target = <usize>TARGETS_AT + <usize>targets * TARGET_BYTES
  store<u32>(target, <u32>v, T_VRING)
  store<u32>(target, 0, T_FRAMES)
  store<u32>(target, 0, T_BYTES)
  store<u32>(target, 0, T_URGENT)
  store<u32>(target, 0, T_FULL)
  store<u32>(v, targets, V_TARGET)
  targets++
  return target
}

/** Notes what was written into the ring of a target. */
export function noteTarget(target: usize): void {
  const frames = load<u32>(target, T_FRAMES)
  if (frames === 0) return
  const v: usize = load<u32>(target, T_VRING)
  const port: usize = load<u32>(v, V_PORT)
  const bytes = load<u32>(target, T_BYTES)
  count(port, C_EGRESS_FRAMES, frames)
  count(port, C_EGRESS_BYTES, bytes)
  if (isMetered(port)) charge(port, BUCKET_TO, bytes, frames)
  note(v, frames, bytes, load<u32>(target, T_URGENT) !== 0)
  store<u32>(target, 0, T_FRAMES)
  store<u32>(target, 0, T_BYTES)
  store<u32>(target, 0, T_URGENT)
}

/** Writes back the indices of a target's ring; what was written is added by addTo(). */
export function park(target: usize, last: u32, next: u32): void {
  const v: usize = load<u32>(target, T_VRING)
  store<u32>(v, last & 0xffff, V_LAST_AVAIL)
  store<u32>(v, next & 0xffff, V_USED_NEXT)
  // Rings of one port share its tokens.
  if (isMetered(load<u32>(v, V_PORT))) noteTarget(target)
}

/** Adds to what was written and is not noted. */
export function addTo(target: usize, frames: u32, bytes: u32, urgent: boolean): void {
  store<u32>(target, load<u32>(target, T_FRAMES) + frames, T_FRAMES)
  store<u32>(target, load<u32>(target, T_BYTES) + bytes, T_BYTES)
  if (urgent) store<u32>(target, 1, T_URGENT)
}

/**
 * Ends a burst: notes all that is not noted. At the start of the next it is what a burst had written before it trapped.
 * The number goes first, so that what traps is not tried again.
 */
export function noteTargets(): void {
  const open = targets
  targets = 0
  for (let i: u32 = 0; i < open; i++) noteTarget(<usize>TARGETS_AT + <usize>i * TARGET_BYTES)
}

// The frames of a run (run.ts), as bridge/leave.ts and egress.ts would send them to one port: all that is the same for
// them is looked at once, and each is one copy. What is not as it should be (no buffer for TCP, a segment that may be
// merged, a ring that waits for tokens) takes the slow path to this receiver alone.
import { leave } from '../bridge/leave'
import { ringReserve } from '../byte-ring'
import { count, drop } from '../counters'
import { openFlat } from '../frame/open'
import { frame } from '../frame/record'
import { readTags } from '../frame/tags'
import {
  A_KEY,
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  DROP_RATE,
  DROP_RING_FULL,
  NET_HEADER_BYTES,
  P_AGGREGATE,
  P_FLAGS,
  P_QUEUE_PAIRS,
  P_RING,
  PORT_METERED,
  PORT_VRINGS,
  RECORD_FRAME,
  RECORD_HASH,
  RECORD_NET_HEADER,
  SLOW_FLAGS,
} from '../layout'
import { mayMerge, mergeFloor } from '../merge/wish'
import { CSUM_OFFSET, ONE_BUFFER } from '../packet/net-header'
import { loadMac, MAC_SOURCE } from '../packet/packet'
import { spend } from '../work'
import { fill } from './fill'
import { isRefused, leavingBytes, openLeaving, writeLeaving } from './leaving'
import { runBytes, runFrame, runFrames, runHash } from './run'

/**
 * Writes frames of the run, from a number on, as records of a host port's output.
 * @returns how many are done with; the next one must take the slow path
 */
function queue(to: usize, first: u32): u32 {
  const frames = runFrames()
  const ring: usize = load<u32>(to, P_RING)
  const pairs = load<u32>(to, P_QUEUE_PAIRS)
  const floor = mergeFloor(to)
  const full = load<u32>(to, P_FLAGS) & PORT_METERED ? DROP_RATE : DROP_RING_FULL
  let written: u32 = 0
  let bytesWritten: u32 = 0
  let number = first
  for (; number < frames; number++) {
    const at = runFrame(number)
    const bytes = runBytes(number)
    if (isRefused(to, at, bytes)) continue
    const isOpen = load<u64>(to + P_AGGREGATE, A_KEY) !== 0
    if ((isOpen || bytes >= floor) && mayMerge(at, to)) break
    // What follows joins nothing before it.
    store<u64>(to + P_AGGREGATE, 0, A_KEY)
    const out = leavingBytes(bytes)
    const record = ringReserve(ring, out)
    if (record === 0) {
      drop(to, full)
      continue
    }
    store<u64>(record, 0, RECORD_NET_HEADER)
    store<u32>(record + RECORD_NET_HEADER, ONE_BUFFER, CSUM_OFFSET)
    store<u32>(record, pairs > 1 ? runHash(number) : 0, RECORD_HASH)
    writeLeaving(record + RECORD_FRAME, at, bytes)
    written++
    bytesWritten += out
  }
  count(to, C_EGRESS_FRAMES, written)
  count(to, C_EGRESS_BYTES, bytesWritten)
  spend(written + (bytesWritten >> 8))
  return number - first
}

/** Forwards one frame of the run to one port on the slow path, which judges all of it again. */
function forwardSlowly(from: usize, to: usize, vlan: u32, number: u32): void {
  const at = runFrame(number)
  const header: u32 = NET_HEADER_BYTES
  if (openFlat(from, at - header, header + runBytes(number), header) >= 0 || !readTags()) return
  frame.destination = loadMac(at)
  frame.source = loadMac(at + MAC_SOURCE)
  frame.vlan = vlan
  leave(from, to)
}

/**
 * Delivers the run, which came in on a port, to another that has its link.
 * @param inVlan its VLAN; @param isTagged whether its frames have the tag of that VLAN
 */
export function deliverRun(from: usize, to: usize, inVlan: u32, isTagged: boolean): void {
  const frames = runFrames()
  const flags = load<u32>(to, P_FLAGS)
  if (flags & SLOW_FLAGS) {
    for (let i: u32 = 0; i < frames; i++) forwardSlowly(from, to, inVlan, i)
    return
  }
  if (!openLeaving(to, inVlan, isTagged)) return
  const hasRings = (flags & PORT_VRINGS) !== 0
  let number: u32 = 0
  while (number < frames) {
    const done = hasRings ? fill(to, number) : queue(to, number)
    number += done
    if (done > 0) continue
    forwardSlowly(from, to, inVlan, number)
    number++
  }
}

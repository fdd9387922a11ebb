// How the frames of a run (run.ts) leave by one port, as bridge/leave.ts would send them: all that is the same for them is
// looked at once.
import { hasVlan, passesFilter } from '../bridge/leave'
import { copy } from '../copy'
import { drop } from '../counters'
import { frame } from '../frame/record'
import {
  DROP_FILTERED,
  DROP_TOO_LONG,
  DROP_VLAN,
  P_FLAGS,
  P_MAX_FRAME,
  P_NATIVE_VLAN,
  P_VLANS,
  PORT_FILTER,
  PORT_FILTER_VLAN,
  PORT_TRANSPARENT,
  PORT_TRUNK,
} from '../layout'
import { ETH_VLAN, loadMac, TAG_BYTES } from '../packet/packet'
import { runFrames } from './run'
import { FRONT_BYTES, TAG_AS_IS, TAG_OFF } from './write'

/** Of the run, toward the port at hand: its VLAN; how a tag leaves; bytes of the longest frame; whether there is a filter. */
export let vlan: u32 = 0
export let tag: u32 = TAG_AS_IS
let most: u32 = 0
let isFiltered = false
let wantsTag = false

/** Bytes of a frame of the run as it leaves. */
export function leavingBytes(bytes: u32): u32 {
  if (tag === TAG_AS_IS) return bytes
  return tag === TAG_OFF ? bytes - TAG_BYTES : bytes + TAG_BYTES
}

/** Writes a frame of the run, of which `bytes` lie at `at`, as it leaves. */
export function writeLeaving(body: usize, at: usize, bytes: u32): void {
  if (tag === TAG_AS_IS) {
    copy(body, at, bytes)
    return
  }
  const front = v128.load(at)
  if (tag === TAG_OFF) {
    copy(body + FRONT_BYTES, at + FRONT_BYTES + TAG_BYTES, bytes - FRONT_BYTES - TAG_BYTES)
    v128.store(body, v128.replace_lane<u32>(front, 3, load<u32>(at, FRONT_BYTES)))
    return
  }
  copy(body + FRONT_BYTES, at + FRONT_BYTES - TAG_BYTES, bytes - FRONT_BYTES + TAG_BYTES)
  v128.store(body, v128.replace_lane<u32>(front, 3, tag))
}

/** Whether a frame may not go to the port, which was counted. */
export function isRefused(to: usize, at: usize, bytes: u32): boolean {
  if (isFiltered) {
    frame.destination = loadMac(at)
    if (!passesFilter(to, load<u32>(to, P_FLAGS), wantsTag)) {
      drop(to, DROP_FILTERED)
      return true
    }
  }
  if (bytes <= most) return false
  drop(to, DROP_TOO_LONG)
  return true
}

/**
 * Says how the run, which is in a VLAN, leaves by a port, if it may at all; counts it when not.
 * @param isTagged whether its frames have the tag of that VLAN
 */
export function openLeaving(to: usize, inVlan: u32, isTagged: boolean): boolean {
  const frames = runFrames()
  const flags = load<u32>(to, P_FLAGS)
  vlan = inVlan
  wantsTag = vlan !== load<u32>(to, P_NATIVE_VLAN)
  if (wantsTag && ((flags & PORT_TRUNK) === 0 || !hasVlan(to + P_VLANS, vlan))) {
    for (let i: u32 = 0; i < frames; i++) drop(to, DROP_VLAN)
    return false
  }
  tag = TAG_AS_IS
  if (wantsTag && !isTagged) tag = ETH_VLAN | ((<u32>bswap<u16>(<u16>vlan)) << 16)
  else if (!wantsTag && isTagged && (flags & PORT_TRANSPARENT) === 0) tag = TAG_OFF
  most = load<u32>(to, P_MAX_FRAME) + (isTagged ? TAG_BYTES : 0)
  isFiltered = (flags & (PORT_FILTER | PORT_FILTER_VLAN)) !== 0
  frame.vlan = vlan
  return true
}

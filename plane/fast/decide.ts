// Where a plain frame goes: what the bridge (bridge.ts, leave.ts) would decide, for frames that leave by one port with
// vrings as they are, give or take a VLAN tag. A decision costs two lines of the forwarding database, however many
// addresses there are. Whatever else there is, or is not right, is left to the slow path.
import { fdbKey, findEntry } from '../bridge/fdb'
import { allowsMac } from '../bridge/guard/allowed'
import { hasVlan, passesFilter } from '../bridge/leave'
import { frame } from '../frame/record'
import { RESERVED_VID } from '../frame/tags'
import {
  FDB_PORT,
  FDB_SEEN,
  G_FDB_AGE_S,
  G_NOW_S,
  GLOBALS_AT,
  GUARD_LEARN_DHCP,
  GUARD_MACS,
  NO_VLAN,
  P_FLAGS,
  P_GUARD,
  P_MAX_BATCH_FRAMES,
  P_MAX_FRAME,
  P_NATIVE_VLAN,
  P_VLANS,
  PORT_FILTER,
  PORT_FILTER_VLAN,
  PORT_GUARDED,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_NO_LEARN,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORT_VRINGS,
  SLOW_FLAGS,
} from '../layout'
import { ETH_VLAN, isGroup, MAC_MASK, TAG_BYTES } from '../packet/packet'
import { isTag } from '../packet/tags'
import { portAt } from '../port'
import { notesUse } from '../ring/granules'
import { TAG_AS_IS, TAG_OFF } from './write'

/** Bits of the second 8 bytes of a frame that the last decision rests on; 0: there is none. */
export let decidedMask: u64 = 0
/** How the tag leaves: TAG_*, or the tag to put on. */
export let decidedTag: u32 = TAG_AS_IS
/** Bytes of the longest frame that may go the same way. */
export let decidedMost: u32 = 0

/** An untagged frame: the source address and the type. */
const UNTAGGED_MASK: u64 = 0xffffffffffff

/** Whether plain frames from one port may go to another, and its rings are such as the fast path writes. */
function isOpen(to: usize, fromFlags: u32): boolean {
  const flags = load<u32>(to, P_FLAGS)
  const need = PORT_VRINGS | PORT_LINK
  if ((flags & (need | SLOW_FLAGS)) !== need || flags & fromFlags & PORT_ISOLATED) return false
  // A DHCP server's answers must be seen.
  if (load<u32>(to, P_GUARD) & GUARD_LEARN_DHCP) return false
  return load<u32>(to, P_MAX_BATCH_FRAMES) > 1 && !notesUse(to)
}

/**
 * The port that a frame goes to, or 0 when that is for the slow path to say.
 * @param port that it came in on, and `index` its index; @param low first 8 bytes of the frame; @param tail the next 8
 * @param current a port that frames from here were found to go to in this burst, or 0
 */
export function decide(port: usize, index: u32, low: u64, tail: u64, current: usize): usize {
  decidedMask = 0
  const flags = load<u32>(port, P_FLAGS)
  let vlan = load<u32>(port, P_NATIVE_VLAN)
  let vid: u32 = 0
  const type = <u32>(tail >> 32) & 0xffff
  if (isTag(type)) {
    vid = bswap<u16>(<u16>(tail >> 48)) & RESERVED_VID
    if (type !== ETH_VLAN || vid === 0 || vid === RESERVED_VID) return 0
    if ((flags & PORT_TRUNK) === 0 || !hasVlan(port + P_VLANS, vid)) return 0
    vlan = vid
  } else if (vlan === NO_VLAN) return 0
  const source = (low >> 48) | ((tail & 0xffffffff) << 16)
  const destination = low & MAC_MASK
  if (isGroup(source) || source === 0 || isGroup(destination)) return 0
  if (flags & PORT_GUARDED && load<u32>(port, P_GUARD) & GUARD_MACS) {
    frame.source = source
    if (!allowsMac(port)) return 0
  }
  // The source must be known where the frame came in; it is seen again then. Both are found by one call, compiled into
  // the loop.
  const nowS = load<u32>(GLOBALS_AT, G_NOW_S)
  let isSource = (flags & PORT_NO_LEARN) === 0
  let entry: usize = 0
  while (true) {
    entry = findEntry(fdbKey(isSource ? source : destination, vlan))
    if (entry === 0) return 0
    if (!isSource) break
    if (load<u32>(entry, FDB_PORT) !== index) return 0
    if (load<u32>(entry, FDB_SEEN) !== nowS) store<u32>(entry, nowS, FDB_SEEN)
    isSource = false
  }
  if (nowS - load<u32>(entry, FDB_SEEN) > load<u32>(GLOBALS_AT, G_FDB_AGE_S)) return 0
  const number = load<u32>(entry, FDB_PORT)
  if (number === index) return 0
  const to = portAt(number)
  if (to !== current && !isOpen(to, flags)) return 0
  const toFlags = load<u32>(to, P_FLAGS)
  const wantsTag = vlan !== load<u32>(to, P_NATIVE_VLAN)
  if (wantsTag && ((toFlags & PORT_TRUNK) === 0 || !hasVlan(to + P_VLANS, vlan))) return 0
  if (toFlags & (PORT_FILTER | PORT_FILTER_VLAN)) {
    frame.destination = destination
    frame.vlan = vlan
    if (!passesFilter(to, toFlags, wantsTag)) return 0
  }
  // One tag is not counted against an MTU; one that is put on was not there when its frame was measured.
  decidedMost = min(load<u32>(port, P_MAX_FRAME), load<u32>(to, P_MAX_FRAME)) + (vid !== 0 ? TAG_BYTES : 0)
  decidedTag = TAG_AS_IS
  if (wantsTag && vid === 0) decidedTag = ETH_VLAN | ((<u32>bswap<u16>(<u16>vlan)) << 16)
  else if (!wantsTag && vid !== 0 && (toFlags & PORT_TRANSPARENT) === 0) decidedTag = TAG_OFF
  decidedMask = vid !== 0 ? <u64>-1 : UNTAGGED_MASK
  return to
}

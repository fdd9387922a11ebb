// Floods, and frames to host ports: plain frames that the one-receiver loop (fast.ts) leaves alone, by runs.
//
//   chain -> where the frame lies (pieces.ts) -> everywhere, or to which host port -> one copy (run.ts) -> guard, storm limit
//         ... until a frame goes another way, or is not plain: then the run is delivered, port by port (deliver.ts)
//
// As in the loop every check of the slow path is made here, too, and what is not plain is left to it. A source address is
// learned as the slow path does it.
import { isReserved } from '../bridge/bridge'
import { fdbKey, fdbLearn, fdbLookup } from '../bridge/fdb'
import { allowsMac } from '../bridge/guard/allowed'
import { admitStorm } from '../bridge/guard/guard'
import { isFromListed } from '../bridge/guard/listed'
import { tellsAddresses } from '../bridge/guard/observe'
import { hasVlan } from '../bridge/leave'
import { bytesLeft, framesLeft } from '../bridge/policer'
import { count } from '../counters'
import { PLAIN_HEAD_BYTES } from '../frame/open'
import { frame } from '../frame/record'
import { RESERVED_VID } from '../frame/tags'
import {
  BUCKET_FROM,
  C_FLOODS,
  G_ACTIVE,
  G_LEARNS,
  G_PROBE_SOURCE,
  G_WORK_LEFT,
  GLOBALS_AT,
  GUARD_ADDRESSES,
  GUARD_MACS,
  NO_VLAN,
  P_FLAGS,
  P_GUARD,
  P_MAX_FRAME,
  P_NATIVE_VLAN,
  P_VLANS,
  PORT_GUARDED,
  PORT_HELD,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_MIRROR,
  PORT_NO_LEARN,
  PORT_TRUNK,
  PORT_VRINGS,
  SLOW_FLAGS,
  V_AVAIL,
  V_HEADER_BYTES,
  V_LAST_AVAIL,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
} from '../layout'
import { ETH_VLAN, isGroup, MAC_MASK, TAG_BYTES } from '../packet/packet'
import { isTag } from '../packet/tags'
import { activeIndex, indexOf, portAt } from '../port'
import { notesUse } from '../ring/granules'
import { loadHead, storeUsed } from '../ring/split'
import { deliverRun } from './deliver'
import { takesRuns } from './fill'
import { findPieces, pieceAt, pieceBytes } from './pieces'
import { addFrame, openRun, runFrames, takeBackFrame } from './run'
import { endTaken } from './taken'
import { FRONT_BYTES, sourceOf } from './write'

/** No port's row: to all ports that may have it. */
const EVERYWHERE: usize = 1
/** Bits of the second 8 bytes of an untagged frame that say which way it goes: the source address and the type. */
const UNTAGGED_MASK: u64 = 0xffffffffffff

/** The VLAN of the frame that wayOf() was asked of last, and whether it has a tag. */
let vlan: u32 = 0
let isTagged = false

/** Whether frames from a port with some flags may reach another. */
function isOpen(to: usize, fromFlags: u32): boolean {
  const flags = load<u32>(to, P_FLAGS)
  const isThere = (flags & (PORT_LINK | PORT_HELD | PORT_MIRROR)) === PORT_LINK
  return isThere && (flags & fromFlags & PORT_ISOLATED) === 0
}

/** Whether all receivers of a flood take runs. */
function takeRuns(index: u32, flags: u32): boolean {
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  for (let i: u32 = 0; i < ports; i++) {
    const other = activeIndex(i)
    const to = portAt(other)
    if (other !== index && isOpen(to, flags) && !takesRuns(to)) return false
  }
  return true
}

/** Tells the VLAN of a frame by its first bytes. Returns false when that is for the slow path to say. */
function readVlan(port: usize, flags: u32, tail: u64): boolean {
  const type = <u32>(tail >> 32) & 0xffff
  isTagged = isTag(type)
  vlan = load<u32>(port, P_NATIVE_VLAN)
  if (!isTagged) return vlan !== NO_VLAN
  vlan = bswap<u16>(<u16>(tail >> 48)) & RESERVED_VID
  if (type !== ETH_VLAN || vlan === 0 || vlan === RESERVED_VID) return false
  return (flags & PORT_TRUNK) !== 0 && hasVlan(port + P_VLANS, vlan)
}

/**
 * Where a frame goes: EVERYWHERE, or to which host port; 0 when that is for others to say.
 * @param port that it came in on, and `index` its index; @param low first 8 bytes of the frame; @param tail the next 8
 */
function wayOf(port: usize, index: u32, low: u64, tail: u64): usize {
  const flags = load<u32>(port, P_FLAGS)
  const source = (low >> 48) | ((tail & 0xffffffff) << 16)
  const destination = low & MAC_MASK
  if (isGroup(source) || source === 0 || source === destination) return 0
  if (!readVlan(port, flags, tail)) return 0
  let to = EVERYWHERE
  if (isGroup(destination)) {
    if (isReserved(destination) || source === load<u64>(GLOBALS_AT, G_PROBE_SOURCE)) return 0
  } else {
    const known = fdbLookup(fdbKey(destination, vlan))
    if (known >= 0) {
      to = portAt(known)
      if (load<u32>(to, P_FLAGS) & (PORT_VRINGS | SLOW_FLAGS) || <u32>known === index || !isOpen(to, flags))
        return 0
    }
  }
  if (flags & PORT_GUARDED && load<u32>(port, P_GUARD) & GUARD_MACS) {
    frame.source = source
    if (!allowsMac(port)) return 0
  }
  return to
}

/** Whether the frame that was added last is as plain as it seemed. */
function isPlain(port: usize, at: usize, source: u64, isHeldToAddresses: boolean): boolean {
  const bytes = pieceBytes
  if (isTagged && (bytes < FRONT_BYTES + TAG_BYTES || isTag(load<u16>(at, FRONT_BYTES)))) return false
  if (isHeldToAddresses && !isFromListed(port, at, bytes, source)) return false
  return load<u32>(GLOBALS_AT, G_LEARNS) === 0 || !tellsAddresses(at, min(bytes, PLAIN_HEAD_BYTES))
}

/** Delivers the run to all ports but its own that may have it. */
function flood(from: usize, index: u32, inVlan: u32, hasTag: boolean): void {
  count(from, C_FLOODS, runFrames())
  const flags = load<u32>(from, P_FLAGS)
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  for (let i: u32 = 0; i < ports; i++) {
    const other = activeIndex(i)
    const to = portAt(other)
    if (other !== index && isOpen(to, flags)) deliverRun(from, to, inVlan, hasTag)
  }
}

/**
 * Forwards the frames at the start of a burst that are flooded, or go to a host port, and are plain: one run of them. The
 * ring is live and holds `burst` chains.
 * @param limited whether what comes from the port has a rate limit, which lets one frame go
 * @returns how many were taken
 */
export function runBurst(v: usize, port: usize, burst: u32, limited: boolean): u32 {
  const flags = load<u32>(port, P_FLAGS)
  if (notesUse(port) || flags & SLOW_FLAGS) return 0
  const header = load<u32>(v, V_HEADER_BYTES)
  const size = load<u32>(v, V_SIZE)
  const avail: usize = load<u32>(v, V_AVAIL)
  const used: usize = load<u32>(v, V_USED)
  const last = load<u32>(v, V_LAST_AVAIL)
  const next = load<u32>(v, V_USED_NEXT)
  const index = indexOf(port)
  const learns = (flags & PORT_NO_LEARN) === 0
  const isHeldToAddresses = (flags & PORT_GUARDED) !== 0 && (load<u32>(port, P_GUARD) & GUARD_ADDRESSES) !== 0
  let mostFrames = limited ? min(burst, framesLeft(port, BUCKET_FROM)) : burst
  const mostBytes: i64 = limited ? bytesLeft(port, BUCKET_FROM) : i64.MAX_VALUE
  let work: i32 = load<i32>(GLOBALS_AT, G_WORK_LEFT)
  let bytes: u32 = 0
  let done: u32 = 0
  // The run: which way it goes, in which VLAN, with which tag.
  let way: usize = 0
  let inVlan: u32 = 0
  let hasTag = false
  let most: u32 = 0
  let receivers: u32 = 1
  // The last frame that was asked about.
  let askedLow: u64 = 0
  let askedTail: u64 = <u64>-1
  let tailMask: u64 = 0
  openRun()
  while (done < mostFrames && <i64>bytes <= mostBytes && work > 0) {
    const head = loadHead(avail, (last + done) & (size - 1))
    if (head >= size || !findPieces(v, head, header) || pieceBytes < FRONT_BYTES) break
    const front = v128.load(pieceAt)
    const low = <u64>i64x2.extract_lane(front, 0)
    const tail = <u64>i64x2.extract_lane(front, 1)
    if (low !== askedLow || (tail & tailMask) !== askedTail) {
      const to = wayOf(port, index, low, tail)
      if (to === 0) break
      if (way === 0) {
        way = to
        inVlan = vlan
        hasTag = isTagged
        most = load<u32>(port, P_MAX_FRAME) + (hasTag ? TAG_BYTES : 0)
        if (to === EVERYWHERE) {
          receivers = load<u32>(GLOBALS_AT, G_ACTIVE)
          if (!takeRuns(index, flags)) mostFrames = 1
        }
      } else if (to !== way || vlan !== inVlan || isTagged !== hasTag) break
      tailMask = hasTag ? <u64>-1 : UNTAGGED_MASK
      askedLow = low
      askedTail = tail & tailMask
    }
    if (pieceBytes > most) break
    const at = addFrame(front)
    if (at === 0) break
    const source = sourceOf(front)
    if (
      !isPlain(port, at, source, isHeldToAddresses) ||
      (learns && !fdbLearn(fdbKey(source, inVlan), index))
    ) {
      takeBackFrame()
      break
    }
    if (way === EVERYWHERE) {
      frame.wireFrames = 1
      if (!admitStorm(port)) takeBackFrame()
    }
    storeUsed(used, (next + done) & (size - 1), head, 0)
    bytes += pieceBytes
    work -= receivers * (1 + (pieceBytes >> 8))
    done++
  }
  if (done === 0) return 0
  endTaken(v, port, done, bytes, limited)
  if (way === EVERYWHERE) flood(port, index, inVlan, hasTag)
  else deliverRun(port, way, inVlan, hasTag)
  return done
}

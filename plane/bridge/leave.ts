// How the frame at hand leaves by one port: whether it may, with which VLAN tag, and in which shape its receiver takes
// it. What may not is dropped and counted on that port.
//
//   link, isolation -> VLAN carried? -> receive filter -> tag in or out -> MTU -> offloads -> emit
//
// A frame leaves a port that is held to VLANs with one tag or none, never with a tag that its receiver could take
// for another VLAN's: what looks tagged behind the tag that is taken off is dropped. A priority tag (VID 0) makes
// no VLAN: a tag that leaves carries its priority, an untagged frame loses it.
import { dropLeaving } from '../capture/frames'
import { copy } from '../copy'
import { emit } from '../egress'
import { isTooLong } from '../frame/open'
import { frame, out } from '../frame/record'
import { emitChecksummed, emitSegments, passedHeader, wantsWholeChecksum } from '../frame/segment'
import {
  DROP_FILTERED,
  DROP_ISOLATED,
  DROP_LOOP,
  DROP_MIRROR,
  DROP_NO_LINK,
  DROP_TOO_LONG,
  DROP_VLAN,
  HEAD_AT,
  P_FILTER_MACS,
  P_FILTER_TABLE,
  P_FILTER_VLANS,
  P_FLAGS,
  P_MIRRORS,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  P_TAKES,
  P_VLANS,
  PORT_FILTER,
  PORT_FILTER_ALLMULTI,
  PORT_FILTER_ALLUNI,
  PORT_FILTER_NOBROADCAST,
  PORT_FILTER_NOMULTI,
  PORT_FILTER_NOUNI,
  PORT_FILTER_VLAN,
  PORT_HELD,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_MIRROR,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORT_WATCHED,
  TAKE_CSUM,
  VLAN_HEAD_AT,
} from '../layout'
import { DATA_VALID, GSO_NONE, gsoTypeOf, OFFLOAD_MASK } from '../packet/net-header'
import {
  ETH_VLAN,
  isGroup,
  MAC_BROADCAST,
  MACS_BYTES,
  storeBe16,
  TAG_BYTES,
  TAG_CONTROL,
} from '../packet/packet'
import { isTag } from '../packet/tags'
import { portAt } from '../port'
import { flowHash } from './flow-hash'

/** Whether a bit of a bitmap of VLANs is set. */
export function hasVlan(bitmap: usize, vlan: u32): boolean {
  return (load<u8>(bitmap + (vlan >> 3)) & (1 << (vlan & 7))) !== 0
}

/** Whether a port carries the VLAN of the frame, and would not show its receiver a tag that it could mistake. */
function carries(port: usize, flags: u32, isTagged: boolean): boolean {
  if (isTagged) return (flags & PORT_TRUNK) !== 0 && hasVlan(port + P_VLANS, frame.vlan)
  return (flags & PORT_TRANSPARENT) !== 0 || !isTag(frame.innerType)
}

/** Whether the guest's receive filter lets the frame in. Source: virtio 1.3, 5.1.6.5.1 to 5.1.6.5.3. */
export function passesFilter(port: usize, flags: u32, isTagged: boolean): boolean {
  if (flags & PORT_FILTER_VLAN && isTagged && frame.vlan !== 0 && !hasVlan(port + P_FILTER_VLANS, frame.vlan))
    return false
  if ((flags & PORT_FILTER) === 0) return true
  const destination = frame.destination
  if (destination === MAC_BROADCAST) return (flags & PORT_FILTER_NOBROADCAST) === 0
  if (isGroup(destination)) {
    if (flags & PORT_FILTER_NOMULTI) return false
    if (flags & PORT_FILTER_ALLMULTI) return true
  } else {
    if (flags & PORT_FILTER_NOUNI) return false
    if (flags & PORT_FILTER_ALLUNI) return true
  }
  const macs = load<u32>(port, P_FILTER_MACS)
  for (let i: u32 = 0; i < macs; i++)
    if (load<u64>(port + P_FILTER_TABLE + <usize>i * 8) === destination) return true
  return false
}

/** Gives Out the head of the frame, with the tag that the port wants it to have, or with none. */
function retag(flags: u32, isTagged: boolean): void {
  const bytes = frame.headBytes
  const had = frame.tagBytes
  const wants = isTagged ? TAG_BYTES : 0
  out.head = HEAD_AT
  out.headBytes = bytes
  out.shift = 0
  const isRight = isTagged
    ? frame.tagVid !== 0 && had === TAG_BYTES
    : had === 0 || (flags & PORT_TRANSPARENT) !== 0
  if (isRight) return
  copy(VLAN_HEAD_AT, HEAD_AT, MACS_BYTES)
  if (isTagged) {
    store<u16>(VLAN_HEAD_AT, <u16>ETH_VLAN, MACS_BYTES)
    storeBe16(<usize>VLAN_HEAD_AT + MACS_BYTES + TAG_CONTROL, frame.tagPriority | frame.vlan)
  }
  const rest = MACS_BYTES + had
  copy(<usize>VLAN_HEAD_AT + MACS_BYTES + wants, <usize>HEAD_AT + rest, bytes - rest)
  out.head = VLAN_HEAD_AT
  out.headBytes = bytes - had + wants
  out.shift = <i32>wants - <i32>had
}

/** Delivers the frame, whose head Out has, in the shape that the port's receiver takes. */
function shape(port: usize): void {
  const takes = load<u32>(port, P_TAKES)
  const needs = frame.needs
  if (needs !== 0) {
    const isMissing = (needs & ~takes) !== 0
    if (gsoTypeOf(frame.netHeader) !== GSO_NONE) {
      if (isMissing) {
        emitSegments(port)
        return
      }
    } else if (isMissing || wantsWholeChecksum()) {
      emitChecksummed(port)
      return
    }
  }
  const isTold = (<u32>frame.netHeader & (OFFLOAD_MASK | DATA_VALID)) !== 0 && (takes & TAKE_CSUM) !== 0
  out.netHeader = isTold ? passedHeader(out.shift) : 0
  out.csumOffset = out.netHeader !== 0 ? frame.csumOffset : 0
  out.bodyFrom = frame.headBytes
  out.bytes = frame.bytes + out.shift
  emit(port)
}

/** Why a port takes no frames. @param flags PORT_* */
function whyClosed(flags: u32): u32 {
  if (flags & PORT_MIRROR) return DROP_MIRROR
  return flags & PORT_HELD ? DROP_LOOP : DROP_NO_LINK
}

/** Delivers the frame at hand, which came in on a port, to one port. */
export function leave(from: usize, port: usize): void {
  const flags = load<u32>(port, P_FLAGS)
  if ((flags & (PORT_LINK | PORT_HELD | PORT_MIRROR)) !== PORT_LINK) {
    dropLeaving(port, whyClosed(flags))
    return
  }
  if (flags & PORT_ISOLATED && load<u32>(from, P_FLAGS) & PORT_ISOLATED) {
    dropLeaving(port, DROP_ISOLATED)
    return
  }
  const isTagged = frame.vlan !== load<u32>(port, P_NATIVE_VLAN)
  if (!carries(port, flags, isTagged)) {
    dropLeaving(port, DROP_VLAN)
    return
  }
  if (flags & (PORT_FILTER | PORT_FILTER_VLAN) && !passesFilter(port, flags, isTagged)) {
    dropLeaving(port, DROP_FILTERED)
    return
  }
  retag(flags, isTagged)
  if (isTooLong(port, out.head, frame.wireBytes + out.shift)) {
    dropLeaving(port, DROP_TOO_LONG)
    return
  }
  out.hash = load<u32>(port, P_QUEUE_PAIRS) > 1 ? flowHash() : 0
  shape(port)
  if (flags & PORT_WATCHED && isMirrored(port)) mirrorLeaving(port, flags, isTagged)
}

// ---- mirror ports: after the frame has gone where it goes, so that a copy takes nothing from it ----

/** Whether what crosses a port goes to a mirror port, too. */
function isMirrored(port: usize): boolean {
  return (load<u64>(port, P_MIRRORS) | load<u64>(port, P_MIRRORS + 8)) !== 0
}

/** Delivers the frame, whose head Out has, to a port that it was not judged for. */
function copyTo(port: usize): void {
  if ((load<u32>(port, P_FLAGS) & PORT_LINK) === 0) dropLeaving(port, DROP_NO_LINK)
  else if (isTooLong(port, out.head, frame.wireBytes + out.shift)) dropLeaving(port, DROP_TOO_LONG)
  else {
    out.hash = load<u32>(port, P_QUEUE_PAIRS) > 1 ? flowHash() : 0
    shape(port)
  }
}

/** Copies the frame as it left by a port to the mirror ports of that. */
function mirrorLeaving(port: usize, flags: u32, isTagged: boolean): void {
  for (let word: u32 = 0; word < 2; word++)
    for (let rows = load<u64>(port + P_MIRRORS + word * 8); rows !== 0; rows &= rows - 1) {
      retag(flags, isTagged)
      copyTo(portAt(word * 64 + <u32>ctz<u64>(rows)))
    }
}

/** Copies the frame as it came in on a port to the mirror ports of that. */
export function mirrorEntering(port: usize): void {
  if (!isMirrored(port)) return
  for (let word: u32 = 0; word < 2; word++)
    for (let rows = load<u64>(port + P_MIRRORS + word * 8); rows !== 0; rows &= rows - 1)
      leaveAsIs(portAt(word * 64 + <u32>ctz<u64>(rows)))
}

/** Delivers the frame as it came in to one port, whatever VLANs and addresses that has. */
export function leaveAsIs(port: usize): void {
  out.head = HEAD_AT
  out.headBytes = frame.headBytes
  out.shift = 0
  copyTo(port)
}

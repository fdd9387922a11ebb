// The bridge: which ports the frame at hand goes to.
//
//   source address sane -> reserved groups, loop probes -> guard -> VLAN of the frame -> learn
//     -> a group: flood | known: one port | unknown: flood          each port: leave.ts
//
// A port is an access port (untagged frames of one VLAN) or a trunk (tagged frames of the VLANs in its bitmap,
// and untagged ones if it has a native VLAN). A port that nothing was said about is transparent: it carries every
// VLAN, and shares VLAN 0 with its like, in which frames cross as they are, other kinds of tags included.
import { captureEntering, dropEntering, endFrame } from '../capture/frames'
import { count } from '../counters'
import { frame } from '../frame/record'
import { readTags } from '../frame/tags'
import {
  C_FLOODS,
  C_INGRESS_BYTES,
  C_INGRESS_FRAMES,
  C_INGRESS_GSO_FRAMES,
  DROP_GROUP_SOURCE,
  DROP_LOOP,
  DROP_MIRROR,
  DROP_RESERVED_GROUP,
  DROP_SAME_PORT,
  DROP_STICKY,
  DROP_VLAN,
  G_ACTIVE,
  G_LEARNS,
  GLOBALS_AT,
  HEAD_AT,
  NO_VLAN,
  P_FLAGS,
  P_GROUPS,
  P_NATIVE_VLAN,
  P_VLANS,
  PORT_GUARDED,
  PORT_HELD,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_MIRROR,
  PORT_NO_LEARN,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORT_WATCHED,
} from '../layout'
import { GSO_NONE, gsoTypeOf } from '../packet/net-header'
import { isGroup, loadMac, MAC_RESERVED, MAC_RESERVED_MASK, MAC_SOURCE } from '../packet/packet'
import { isTag } from '../packet/tags'
import { activeIndex, portAt } from '../port'
import { fdbKey, fdbLearn, fdbLookup } from './fdb'
import { admitIngress, admitStorm } from './guard/guard'
import { observe } from './guard/observe'
import { hasVlan, leave, mirrorEntering } from './leave'
import { takeProbe } from './probe'

/** The VLAN of the frame at hand, which came in on a port; NO_VLAN: of none that the port may send in. */
function vlanOf(from: usize, flags: u32): u32 {
  if (!readTags()) return NO_VLAN
  const vid = frame.tagVid
  if (vid !== 0) return flags & PORT_TRUNK && hasVlan(from + P_VLANS, vid) ? vid : NO_VLAN
  return flags & PORT_TRANSPARENT || !isTag(frame.innerType) ? load<u32>(from, P_NATIVE_VLAN) : NO_VLAN
}

/** Whether an address is one of the groups 01-80-C2-00-00-00 to -0F, which bridges keep to themselves. */
export function isReserved(mac: u64): boolean {
  return (mac & MAC_RESERVED_MASK) === MAC_RESERVED
}

/** Whether a port forwards a reserved group address: both ports must be told to. */
function carriesGroup(port: usize, mac: u64): boolean {
  return ((load<u32>(port, P_GROUPS) >> (<u32>(mac >> 40) & 15)) & 1) !== 0
}

function countIngress(from: usize): void {
  count(from, C_INGRESS_FRAMES)
  count(from, C_INGRESS_BYTES, frame.bytes)
  if (gsoTypeOf(frame.netHeader) !== GSO_NONE) count(from, C_INGRESS_GSO_FRAMES)
}

/** Forwards the frame at hand to every port but its own that may have it. */
function flood(index: u32, from: usize): void {
  if (!admitStorm(from)) return
  count(from, C_FLOODS)
  const flags = load<u32>(from, P_FLAGS)
  const reserved = isReserved(frame.destination)
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  for (let i: u32 = 0; i < ports; i++) {
    const other = activeIndex(i)
    if (other === index) continue
    const port = portAt(other)
    const state = load<u32>(port, P_FLAGS)
    if (
      (state & (PORT_LINK | PORT_HELD | PORT_MIRROR)) !== PORT_LINK ||
      (state & flags & PORT_ISOLATED) !== 0
    )
      continue
    if (reserved && !carriesGroup(port, frame.destination)) continue
    leave(from, port)
  }
}

/** Forwards the frame at hand, which came in on a port. */
export function forward(index: u32, from: usize): void {
  if ((load<u32>(from, P_FLAGS) & PORT_WATCHED) === 0) {
    judge(index, from)
    return
  }
  captureEntering(from)
  judge(index, from)
  endFrame(from)
  mirrorEntering(from)
}

/** Sends the frame at hand to the ports that it is for. */
function judge(index: u32, from: usize): void {
  countIngress(from)
  frame.destination = loadMac(HEAD_AT)
  frame.source = loadMac(<usize>HEAD_AT + MAC_SOURCE)
  if (isGroup(frame.source) || frame.source === 0) {
    dropEntering(from, DROP_GROUP_SOURCE)
    return
  }
  if (isReserved(frame.destination) && !carriesGroup(from, frame.destination)) {
    dropEntering(from, DROP_RESERVED_GROUP)
    return
  }
  const flags = load<u32>(from, P_FLAGS)
  if (flags & PORT_MIRROR) {
    dropEntering(from, DROP_MIRROR)
    return
  }
  if (takeProbe(from)) return
  if (flags & PORT_HELD) {
    dropEntering(from, DROP_LOOP)
    return
  }
  if (flags & PORT_GUARDED && !admitIngress(from)) return
  frame.vlan = vlanOf(from, flags)
  if (frame.vlan === NO_VLAN) {
    dropEntering(from, DROP_VLAN)
    return
  }
  if (load<u32>(GLOBALS_AT, G_LEARNS) !== 0) observe(from)
  if ((flags & PORT_NO_LEARN) === 0 && !fdbLearn(fdbKey(frame.source, frame.vlan), index)) {
    dropEntering(from, DROP_STICKY)
    return
  }
  const known = isGroup(frame.destination) ? -1 : fdbLookup(fdbKey(frame.destination, frame.vlan))
  if (known < 0) {
    flood(index, from)
    return
  }
  if (<u32>known === index) {
    dropEntering(from, DROP_SAME_PORT)
    return
  }
  leave(from, portAt(known))
}

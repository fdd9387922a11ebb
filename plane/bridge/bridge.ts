// The bridge: which ports the open frame goes to, and with which VLAN tag.
//
//   ingress: source address sane, guard -> VLAN of the frame -> learn -> group: flood | known: one port | flood
//   egress : link, isolation, VLAN, receive filter of the guest -> tag in or out -> MTU, rate -> offloads -> emit
//
// A port is an access port (untagged frames of one VLAN) or a trunk (tagged frames of the VLANs in its bitmap,
// and untagged ones if it has a native VLAN). A port that nothing was said about is transparent: it carries every
// VLAN, and shares VLAN 0 with its like, in which frames cross as they are, other kinds of tags included.
//
// A frame leaves a port that is held to VLANs with one tag or none, never with a tag that its receiver could take
// for another VLAN's: what looks tagged behind the tag that is taken off is dropped. A priority tag (VID 0) makes
// no VLAN: a tag that leaves carries its priority, an untagged frame loses it.
import { copy } from '../copy'
import { count, drop } from '../counters'
import { emit } from '../egress'
import { remember } from '../fast'
import {
  csumOffset,
  etherType,
  frameBytes,
  frameNetHeader,
  gsoType,
  headBytes,
  isTooLong,
  needs,
  wireBytes,
} from '../frame/frame'
import { emitChecksummed, emitSegments, passedHeader, wantsWholeChecksum } from '../frame/segment'
import {
  ACTIVE_AT,
  C_FLOODS,
  C_FROM_BYTES,
  C_FROM_FRAMES,
  C_GSO_FROM,
  DROP_FILTERED,
  DROP_GROUP_SOURCE,
  DROP_ISOLATED,
  DROP_LOOP,
  DROP_NO_LINK,
  DROP_RESERVED_GROUP,
  DROP_SAME_PORT,
  DROP_STICKY,
  DROP_TOO_LONG,
  DROP_VLAN,
  G_ACTIVE,
  G_LEARNS,
  GLOBALS_AT,
  HEAD_AT,
  NO_VLAN,
  P_FILTER_MACS,
  P_FILTER_TABLE,
  P_FILTER_VLANS,
  P_FLAGS,
  P_GROUPS,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  P_TAKES,
  P_VLANS,
  PORT_BYTES,
  PORT_FILTER,
  PORT_FILTER_ALLMULTI,
  PORT_FILTER_ALLUNI,
  PORT_FILTER_NOBROADCAST,
  PORT_FILTER_NOMULTI,
  PORT_FILTER_NOUNI,
  PORT_FILTER_VLAN,
  PORT_GUARDED,
  PORT_HELD,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_NO_LEARN,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORTS_AT,
  TAKE_CSUM,
  VLAN_HEAD_AT,
} from '../layout'
import { DATA_VALID, OFFLOAD_MASK } from '../packet/net-header'
import {
  ETH_IPV4,
  ETH_IPV6,
  ETH_VLAN,
  IPV4_BYTES,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV6_BYTES,
  IPV6_NEXT,
  IPV6_SOURCE,
  ipv4HeaderBytes,
  isFragment,
  isGroup,
  loadMac,
  MAC_BROADCAST,
  MAC_RESERVED,
  MAC_RESERVED_MASK,
  MAC_SOURCE,
  MACS_BYTES,
  PORTS_BYTES,
  storeBe16,
  TAG_BYTES,
  TAG_CONTROL,
  TCP,
  UDP,
} from '../packet/packet'
import { innerType, isTag, networkOffset, readTags, tagBytes, tagPriority, tagVid } from '../packet/tags'
import { fdbKey, fdbLearn, fdbLookup } from './fdb'
import { admitIngress, admitStorm } from './guard'
import { observe } from './guard-learn'
import { takeProbe } from './probe'

function hasBit(bitmap: usize, bit: u32): boolean {
  return (load<u8>(bitmap + (bit >> 3)) & (1 << (bit & 7))) !== 0
}

function hasPorts(protocol: u32): boolean {
  return protocol === TCP || protocol === UDP
}

/**
 * A hash that is equal for all frames of a flow: addresses and ports where there are any. A queue is chosen by
 * its lowest bits, so every bit of a port must reach them: flows of one client differ in little else.
 * Source of the mixing: MurmurHash3, fmix64.
 */
function flowHash(): u32 {
  const bytes = headBytes()
  const at = networkOffset(HEAD_AT, bytes)
  const type = etherType()
  let hash: u64 = load<u64>(HEAD_AT) ^ load<u32>(HEAD_AT, 8)
  const ip: usize = <usize>HEAD_AT + at
  if (type === ETH_IPV4 && at + IPV4_BYTES + PORTS_BYTES <= bytes) {
    hash = load<u64>(ip, IPV4_SOURCE)
    const ports = ipv4HeaderBytes(ip)
    if (!isFragment(ip) && hasPorts(load<u8>(ip, IPV4_PROTOCOL)) && at + ports + PORTS_BYTES <= bytes)
      hash ^= (<u64>load<u32>(ip + ports)) << 16
  } else if (type === ETH_IPV6 && at + IPV6_BYTES + PORTS_BYTES <= bytes) {
    const addresses = ip + IPV6_SOURCE
    hash =
      load<u64>(addresses) ^ load<u64>(addresses, 8) ^ load<u64>(addresses, 16) ^ load<u64>(addresses, 24)
    if (hasPorts(load<u8>(ip, IPV6_NEXT))) hash ^= (<u64>load<u32>(ip, IPV6_BYTES)) << 16
  }
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53
  return <u32>(hash >> 32)
}

let flow: u32 = 0
let flowKnown = false
function flowOf(): u32 {
  if (!flowKnown) {
    flow = flowHash()
    flowKnown = true
  }
  return flow
}

/** Whether the guest's receive filter lets the frame in. Source: virtio 1.3, 5.1.6.5.1 to 5.1.6.5.3. */
function passesFilter(port: usize, flags: u32, destination: u64, vlan: u32): boolean {
  if (flags & PORT_FILTER_VLAN && vlan !== 0 && !hasBit(port + P_FILTER_VLANS, vlan)) return false
  if ((flags & PORT_FILTER) === 0) return true
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

/** Delivers the open frame, which is in a VLAN, to one port. */
function egress(from: usize, port: usize, destination: u64, vlan: u32): void {
  const flags = load<u32>(port, P_FLAGS)
  if ((flags & (PORT_LINK | PORT_HELD)) !== PORT_LINK) {
    drop(port, flags & PORT_HELD ? DROP_LOOP : DROP_NO_LINK)
    return
  }
  if (flags & PORT_ISOLATED && load<u32>(from, P_FLAGS) & PORT_ISOLATED) {
    drop(port, DROP_ISOLATED)
    return
  }
  const wantTag = vlan !== load<u32>(port, P_NATIVE_VLAN)
  const carried = wantTag
    ? (flags & PORT_TRUNK) !== 0 && hasBit(port + P_VLANS, vlan)
    : (flags & PORT_TRANSPARENT) !== 0 || !isTag(innerType)
  if (!carried) {
    drop(port, DROP_VLAN)
    return
  }
  if (
    flags & (PORT_FILTER | PORT_FILTER_VLAN) &&
    !passesFilter(port, flags, destination, wantTag ? vlan : 0)
  ) {
    drop(port, DROP_FILTERED)
    return
  }
  let head: usize = HEAD_AT
  let bytes = headBytes()
  let shift: i32 = 0
  const want = wantTag ? TAG_BYTES : 0
  if (wantTag ? tagVid === 0 || tagBytes !== want : tagBytes !== 0 && (flags & PORT_TRANSPARENT) === 0) {
    head = VLAN_HEAD_AT
    copy(head, HEAD_AT, MACS_BYTES)
    if (wantTag) {
      store<u16>(head, <u16>ETH_VLAN, MACS_BYTES)
      storeBe16(head + MACS_BYTES + TAG_CONTROL, tagPriority | vlan)
    }
    copy(head + MACS_BYTES + want, HEAD_AT + MACS_BYTES + tagBytes, bytes - MACS_BYTES - tagBytes)
    shift = <i32>want - <i32>tagBytes
    bytes += shift
  }
  if (isTooLong(port, head, wireBytes() + shift)) {
    drop(port, DROP_TOO_LONG)
    return
  }
  const takes = load<u32>(port, P_TAKES)
  const hash = load<u32>(port, P_QUEUE_PAIRS) > 1 ? flowOf() : 0
  const need = needs()
  if (need !== 0) {
    const missing = (need & ~takes) !== 0
    if (gsoType() !== 0) {
      if (missing) {
        emitSegments(port, head, shift, hash)
        return
      }
    } else if (missing || wantsWholeChecksum()) {
      emitChecksummed(port, head, bytes, shift, hash)
      return
    }
  }
  const position = headBytes()
  const header: u64 =
    <u32>frameNetHeader() & (OFFLOAD_MASK | DATA_VALID) && takes & TAKE_CSUM ? passedHeader(shift) : 0
  const offset: u32 = header !== 0 ? csumOffset() : 0
  emit(port, head, bytes, position, frameBytes() - position, header, offset, hash)
}

/** The VLAN of the open frame, which came in on a port; NO_VLAN: of none that the port may send in. */
function vlanOf(from: usize, flags: u32): u32 {
  if (!readTags(frameBytes())) return NO_VLAN
  if (tagVid !== 0) return flags & PORT_TRUNK && hasBit(from + P_VLANS, tagVid) ? tagVid : NO_VLAN
  return flags & PORT_TRANSPARENT || !isTag(innerType) ? load<u32>(from, P_NATIVE_VLAN) : NO_VLAN
}

/** Whether a port forwards a reserved group address: both ports must be told to. */
function carriesGroup(port: usize, destination: u64): boolean {
  return ((load<u32>(port, P_GROUPS) >> (<u32>(destination >> 40) & 15)) & 1) !== 0
}

/** Forwards the open frame, which came in on a port. */
export function forward(index: u32, from: usize): void {
  const bytes = frameBytes()
  count(from, C_FROM_FRAMES)
  count(from, C_FROM_BYTES, bytes)
  if (gsoType() !== 0) count(from, C_GSO_FROM)
  flowKnown = false
  const destination = loadMac(HEAD_AT)
  const source = loadMac(<usize>HEAD_AT + MAC_SOURCE)
  if (isGroup(source) || source === 0) {
    drop(from, DROP_GROUP_SOURCE)
    return
  }
  const isReserved = (destination & MAC_RESERVED_MASK) === MAC_RESERVED
  if (isReserved && !carriesGroup(from, destination)) {
    drop(from, DROP_RESERVED_GROUP)
    return
  }
  const flags = load<u32>(from, P_FLAGS)
  if (takeProbe(from, destination, source)) return
  if (flags & PORT_HELD) {
    drop(from, DROP_LOOP)
    return
  }
  if (flags & PORT_GUARDED && !admitIngress(from, source)) return
  const vlan = vlanOf(from, flags)
  if (vlan === NO_VLAN) {
    drop(from, DROP_VLAN)
    return
  }
  if (load<u32>(GLOBALS_AT, G_LEARNS) !== 0) observe(from, vlan)
  if ((flags & PORT_NO_LEARN) === 0 && !fdbLearn(fdbKey(source, vlan), index)) {
    drop(from, DROP_STICKY)
    return
  }
  if (!isGroup(destination)) {
    const found = fdbLookup(fdbKey(destination, vlan))
    if (found >= 0) {
      if (<u32>found === index) drop(from, DROP_SAME_PORT)
      else {
        const port = <usize>PORTS_AT + <usize>found * PORT_BYTES
        egress(from, port, destination, vlan)
        if (tagBytes === 0) remember(from, port, load<u64>(HEAD_AT), load<u32>(HEAD_AT, 8), vlan)
      }
      return
    }
  }
  if (!admitStorm(from)) return
  count(from, C_FLOODS)
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  for (let i: u32 = 0; i < ports; i++) {
    const other = load<u32>(<usize>ACTIVE_AT + <usize>i * 4)
    if (other === index) continue
    const port = <usize>PORTS_AT + <usize>other * PORT_BYTES
    const state = load<u32>(port, P_FLAGS)
    if ((state & (PORT_LINK | PORT_HELD)) !== PORT_LINK || (state & flags & PORT_ISOLATED) !== 0) continue
    if (isReserved && !carriesGroup(port, destination)) continue
    egress(from, port, destination, vlan)
  }
}

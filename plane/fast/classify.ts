// The first pass over a burst: finds the plain frames at its start, judges each, and puts it on the list of the ring
// that it goes to.
//
//   chain -> where the frame lies -> virtio-net header plain? -> tag -> source entry, destination entry -> receive ring
//
// A frame's decision costs two lines of the forwarding database, however many addresses there are: nothing is kept
// from burst to burst that other addresses could push out, and nothing has to be told when an address moves. Loads of
// one frame do not wait for those of another. Frames of one pair of addresses in a row share a decision.
//
// The addresses, the type and the tag that were judged are kept, and are what leaves: the guest may change its memory
// meanwhile. A frame is plain when the slow path would forward it to one vif as it is, give or take a tag; whatever
// else there is ends the pass.
//
// Longer than 260 lines because the loop is one function: what it keeps in locals would cost more to hand on than the rest.
import { fdbKey, findEntry } from '../bridge/fdb'
import { flowHashAt } from '../bridge/flow-hash'
import { allowsMac } from '../bridge/guard/allowed'
import { hasVlan, passesFilter } from '../bridge/leave'
import { PLAIN_HEAD_BYTES } from '../frame/open'
import { frame } from '../frame/record'
import { RESERVED_VID } from '../frame/tags'
import {
  D_BEHIND_TAG,
  D_PIECES,
  D_TAG,
  F_FRONT,
  F_HEAD,
  F_NEXT,
  F_OFFSET,
  FDB_PORT,
  FDB_SEEN,
  G_FDB_AGE_S,
  G_NOW_S,
  GLOBALS_AT,
  GRANULE_BYTES,
  GUARD_LEARN_DHCP,
  GUARD_MACS,
  L_FIRST,
  L_LAST,
  L_VRING,
  LIST_BYTES,
  LISTS_AT,
  MAX_PLAIN,
  NO_VLAN,
  P_FLAGS,
  P_GUARD,
  P_MAX_BATCH_FRAMES,
  P_MAX_FRAME,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  P_SPAN,
  P_VLANS,
  PLAIN_AT,
  PLAIN_BYTES,
  PORT_BYTES,
  PORT_FILTER,
  PORT_FILTER_VLAN,
  PORT_GUARDED,
  PORT_HELD,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_NO_LEARN,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORT_VRINGS,
  PORTS_AT,
  R_COUNT,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  TAG_AS_IS,
  TAG_OFF,
  V_AVAIL,
  V_BACKLOG,
  V_DESC,
  V_HEADER_BYTES,
  V_LAST_AVAIL,
  V_LIST,
  V_LISTED,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
} from '../layout'
import { OFFLOAD_MASK } from '../packet/net-header'
import { ETH_VLAN, isGroup, MAC_MASK, TAG_BYTES } from '../packet/packet'
import { isTag } from '../packet/tags'
import { portAt, vringAt } from '../port'
import { isLive } from '../ring/door'
import { granuleOf, isGranted, loadEntry, notesUse, offsetOf } from '../ring/granules'
import {
  bufferBytes,
  descriptorAt,
  isOneReadable,
  loadAddress,
  loadHead,
  loadRest,
  storeUsed,
} from '../ring/split'
import { findPieces, pieceAt, pieceBytes, pieceList } from './pieces'
import { DETAILED, detailsOf } from './record'

const VECTOR: u32 = 16
/** Shortest tagged frame that is judged here: the type behind the tag is read with what follows it. */
const TAGGED_BYTES: u32 = 20

/** Lists of the burst: the receive rings that its frames go to. */
export let lists: u32 = 0
/** Bytes of the frames classified. */
export let classifiedBytes: u64 = 0

/** Whether plain frames from one port may go to another, and its rings are such as the fast path writes. */
function isOpen(to: usize, flags: u32, fromFlags: u32): boolean {
  const need = PORT_VRINGS | PORT_LINK
  if ((flags & (need | PORT_HELD)) !== need || flags & fromFlags & PORT_ISOLATED) return false
  // A DHCP server's answers must be seen.
  if (load<u32>(to, P_GUARD) & GUARD_LEARN_DHCP) return false
  return load<u32>(to, P_MAX_BATCH_FRAMES) > 1 && !notesUse(to)
}

/** The list of a receive ring, begun if need be; 0 when the ring takes no frames from the fast path now. */
function listOf(v: usize): usize {
  const number = load<u32>(v, V_LIST)
  let list = <usize>LISTS_AT + <usize>number * LIST_BYTES
  if (number < lists && load<u32>(list, L_VRING) === <u32>v) return list
  const backlog: usize = load<u32>(v, V_BACKLOG)
  if (!isLive(v) || load<u32>(v, V_LISTED) !== 0 || load<u32>(backlog, R_COUNT) !== 0) return 0
  list = <usize>LISTS_AT + <usize>lists * LIST_BYTES
  store<u32>(list, <u32>v, L_VRING)
  store<u32>(list, 0, L_FIRST)
  store<u32>(v, lists, V_LIST)
  lists++
  return list
}

/**
 * Classifies the plain frames at the start of a burst, takes their chains, and completes them.
 * The ring is live and holds `burst` chains, of which at most `mostBytes` may be taken and one frame more.
 * @returns how many; the next one, if any, must take the slow path
 */
export function classify(v: usize, port: usize, burst: u32, mostBytes: u64): u32 {
  lists = 0
  classifiedBytes = 0
  const flags = load<u32>(port, P_FLAGS)
  if (notesUse(port) || flags & PORT_HELD) return 0
  const span: usize = load<u32>(port, P_SPAN)
  const table: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const header = load<u32>(v, V_HEADER_BYTES)
  const longest = load<u32>(port, P_MAX_FRAME)
  const size = load<u32>(v, V_SIZE)
  const mask = size - 1
  const desc: usize = load<u32>(v, V_DESC)
  const avail: usize = load<u32>(v, V_AVAIL)
  const used: usize = load<u32>(v, V_USED)
  const last = load<u32>(v, V_LAST_AVAIL)
  const next = load<u32>(v, V_USED_NEXT)
  const native = load<u32>(port, P_NATIVE_VLAN)
  const index = <u32>((port - PORTS_AT) / PORT_BYTES)
  const nowS = load<u32>(GLOBALS_AT, G_NOW_S)
  const ageS = load<u32>(GLOBALS_AT, G_FDB_AGE_S)
  const holdsMacs = (flags & PORT_GUARDED) !== 0 && (load<u32>(port, P_GUARD) & GUARD_MACS) !== 0
  const learns = (flags & PORT_NO_LEARN) === 0
  const limit = min<u32>(burst, MAX_PLAIN)

  // The last decision, and the addresses, type and tag that it is for.
  let decidedLow: u64 = 0
  let decidedTail: u64 = <u64>-1
  let decidedMask: u64 = 0
  let tag: u32 = TAG_AS_IS
  let to: usize = 0
  let toFlags: u32 = 0
  let most: u32 = 0
  let toPairs: u32 = 0
  let list: usize = 0
  let listed: usize = 0
  let bytesTaken: u64 = 0
  let done: u32 = 0
  let record: usize = PLAIN_AT

  while (done < limit && bytesTaken <= mostBytes) {
    const head = loadHead(avail, (last + done) & mask)
    if (head >= size) break
    const descriptor = descriptorAt(desc, head)
    const address = loadAddress(descriptor)
    const rest = loadRest(descriptor)
    let at: usize
    let bytes: u32
    let pieces: usize = 0
    if (isOneReadable(rest)) {
      const length = bufferBytes(rest)
      if (length < header || length > <u32>GRANULE_BYTES) break
      const granule = granuleOf(address) - first
      if (granule >= granules) break
      const entry = loadEntry(table, <usize>granule)
      const offset = offsetOf(address)
      if (!isGranted(entry, offset, length)) break
      at = <usize>(<u32>entry) + offset
      if (load<u32>(at) & OFFLOAD_MASK) break
      at += header
      bytes = length - header
    } else {
      if (!findPieces(v, head, header, done)) break
      at = pieceAt
      bytes = pieceBytes
      pieces = pieceList
    }
    if (bytes < VECTOR) break
    const front = v128.load(at)
    const low = <u64>i64x2.extract_lane(front, 0)
    const tail = <u64>i64x2.extract_lane(front, 1)
    if (low !== decidedLow || (tail & decidedMask) !== decidedTail) {
      let vlan = native
      let vid: u32 = 0
      const type = <u32>(tail >> 32) & 0xffff
      decidedMask = 0
      decidedTail = <u64>-1
      if (isTag(type)) {
        const control: u32 = bswap<u16>(<u16>(tail >> 48))
        vid = control & RESERVED_VID
        if (type !== ETH_VLAN || vid === 0 || vid === RESERVED_VID || bytes < TAGGED_BYTES) break
        if ((flags & PORT_TRUNK) === 0 || !hasVlan(port + P_VLANS, vid)) break
        vlan = vid
      } else if (vlan === NO_VLAN) break
      const source = (low >> 48) | ((tail & 0xffffffff) << 16)
      const destination = low & MAC_MASK
      if (isGroup(source) || source === 0 || isGroup(destination)) break
      frame.source = source
      if (holdsMacs && !allowsMac(port)) break
      if (learns) {
        const own = findEntry(fdbKey(source, vlan))
        if (own === 0 || load<u32>(own, FDB_PORT) !== index) break
        if (load<u32>(own, FDB_SEEN) !== nowS) store<u32>(own, nowS, FDB_SEEN)
      }
      const entry = findEntry(fdbKey(destination, vlan))
      if (entry === 0 || nowS - load<u32>(entry, FDB_SEEN) > ageS) break
      const number = load<u32>(entry, FDB_PORT)
      if (number === index) break
      const known = portAt(number)
      if (known !== to) {
        to = 0
        const state = load<u32>(known, P_FLAGS)
        if (!isOpen(known, state, flags)) break
        to = known
        toFlags = state
        toPairs = load<u32>(to, P_QUEUE_PAIRS)
        if (toPairs === 1) {
          list = listOf(vringAt(to, 0))
          if (list === 0) {
            to = 0
            break
          }
        }
      }
      const wantTag = vlan !== load<u32>(to, P_NATIVE_VLAN)
      if (wantTag && ((toFlags & PORT_TRUNK) === 0 || !hasVlan(to + P_VLANS, vlan))) break
      if (toFlags & (PORT_FILTER | PORT_FILTER_VLAN)) {
        frame.destination = destination
        frame.vlan = vlan
        if (!passesFilter(to, toFlags, wantTag)) break
      }
      // One tag is not counted against an MTU; one that is put on was not there when its frame was measured.
      most = min(longest, load<u32>(to, P_MAX_FRAME)) + (vid !== 0 ? TAG_BYTES : 0)
      tag = TAG_AS_IS
      if (wantTag && vid === 0) tag = ETH_VLAN | ((<u32>bswap<u16>(<u16>vlan)) << 16)
      else if (!wantTag && vid !== 0 && (toFlags & PORT_TRANSPARENT) === 0) tag = TAG_OFF
      // A frame without a tag is of any type that is no tag; that of the next is compared with this one's.
      decidedMask = vid !== 0 ? <u64>-1 : 0xffffffffffff
      decidedLow = low
      decidedTail = tail & decidedMask
    }
    if (bytes > most) break
    if (toPairs > 1) {
      const have = pieces === 0 ? bytes : load<u32>(pieces, 4)
      if (have < min(bytes, PLAIN_HEAD_BYTES)) break
      const queue = flowHashAt(at, have) % toPairs
      list = listOf(vringAt(to, queue * 2))
      if (list === 0) break
    }
    let kind: u32 = 0
    if (pieces | tag) {
      kind = DETAILED
      const details = detailsOf(record)
      store<u32>(details, <u32>pieces, D_PIECES)
      store<u32>(details, tag, D_TAG)
      if (tag === TAG_OFF) {
        const behind = load<u32>(at, VECTOR)
        if (isTag(behind & 0xffff)) break
        store<u32>(details, behind, D_BEHIND_TAG)
      }
    }
    if (list === listed) store<u32>(record - PLAIN_BYTES, <u32>record, F_NEXT)
    else {
      if (listed !== 0) store<u32>(listed, <u32>(record - PLAIN_BYTES), L_LAST)
      if (load<u32>(list, L_FIRST) === 0) store<u32>(list, <u32>record, L_FIRST)
      else store<u32>(<usize>load<u32>(list, L_LAST), <u32>record, F_NEXT)
      listed = list
    }
    v128.store(record, front, F_FRONT)
    store<u64>(record, <u64>at | ((<u64>bytes) << 32), F_OFFSET)
    store<u64>(record, head | kind, F_HEAD)
    storeUsed(used, (next + done) & mask, head, 0)
    bytesTaken += bytes
    record += PLAIN_BYTES
    done++
  }
  if (done > 0) {
    store<u32>(v, (last + done) & 0xffff, V_LAST_AVAIL)
    store<u32>(v, (next + done) & 0xffff, V_USED_NEXT)
  }
  classifiedBytes = bytesTaken
  return done
}

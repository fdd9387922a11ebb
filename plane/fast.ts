// The short way: bursts of plain frames between two vifs.
//
// Most frames are alike: one descriptor, no offload, addresses that were seen a moment ago, a receive buffer
// that holds them. For those the bridge's decision is kept in a small cache per sending port, keyed by the
// twelve bytes of both addresses, and the whole crossing happens in one loop with its state in locals. The
// first frame that is not plain ends the burst here and goes the long way (plane.ts), which also fills the
// cache. Every check of the long way is made here too, or its outcome is part of the cached decision:
//
//   cached: source MAC (allowed, learned), FDB port, VLAN, isolation, link, filters, publication
//           (until G_GENERATION moves)
//   here  : ring indices, descriptor flags, lengths, granules, virtio-net header, whether it could be merged
//
// G_GENERATION moves when an address moves or is forgotten, when a port's row changes, and every second.
import { copy } from './copy'
import { count, drop } from './counters'
import { batchRoom, note, publishFull, watchesUrgency } from './hold'
import {
  C_FROM_BYTES,
  C_FROM_FRAMES,
  C_TO_BYTES,
  C_TO_FRAMES,
  DROP_RING_FULL,
  F_DESTINATION,
  F_GENERATION,
  F_MACS_HIGH,
  FAST_ENTRIES,
  FAST_ENTRY_BYTES,
  G_GENERATION,
  GLOBALS_AT,
  GRANULE_BYTES,
  GRANULE_ENTRY_BYTES,
  GRANULE_SHIFT,
  GUARD_ADDRESSES,
  GUARD_LEARN_DHCP,
  GUARD_RATE,
  P_FAST,
  P_FLAGS,
  P_GUARD,
  P_MAX_BATCH_FRAMES,
  P_MAX_FRAME,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  P_RING,
  P_SPAN,
  P_TOUCHED,
  P_VRINGS,
  PORT_FILTER,
  PORT_FILTER_VLAN,
  PORT_GUARDED,
  PORT_HELD,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_METERED,
  PORT_VIF,
  R_COUNT,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  V_AVAIL,
  V_DESC,
  V_HEADER_BYTES,
  V_LAST_AVAIL,
  V_LISTED,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
} from './layout'
import { mayMerge, mergeFloor } from './merge/flow'
import { CSUM_OFFSET, LEGACY_HEADER_BYTES, OFFLOAD_MASK, ONE_BUFFER } from './packet/net-header'
import { isTag } from './packet/tags'
import { isTcp, isUrgent } from './packet/urgent'
import { isLive, markDirty, waiting } from './ring/door'

const CHAIN_FLAGS: u32 = 7
const WRITE_ONLY: u32 = 2
const VECTOR: u32 = 16

function slotOf(port: usize, low: u64, high: u32): usize {
  const hash = (<u32>(low >> 40) ^ (high >> 24) ^ (<u32>(low >> 32) & 0xff)) & (FAST_ENTRIES - 1)
  return port + P_FAST + <usize>hash * FAST_ENTRY_BYTES
}

/** Remembers that plain frames with these addresses go from one vif to another unchanged, if that is so. */
export function remember(from: usize, to: usize, low: u64, high: u32, vlan: u32): void {
  const flags = load<u32>(to, P_FLAGS)
  const need = PORT_VIF | PORT_LINK
  if ((flags & (need | PORT_HELD)) !== need || flags & (PORT_FILTER | PORT_FILTER_VLAN)) return
  const fromFlags = load<u32>(from, P_FLAGS)
  if (flags & PORT_ISOLATED & fromFlags || flags & PORT_METERED) return
  // Whether a frame is too long for the receiver is told frame by frame.
  if (load<u32>(to, P_MAX_FRAME) < load<u32>(from, P_MAX_FRAME)) return
  // What depends on more than the two MAC addresses is decided anew for each frame.
  if (fromFlags & PORT_GUARDED && load<u32>(from, P_GUARD) & (GUARD_ADDRESSES | GUARD_RATE)) return
  // A DHCP server's answers must be seen.
  if (load<u32>(to, P_GUARD) & GUARD_LEARN_DHCP) return
  if (load<u32>(to, P_NATIVE_VLAN) !== vlan || load<u32>(to, P_QUEUE_PAIRS) !== 1) return
  if (load<u32>(to, P_MAX_BATCH_FRAMES) <= 1 || load<u32>(to, P_TOUCHED) !== 0) return
  const slot = slotOf(from, low, high)
  store<u64>(slot, low)
  store<u32>(slot, high, F_MACS_HIGH)
  store<u32>(slot, load<u32>(GLOBALS_AT, G_GENERATION), F_GENERATION)
  store<u32>(slot, <u32>to, F_DESTINATION)
}

/** Writes back what the loop kept in locals for the receiver. */
function commit(port: usize, v: usize, last: u32, next: u32, frames: u32, bytes: u32, urgent: boolean): void {
  if (frames === 0) return
  store<u32>(v, last & 0xffff, V_LAST_AVAIL)
  store<u32>(v, next & 0xffff, V_USED_NEXT)
  count(port, C_TO_FRAMES, frames)
  count(port, C_TO_BYTES, bytes)
  note(v, frames, bytes, urgent)
}

/**
 * Forwards the plain frames at the start of a burst. The ring is live and holds `burst` chains.
 * @returns how many were taken; the next one, if any, must go the long way
 */
export function fastBurst(v: usize, port: usize, burst: u32): u32 {
  if (load<u32>(port, P_TOUCHED) !== 0) return 0
  const generation = load<u32>(GLOBALS_AT, G_GENERATION)
  const span: usize = load<u32>(port, P_SPAN)
  const table: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const header = load<u32>(v, V_HEADER_BYTES)
  const longest = header + load<u32>(port, P_MAX_FRAME)
  const size = load<u32>(v, V_SIZE)
  const mask = size - 1
  const desc: usize = load<u32>(v, V_DESC)
  const avail: usize = <usize>load<u32>(v, V_AVAIL) + 4
  const used: usize = <usize>load<u32>(v, V_USED) + 4
  const last = load<u32>(v, V_LAST_AVAIL)
  const next = load<u32>(v, V_USED_NEXT)
  let fromBytes: u64 = 0
  let done: u32 = 0
  // The EtherType of the frame before, which was no tag: most frames of a burst are of one type.
  let plainType: u32 = 0xffffffff

  let to: usize = 0
  let toV: usize = 0
  let toTable: usize = 0
  let toFirst: u64 = 0
  let toGranules: u64 = 0
  let toHeader: u32 = 0
  let toSize: u32 = 0
  let toDesc: usize = 0
  let toAvail: usize = 0
  let toUsed: usize = 0
  let toLast: u32 = 0
  let toNext: u32 = 0
  let toLeft: i32 = 0
  let toFull = false
  let toFrames: u32 = 0
  let toBytes: u32 = 0
  let toRoom: u32 = 0
  let toMerges: u32 = 0
  let toWatches = false
  let toUrgent = false

  while (done < burst) {
    const head: u32 = load<u16>(avail + <usize>((last + done) & mask) * 2)
    if (head >= size) break
    const descriptor = desc + <usize>head * 16
    const address = load<u64>(descriptor)
    const rest = load<u64>(descriptor, 8)
    const length = <u32>rest
    if (<u32>(rest >> 32) & CHAIN_FLAGS || length > longest || length < header + VECTOR) break
    const granule = (address >> GRANULE_SHIFT) - first
    if (granule >= granules) break
    const entry = load<u64>(table + <usize>granule * GRANULE_ENTRY_BYTES)
    const offset = <u32>address & (GRANULE_BYTES - 1)
    const valid = <u32>(entry >> 32)
    if (<u32>entry === 0 || offset < (valid & 0xffff) << 12 || offset + length > (valid >> 16) << 12) break
    const at: usize = <u32>entry + offset
    if (load<u32>(at) & OFFLOAD_MASK) break
    const ethernet = v128.load(at + header)
    const low = <u64>i64x2.extract_lane(ethernet, 0)
    const tail = <u64>i64x2.extract_lane(ethernet, 1)
    const high = <u32>tail
    const type = <u32>(tail >> 32) & 0xffff
    if (type !== plainType) {
      if (isTag(type)) break
      plainType = type
    }
    const slot = slotOf(port, low, high)
    if (
      load<u64>(slot) !== low ||
      load<u32>(slot, F_MACS_HIGH) !== high ||
      load<u32>(slot, F_GENERATION) !== generation
    )
      break

    const destination: usize = load<u32>(slot, F_DESTINATION)
    if (destination !== to) {
      commit(to, toV, toLast, toNext, toFrames, toBytes, toUrgent)
      to = destination
      toV = to + P_VRINGS
      toFrames = 0
      toBytes = 0
      toUrgent = false
      if (load<u32>(toV, V_LISTED) !== 0) break
      if (!isLive(toV) || load<u32>(<usize>load<u32>(to, P_RING), R_COUNT) !== 0) break
      const toSpan: usize = load<u32>(to, P_SPAN)
      toTable = load<u32>(toSpan, SPAN_ENTRIES)
      toFirst = load<u32>(toSpan, SPAN_FIRST)
      toGranules = load<u32>(toSpan, SPAN_COUNT)
      toHeader = load<u32>(toV, V_HEADER_BYTES)
      toSize = load<u32>(toV, V_SIZE)
      toDesc = load<u32>(toV, V_DESC)
      toAvail = <usize>load<u32>(toV, V_AVAIL) + 4
      toUsed = <usize>load<u32>(toV, V_USED) + 4
      toLast = load<u32>(toV, V_LAST_AVAIL)
      toNext = load<u32>(toV, V_USED_NEXT)
      toFull = false
      toLeft = waiting(toV)
      toRoom = batchRoom(toV)
      toWatches = watchesUrgency(to)
      toMerges = mergeFloor(to)
    }
    if (toLeft <= 0) {
      if (isTcp(at + header, length - header)) break
      if (!toFull) {
        commit(to, toV, toLast, toNext, toFrames, toBytes, toUrgent)
        toFrames = 0
        toBytes = 0
        toUrgent = false
        toRoom = batchRoom(toV)
        toLeft = waiting(toV)
        if (toLeft > 0) continue
        if (toLeft < 0) break
        publishFull(toV)
        toFull = true
      }
      drop(to, DROP_RING_FULL)
      store<u64>(used + <usize>((next + done) & mask) * 8, head)
      fromBytes += length - header
      done++
      continue
    }
    const bytes = length - header
    if (bytes >= toMerges && mayMerge(at + header, to)) break
    const need = bytes + toHeader
    const toHead: u32 = load<u16>(toAvail + <usize>(toLast & (toSize - 1)) * 2)
    if (toHead >= toSize) break
    const toDescriptor = toDesc + <usize>toHead * 16
    const toAddress = load<u64>(toDescriptor)
    const toRest = load<u64>(toDescriptor, 8)
    if ((<u32>(toRest >> 32) & CHAIN_FLAGS) !== WRITE_ONLY || <u32>toRest < need) break
    const toGranule = (toAddress >> GRANULE_SHIFT) - toFirst
    if (toGranule >= toGranules) break
    const toEntry = load<u64>(toTable + <usize>toGranule * GRANULE_ENTRY_BYTES)
    const toOffset = <u32>toAddress & (GRANULE_BYTES - 1)
    const toValid = <u32>(toEntry >> 32)
    if (<u32>toEntry === 0 || toOffset < (toValid & 0xffff) << 12 || toOffset + need > (toValid >> 16) << 12)
      break

    const target: usize = <u32>toEntry + toOffset
    store<u64>(target, 0)
    if (toHeader > LEGACY_HEADER_BYTES) store<u32>(target, ONE_BUFFER, CSUM_OFFSET)
    else store<u16>(target, 0, CSUM_OFFSET)
    const body = target + toHeader
    if (bytes > VECTOR) {
      const source = at + header
      if (bytes <= 64) {
        if (bytes > 32) v128.store(body, v128.load(source, 16), 16)
        if (bytes > 48) v128.store(body, v128.load(source, 32), 32)
        v128.store(body + bytes - VECTOR, v128.load(source + bytes - VECTOR))
      } else copy(body + VECTOR, source + VECTOR, bytes - VECTOR)
    }
    // Last, so that the addresses that were decided on are those that leave.
    v128.store(body, ethernet)

    store<u64>(used + <usize>((next + done) & mask) * 8, head)
    store<u64>(toUsed + <usize>(toNext & (toSize - 1)) * 8, <u64>toHead | ((<u64>need) << 32))
    toLast++
    toNext++
    toLeft--
    toFrames++
    toBytes += bytes
    fromBytes += bytes
    done++
    if (toWatches && !toUrgent) toUrgent = isUrgent(body, bytes, bytes)
    if (toFrames >= toRoom) {
      commit(to, toV, toLast, toNext, toFrames, toBytes, toUrgent)
      toFrames = 0
      toBytes = 0
      toUrgent = false
      toRoom = batchRoom(toV)
    }
  }
  commit(to, toV, toLast, toNext, toFrames, toBytes, toUrgent)
  if (done > 0) {
    store<u32>(v, (last + done) & 0xffff, V_LAST_AVAIL)
    store<u32>(v, (next + done) & 0xffff, V_USED_NEXT)
    count(port, C_FROM_FRAMES, done)
    count(port, C_FROM_BYTES, fromBytes)
    markDirty(v)
  }
  return done
}

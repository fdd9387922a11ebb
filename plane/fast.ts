// The fast path: bursts of plain frames between two ports with vrings.
//
// Most frames are alike: one descriptor, no offload, addresses that were seen a moment ago, a receive buffer that holds
// them. For those the bridge's decision is kept in a cache (fast-cache.ts), and the whole crossing happens in one loop
// with the state of both rings in locals: loads and stores of the rows, and calls, would cost more than all the rest.
// Longer than 260 lines because that loop is one function.
//
// The first frame that is not plain ends the burst here and takes the slow path (poll.ts), which also fills the cache.
// Every check of the slow path is made here too, or its outcome is part of the cached decision:
//
//   cached: source MAC (allowed, learned), FDB port, VLAN, isolation, link, filters, hold limits
//           (until G_GENERATION moves)
//   here  : ring indices, descriptor flags, lengths, granules, virtio-net header, whether it could be merged
//
// How a ring lies in memory and where a guest address is granted is asked of ring/split.ts and ring/granules.ts, whose
// functions are compiled into the loop; test/plane/fast-path.test.ts holds both paths against each other. They differ
// in one case: of a receive buffer only the part that the frame needs is judged here. What lies behind it may be no
// memory of the guest; the slow path would call the ring broken.
//
// G_GENERATION moves when an address moves or is forgotten, when a port's row changes, and every second.
import { copy } from './copy'
import { count, drop } from './counters'
import { slotOf } from './fast-cache'
import { batchRoom, endFull, note, watchesUrgency } from './hold'
import {
  C_FROM_BYTES,
  C_FROM_FRAMES,
  C_TO_BYTES,
  C_TO_FRAMES,
  DROP_RING_FULL,
  F_DESTINATION,
  F_GENERATION,
  F_MACS_HIGH,
  G_GENERATION,
  GLOBALS_AT,
  P_MAX_FRAME,
  P_RING,
  P_SPAN,
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
import { mayMerge, mergeFloor } from './merge/wish'
import { CSUM_OFFSET, LEGACY_HEADER_BYTES, OFFLOAD_MASK, ONE_BUFFER } from './packet/net-header'
import { isTag } from './packet/tags'
import { isTcp, isUrgent } from './packet/urgent'
import { vringAt } from './port'
import { isLive, waiting } from './ring/door'
import { granuleOf, isGranted, loadEntry, notesUse, offsetOf } from './ring/granules'
import { markDirty } from './ring/publish'
import {
  bufferBytes,
  descriptorAt,
  isOneReadable,
  isOneWritable,
  loadAddress,
  loadHead,
  loadRest,
  storeUsed,
} from './ring/split'

const VECTOR: u32 = 16

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
 * @returns how many were taken; the next one, if any, must take the slow path
 */
export function fastBurst(v: usize, port: usize, burst: u32): u32 {
  if (notesUse(port)) return 0
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
  const avail: usize = load<u32>(v, V_AVAIL)
  const used: usize = load<u32>(v, V_USED)
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
    const head = loadHead(avail, (last + done) & mask)
    if (head >= size) break
    const descriptor = descriptorAt(desc, head)
    const address = loadAddress(descriptor)
    const rest = loadRest(descriptor)
    const length = bufferBytes(rest)
    if (!isOneReadable(rest) || length > longest || length < header + VECTOR) break
    const granule = granuleOf(address) - first
    if (granule >= granules) break
    const entry = loadEntry(table, <usize>granule)
    const offset = offsetOf(address)
    if (!isGranted(entry, offset, length)) break
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
      toV = vringAt(to, 0)
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
      toAvail = load<u32>(toV, V_AVAIL)
      toUsed = load<u32>(toV, V_USED)
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
        endFull(toV)
        toFull = true
      }
      drop(to, DROP_RING_FULL)
      storeUsed(used, (next + done) & mask, head, 0)
      fromBytes += length - header
      done++
      continue
    }
    const bytes = length - header
    if (bytes >= toMerges && mayMerge(at + header, to)) break
    const need = bytes + toHeader
    const toHead = loadHead(toAvail, toLast & (toSize - 1))
    if (toHead >= toSize) break
    const toDescriptor = descriptorAt(toDesc, toHead)
    const toAddress = loadAddress(toDescriptor)
    const toRest = loadRest(toDescriptor)
    if (!isOneWritable(toRest) || bufferBytes(toRest) < need) break
    const toGranule = granuleOf(toAddress) - toFirst
    if (toGranule >= toGranules) break
    const toEntry = loadEntry(toTable, <usize>toGranule)
    const toOffset = offsetOf(toAddress)
    if (!isGranted(toEntry, toOffset, need)) break

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

    storeUsed(used, (next + done) & mask, head, 0)
    storeUsed(toUsed, toNext & (toSize - 1), toHead, need)
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

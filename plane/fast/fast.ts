// The fast path: bursts of plain frames between ports with vrings, in one loop.
//
//   chain -> where the frame lies (pieces.ts) -> decision (decide.ts) -> receive ring (target.ts)
//         -> its next buffer, or several (across.ts) -> one copy (write.ts) -> both used entries
//
// A frame is plain when the slow path would forward it to one port with vrings as it is, give or take a VLAN tag. Every
// check of the slow path is made here, too, on the same tables: nothing is kept from burst to burst, and every frame costs
// the same whoever it is from and to. The first frame that is not plain, or that its receiver cannot take as it is (no
// buffer, a segment that may be merged), ends the burst here and takes the slow path (poll.ts), but for floods and frames to
// host ports: runs.ts.
//
// Within a burst two things are kept in locals: the last decision, since frames come in trains, and the state of the
// receive ring at hand. Loads and stores of the rows, and calls, would cost more than all the rest, so the loop is one
// function. Lines of the sender and of the receiver are fetched from other processors while it works on the frames around
// them: two passes over the burst, one that decides and one that writes, lost that (docs/decisions/0006).
//
// How a ring lies in memory and where a guest address is granted is asked of ring/split.ts and ring/granules.ts, whose
// functions are compiled into the loop. test/plane/fast-path.test.ts and paths.test.ts hold both paths against each
// other. They differ in one case: of a receive buffer only the part that the frame needs is judged here. What lies behind
// it may be no memory of the guest; the slow path would call the ring broken.
//
// Longer than 260 lines because the loop is one function.
import { flowHashAt } from '../bridge/flow-hash'
import { isFromListed } from '../bridge/guard/listed'
import { bytesLeft, framesLeft } from '../bridge/policer'
import { copy } from '../copy'
import { drop } from '../counters'
import { PLAIN_HEAD_BYTES } from '../frame/open'
import { batchRoom, endFull, watchesUrgency } from '../hold'
import {
  BUCKET_FROM,
  BUCKET_TO,
  DROP_RING_FULL,
  GRANULE_BYTES,
  GUARD_ADDRESSES,
  P_FLAGS,
  P_GUARD,
  P_QUEUE_PAIRS,
  P_SPAN,
  PORT_GUARDED,
  SLOW_FLAGS,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  T_FRAMES,
  T_FULL,
  V_AVAIL,
  V_DESC,
  V_FLAGS,
  V_HEADER_BYTES,
  V_LAST_AVAIL,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
  VRING_MERGEABLE,
} from '../layout'
import { mayMerge, mergeFloor } from '../merge/wish'
import { OFFLOAD_MASK, storeNetHeader } from '../packet/net-header'
import { TAG_BYTES } from '../packet/packet'
import { isTag } from '../packet/tags'
import { isTcp, isUrgent } from '../packet/urgent'
import { indexOf, vringAt } from '../port'
import { waiting } from '../ring/door'
import { granuleOf, isGranted, loadEntry, notesUse, offsetOf } from '../ring/granules'
import {
  bufferBytes,
  descriptorAt,
  isHeaderAlone,
  isOneReadable,
  isOneWritable,
  loadAddress,
  loadHead,
  loadRest,
  nextOf,
  storeUsed,
} from '../ring/split'
import { body as bodyAcross, bodyBytes, findBuffers, useBuffers } from './across'
import { decide, decidedMask, decidedMost, decidedTag } from './decide'
import { findPieces, locate, pieceAt, pieceBytes, pieceList } from './pieces'
import { endTaken } from './taken'
import { addTo, noteTarget, noteTargets, park, targetOf } from './target'
import { FRONT_BYTES, openOdd, sourceOf, TAG_AS_IS, TAG_OFF, writeAcross, writeGathered } from './write'

/**
 * Forwards the plain frames at the start of a burst. The ring is live and holds `burst` chains.
 * @param limited whether what comes from the port has a rate limit, which lets one frame go
 * @returns how many were taken; the next one, if any, must take the slow path
 */
export function fastBurst(v: usize, port: usize, burst: u32, limited: boolean): u32 {
  const flags = load<u32>(port, P_FLAGS)
  if (notesUse(port) || flags & SLOW_FLAGS) return 0
  const span: usize = load<u32>(port, P_SPAN)
  const table: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const header = load<u32>(v, V_HEADER_BYTES)
  const size = load<u32>(v, V_SIZE)
  const mask = size - 1
  const desc: usize = load<u32>(v, V_DESC)
  const avail: usize = load<u32>(v, V_AVAIL)
  const used: usize = load<u32>(v, V_USED)
  const last = load<u32>(v, V_LAST_AVAIL)
  const next = load<u32>(v, V_USED_NEXT)
  const index = indexOf(port)
  const isHeldToAddresses = (flags & PORT_GUARDED) !== 0 && (load<u32>(port, P_GUARD) & GUARD_ADDRESSES) !== 0
  const mostFrames = limited ? min(burst, framesLeft(port, BUCKET_FROM)) : burst
  const mostBytes: i64 = limited ? bytesLeft(port, BUCKET_FROM) : i64.MAX_VALUE
  let fromBytes: i64 = 0
  let done: u32 = 0

  // The last decision, and the addresses, type and tag that it is for.
  let decidedLow: u64 = 0
  let decidedTail: u64 = <u64>-1
  let tailMask: u64 = 0
  let tag: u32 = TAG_AS_IS
  let most: u32 = 0
  let to: usize = 0
  let toPairs: u32 = 0
  let wanted: usize = 0

  // The receive ring at hand.
  let target: usize = 0
  let toV: usize = 0
  let toTable: usize = 0
  let toFirst: u64 = 0
  let toGranules: u64 = 0
  let toHeader: u32 = 0
  let toSize: u32 = 0
  let toMask: u32 = 0
  let toDesc: usize = 0
  let toAvail: usize = 0
  let toUsed: usize = 0
  let toLast: u32 = 0
  let toNext: u32 = 0
  // Index behind the last buffer seen; frames that may be written before the ring must be looked at again.
  let toEnd: u32 = 0
  let toRoom: u32 = 0
  let toMost: i64 = 0
  let toFrames: u32 = 0
  let toBytes: u32 = 0
  let toMerges: u32 = 0
  let toWatches = false
  let toUrgent = false
  let isMergeable = false

  while (done < mostFrames && fromBytes <= mostBytes) {
    // ---- where the frame lies ----
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
      if (length < header + FRONT_BYTES || length > <u32>GRANULE_BYTES) break
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
      if (!findPieces(v, head, header)) break
      at = pieceAt
      bytes = pieceBytes
      pieces = pieceList
      if (bytes < FRONT_BYTES) break
    }

    // ---- where it goes ----
    const front = v128.load(at)
    const low = <u64>i64x2.extract_lane(front, 0)
    const tail = <u64>i64x2.extract_lane(front, 1)
    if (low !== decidedLow || (tail & tailMask) !== decidedTail) {
      const known = decide(port, index, low, tail, to)
      if (known === 0) break
      if (known !== to) {
        to = known
        toPairs = load<u32>(to, P_QUEUE_PAIRS)
        wanted = vringAt(to, 0)
      }
      tag = decidedTag
      most = decidedMost
      tailMask = decidedMask
      decidedLow = low
      decidedTail = tail & tailMask
    }
    if (bytes > most) break
    if (toPairs > 1) {
      const have = pieces === 0 ? bytes : load<u32>(pieces, 4)
      if (have < min(bytes, PLAIN_HEAD_BYTES)) break
      wanted = vringAt(to, (flowHashAt(at, have) % toPairs) * 2)
    }
    if (wanted !== toV) {
      if (target !== 0) {
        addTo(target, toFrames, toBytes, toUrgent)
        park(target, toLast, toNext)
      }
      toV = 0
      toFrames = 0
      toBytes = 0
      toUrgent = false
      target = targetOf(wanted)
      if (target === 0) break
      toV = wanted
      const toSpan: usize = load<u32>(to, P_SPAN)
      toTable = load<u32>(toSpan, SPAN_ENTRIES)
      toFirst = load<u32>(toSpan, SPAN_FIRST)
      toGranules = load<u32>(toSpan, SPAN_COUNT)
      toHeader = load<u32>(toV, V_HEADER_BYTES)
      toSize = load<u32>(toV, V_SIZE)
      toMask = toSize - 1
      toDesc = load<u32>(toV, V_DESC)
      toAvail = load<u32>(toV, V_AVAIL)
      toUsed = load<u32>(toV, V_USED)
      toLast = load<u32>(toV, V_LAST_AVAIL)
      toNext = load<u32>(toV, V_USED_NEXT)
      isMergeable = (load<u32>(toV, V_FLAGS) & VRING_MERGEABLE) !== 0
      toEnd = toLast + <u32>max(waiting(toV), 0)
      toRoom = min(batchRoom(toV) - load<u32>(target, T_FRAMES), framesLeft(to, BUCKET_TO))
      toMost = bytesLeft(to, BUCKET_TO)
      toWatches = watchesUrgency(to)
      toMerges = mergeFloor(to)
    }

    // ---- whether its ring takes it ----
    if (toLast >= toEnd || toFrames >= toRoom || <i64>toBytes > toMost) {
      // Beyond the buffers of a guest other frames than TCP are dropped: under overload nothing may cost more than a
      // frame that arrives. What the ring holds is published before the first is.
      const isFull = load<u32>(target, T_FULL) !== 0
      if (!isFull) {
        addTo(target, toFrames, toBytes, toUrgent)
        toFrames = 0
        toBytes = 0
        toUrgent = false
        park(target, toLast, toNext)
        noteTarget(target)
        const chains = waiting(toV)
        toEnd = toLast + <u32>max(chains, 0)
        toRoom = min(batchRoom(toV), framesLeft(to, BUCKET_TO))
        toMost = bytesLeft(to, BUCKET_TO)
        if (chains > 0 && toRoom > 0 && toMost >= 0) continue
        if (chains !== 0) break
      }
      const have = pieces === 0 ? bytes : load<u32>(pieces, 4)
      if (isTcp(at, have)) break
      // What the sender's guard may refuse is counted there, by the slow path.
      if (isHeldToAddresses && !isFromListed(port, at, have, sourceOf(front))) break
      if (!isFull) {
        endFull(toV)
        store<u32>(target, 1, T_FULL)
      }
      drop(to, DROP_RING_FULL)
      storeUsed(used, (next + done) & mask, head, 0)
      fromBytes += bytes
      done++
      continue
    }
    if (bytes >= toMerges && mayMerge(at, to)) break

    // ---- its buffers ----
    let out = bytes
    let behind: u32 = 0
    if (tag !== TAG_AS_IS) {
      if (tag === TAG_OFF) {
        if (bytes < FRONT_BYTES + TAG_BYTES) break
        behind = load<u32>(at, FRONT_BYTES)
        if (isTag(behind & 0xffff)) break
        out -= TAG_BYTES
      } else out += TAG_BYTES
    }
    const need = out + toHeader
    const toHead = loadHead(toAvail, toLast & toMask)
    if (toHead >= toSize) break
    const toDescriptor = descriptorAt(toDesc, toHead)
    const toAddress = loadAddress(toDescriptor)
    const toRest = loadRest(toDescriptor)
    let place: usize = 0
    let body: usize = 0
    let have = out
    let chains: u32 = 1
    if (isOneWritable(toRest) && bufferBytes(toRest) >= need) {
      const granule = granuleOf(toAddress) - toFirst
      if (granule >= toGranules) break
      const entry = loadEntry(toTable, <usize>granule)
      const offset = offsetOf(toAddress)
      if (!isGranted(entry, offset, need)) break
      place = <usize>(<u32>entry) + offset
      body = place + toHeader
    } else if (isOneWritable(toRest)) {
      if (!isMergeable) break
      chains = findBuffers(toV, need, toLast, toEnd - toLast)
      if (chains === 0) break
      body = bodyAcross
      have = bodyBytes
      place = body - toHeader
    } else {
      if (!isHeaderAlone(toRest, toHeader)) break
      const second = nextOf(toRest)
      if (second >= toSize) break
      const toBody = descriptorAt(toDesc, second)
      const bodyAddress = loadAddress(toBody)
      const bodyRest = loadRest(toBody)
      if (!isOneWritable(bodyRest) || bufferBytes(bodyRest) < out) break
      place = locate(toTable, toFirst, toGranules, toAddress, toHeader)
      body = locate(toTable, toFirst, toGranules, bodyAddress, out)
      if (place === 0 || body === 0) break
    }

    // ---- the copy ----
    storeNetHeader(place, toHeader, 0, 0, chains)
    if (pieces | (chains - 1)) {
      openOdd(pieces, tag, behind)
      if (chains > 1) writeAcross(body, at, bytes, front)
      else writeGathered(body, bytes, front)
    } else if (tag === TAG_AS_IS) {
      if (bytes > FRONT_BYTES) {
        if (bytes <= 64) {
          if (bytes > 32) v128.store(body, v128.load(at, 16), 16)
          if (bytes > 48) v128.store(body, v128.load(at, 32), 32)
          v128.store(body + bytes - FRONT_BYTES, v128.load(at + bytes - FRONT_BYTES))
        } else copy(body + FRONT_BYTES, at + FRONT_BYTES, bytes - FRONT_BYTES)
      }
      // Last, so that the addresses that were decided on are those that leave.
      v128.store(body, front)
    } else if (tag === TAG_OFF) {
      if (bytes <= 68) {
        if (bytes > 36) v128.store(body, v128.load(at, 20), 16)
        if (bytes > 52) v128.store(body, v128.load(at, 36), 32)
        v128.store(body + out - FRONT_BYTES, v128.load(at + bytes - FRONT_BYTES))
      } else copy(body + FRONT_BYTES, at + FRONT_BYTES + TAG_BYTES, out - FRONT_BYTES)
      v128.store(body, v128.replace_lane<u32>(front, 3, behind))
    } else {
      if (bytes <= 64) {
        if (bytes > 32) v128.store(body, v128.load(at, 16), 20)
        if (bytes > 48) v128.store(body, v128.load(at, 32), 36)
        v128.store(body + out - FRONT_BYTES, v128.load(at + bytes - FRONT_BYTES))
      } else copy(body + FRONT_BYTES + TAG_BYTES, at + FRONT_BYTES, bytes - FRONT_BYTES)
      v128.store(body, v128.replace_lane<u32>(front, 3, tag))
      store<u32>(body, v128.extract_lane<u32>(front, 3), FRONT_BYTES)
    }
    // What was copied is judged: the sender may change its own memory.
    if (isHeldToAddresses && !isFromListed(port, body, have, sourceOf(front))) break
    storeUsed(used, (next + done) & mask, head, 0)
    if (chains > 1) useBuffers(toV, chains, toNext)
    else storeUsed(toUsed, toNext & toMask, toHead, need)
    toLast += chains
    toNext += chains
    toFrames++
    toBytes += out
    fromBytes += bytes
    done++
    if (toWatches && !toUrgent) toUrgent = isUrgent(body, have, out)
  }
  if (target !== 0) {
    addTo(target, toFrames, toBytes, toUrgent)
    park(target, toLast, toNext)
  }
  noteTargets()
  if (done > 0) endTaken(v, port, done, <u32>fromBytes, limited)
  return done
}

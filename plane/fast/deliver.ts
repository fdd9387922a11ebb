// The second pass over a burst: writes the frames on the list of one receive ring into it, with the ring's state in
// locals. A frame that the ring cannot take as it is (no buffer, a buffer too short, a segment that may be merged)
// goes the slow path from here, and the frames behind it follow in order.
//
// Longer than 260 lines because the loop is one function: what it keeps in locals would cost more to hand on than the rest.
import { isFromListed } from '../bridge/guard/listed'
import { bytesLeft, charge, framesLeft } from '../bridge/policer'
import { isMetered, mayGo } from '../bridge/shaper'
import { copy } from '../copy'
import { count, drop } from '../counters'
import { batchRoom, endFull, note, watchesUrgency } from '../hold'
import {
  BUCKET_TO,
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  D_PIECES,
  D_TAG,
  DROP_BAD_ADDRESS,
  DROP_RING_FULL,
  F_FRONT,
  F_HEAD,
  F_OFFSET,
  GUARD_ADDRESSES,
  P_FLAGS,
  P_GUARD,
  P_SPAN,
  PORT_GUARDED,
  R_COUNT,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  TAG_AS_IS,
  TAG_OFF,
  V_AVAIL,
  V_BACKLOG,
  V_DESC,
  V_FLAGS,
  V_HEADER_BYTES,
  V_LAST_AVAIL,
  V_LISTED,
  V_PORT,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
  VRING_MERGEABLE,
} from '../layout'
import { mayMerge, mergeFloor } from '../merge/wish'
import { storeNetHeader } from '../packet/net-header'
import { TAG_BYTES } from '../packet/packet'
import { isTcp, isUrgent } from '../packet/urgent'
import { isLive, waiting } from '../ring/door'
import { granuleOf, isGranted, loadEntry, offsetOf } from '../ring/granules'
import {
  bufferBytes,
  descriptorAt,
  hasNext,
  isIndirect,
  isOneWritable,
  isWritable,
  loadAddress,
  loadHead,
  loadRest,
  nextOf,
  storeUsed,
} from '../ring/split'
import { takeChain } from '../take-chain'
import { body as bodyAcross, bodyBytes, findBuffers, useBuffers } from './across'
import { locate } from './pieces'
import { DETAILED, detailsOf, firstBytes, sourceOf } from './record'
import { writeAcross, writeOdd } from './write'

const VECTOR: u32 = 16

/** Whether the ring takes frames from the fast path now. */
function takesFrames(v: usize, port: usize): boolean {
  if (!isLive(v) || load<u32>(v, V_LISTED) !== 0) return false
  if (load<u32>(<usize>load<u32>(v, V_BACKLOG), R_COUNT) !== 0) return false
  return !isMetered(port) || mayGo(port, BUCKET_TO)
}

/** Writes back what the loop kept in locals. */
function commit(v: usize, port: usize, last: u32, next: u32, frames: u32, bytes: u32, urgent: boolean): void {
  if (frames === 0) return
  store<u32>(v, last & 0xffff, V_LAST_AVAIL)
  store<u32>(v, next & 0xffff, V_USED_NEXT)
  count(port, C_EGRESS_FRAMES, frames)
  count(port, C_EGRESS_BYTES, bytes)
  if (isMetered(port)) charge(port, BUCKET_TO, bytes, frames)
  note(v, frames, bytes, urgent)
}

/** Frames that a ring takes before its state is read again: by the limits of its batch, and its rate limit. */
function budgetOf(v: usize, port: usize): u32 {
  return min(batchRoom(v), framesLeft(port, BUCKET_TO))
}

/** Whether a descriptor is a writable buffer for the virtio-net header alone, with the frame's behind it. */
function isHeaderAlone(rest: u64, header: u32): boolean {
  return isWritable(rest) && hasNext(rest) && !isIndirect(rest) && bufferBytes(rest) === header
}

/** Frames and bytes of the burst that the slow path counts. */
export let slowFrames: u32 = 0
export let slowBytes: u64 = 0

export function openDelivery(): void {
  slowFrames = 0
  slowBytes = 0
}

/**
 * Delivers the frames of a list.
 * @param v the receive ring; @param first record of the list
 * @param from port that the frames came in on, and `tx` the ring that they came from
 */
export function deliverList(v: usize, first: usize, from: usize, tx: usize): void {
  const port: usize = load<u32>(v, V_PORT)
  const isHeldToAddresses =
    (load<u32>(from, P_FLAGS) & PORT_GUARDED) !== 0 && (load<u32>(from, P_GUARD) & GUARD_ADDRESSES) !== 0
  const span: usize = load<u32>(port, P_SPAN)
  const table: usize = load<u32>(span, SPAN_ENTRIES)
  const firstGranule: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const header = load<u32>(v, V_HEADER_BYTES)
  const size = load<u32>(v, V_SIZE)
  const mask = size - 1
  const desc: usize = load<u32>(v, V_DESC)
  const avail: usize = load<u32>(v, V_AVAIL)
  const used: usize = load<u32>(v, V_USED)
  const merges = mergeFloor(port)
  const watches = watchesUrgency(port)
  const isMergeable = (load<u32>(v, V_FLAGS) & VRING_MERGEABLE) !== 0
  let last = load<u32>(v, V_LAST_AVAIL)
  let next = load<u32>(v, V_USED_NEXT)
  let takes = takesFrames(v, port)
  let left = takes ? waiting(v) : 0
  let full = false
  // Frames that may be written before the state of the ring must be read again.
  let budget = budgetOf(v, port)
  let end = last + <u32>max(left, 0)
  let mostBytes = bytesLeft(port, BUCKET_TO)
  let frames: u32 = 0
  let bytes: u32 = 0
  let urgent = false
  let record = first

  while (record !== 0) {
    const place = load<u64>(record, F_OFFSET)
    const rest = load<u64>(record, F_HEAD)
    const at: usize = <u32>place
    const length = <u32>(place >> 32)
    let placed = false
    if (frames < budget && last < end && bytes <= mostBytes && (length < merges || !mayMerge(at, port))) {
      let pieces: usize = 0
      let tag: u32 = TAG_AS_IS
      let out = length
      if (<u32>rest & DETAILED) {
        const details = detailsOf(record)
        pieces = load<u32>(details, D_PIECES)
        tag = load<u32>(details, D_TAG)
        if (tag !== TAG_AS_IS) out += tag === TAG_OFF ? -TAG_BYTES : TAG_BYTES
      }
      const need = header + out
      const toHead = loadHead(avail, last & mask)
      if (toHead < size) {
        const descriptor = descriptorAt(desc, toHead)
        const buffer = loadRest(descriptor)
        let target: usize = 0
        let body: usize = 0
        let have = out
        let chains: u32 = 1
        if (isOneWritable(buffer)) {
          if (bufferBytes(buffer) >= need) {
            const address = loadAddress(descriptor)
            const granule = granuleOf(address) - firstGranule
            if (granule < granules) {
              const entry = loadEntry(table, <usize>granule)
              const offset = offsetOf(address)
              if (isGranted(entry, offset, need)) {
                target = <usize>(<u32>entry) + offset
                body = target + header
              }
            }
          } else if (isMergeable) {
            chains = findBuffers(v, need, last, end - last)
            if (chains > 0) {
              body = bodyAcross
              have = bodyBytes
              target = body - header
            }
          }
        } else if (isHeaderAlone(buffer, header)) {
          const second = nextOf(buffer)
          if (second < size) {
            const behind = descriptorAt(desc, second)
            const rest = loadRest(behind)
            if (isOneWritable(rest) && bufferBytes(rest) >= out) {
              body = locate(table, firstGranule, granules, loadAddress(behind), out)
              if (body !== 0) target = locate(table, firstGranule, granules, loadAddress(descriptor), header)
            }
          }
        }
        if (target !== 0) {
          const front = v128.load(record, F_FRONT)
          storeNetHeader(target, header, 0, 0, chains)
          if (chains > 1) writeAcross(body, record, at, length)
          else if (pieces | tag) writeOdd(body, record, at, length)
          else {
            if (length > VECTOR) {
              if (length <= 64) {
                if (length > 32) v128.store(body, v128.load(at, 16), 16)
                if (length > 48) v128.store(body, v128.load(at, 32), 32)
                v128.store(body + length - VECTOR, v128.load(at + length - VECTOR))
              } else copy(body + VECTOR, at + VECTOR, length - VECTOR)
            }
            // Last, so that the addresses that were decided on are those that leave.
            v128.store(body, front)
          }
          // What was copied is judged: the sender may change its own memory.
          placed = !isHeldToAddresses || isFromListed(from, body, have, sourceOf(front))
          if (placed) {
            if (chains > 1) useBuffers(v, chains, next)
            else storeUsed(used, next & mask, toHead, need)
            last += chains
            next += chains
            frames++
            bytes += out
            if (watches && !urgent) urgent = isUrgent(body, have, out)
            record = <u32>(rest >> 32)
            continue
          }
        }
      }
    }
    // The ring's state is read again: a batch is full, buffers or tokens are used up, or the frame is not for this path.
    const isOver = frames >= budget || last >= end
    commit(v, port, last, next, frames, bytes, urgent)
    frames = 0
    bytes = 0
    urgent = false
    if (takes && isOver) {
      left = waiting(v)
      end = last + <u32>max(left, 0)
      budget = budgetOf(v, port)
      mostBytes = bytesLeft(port, BUCKET_TO)
      if (left > 0 && budget > 0) {
        full = false
        continue
      }
      const have = firstBytes(record, length)
      if (
        left === 0 &&
        !isTcp(at, have) &&
        (!isHeldToAddresses || isFromListed(from, at, have, sourceOf(v128.load(record, F_FRONT))))
      ) {
        // Beyond the buffers of a guest other frames than TCP are dropped: under overload nothing may cost more than a
        // frame that arrives. What the ring holds is published before the first is. What the sender's guard may refuse
        // is counted there, by the slow path.
        if (!full) endFull(v)
        full = true
        drop(port, DROP_RING_FULL)
        record = <u32>(rest >> 32)
        continue
      }
    }
    slowFrames++
    slowBytes += length
    if (!takeChain(tx, from, <u32>rest & 0xffff, true)) drop(from, DROP_BAD_ADDRESS)
    last = load<u32>(v, V_LAST_AVAIL)
    next = load<u32>(v, V_USED_NEXT)
    takes = takesFrames(v, port)
    left = takes ? waiting(v) : 0
    full = false
    end = last + <u32>max(left, 0)
    budget = budgetOf(v, port)
    mostBytes = bytesLeft(port, BUCKET_TO)
    record = <u32>(rest >> 32)
  }
  commit(v, port, last, next, frames, bytes, urgent)
}

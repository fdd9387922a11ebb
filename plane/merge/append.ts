// Where a frame that leaves (Out) meets the open aggregates of its receiver. In the order of egress.ts:
//
//   readForMerge   OTHER: merging does not concern it                              -> buffers of its own
//   follow         the aggregate of its flow is open, and it is the next segment   -> appended: done
//                  ... or a newer acknowledgement of the same                      -> takes the old one's place: done
//                  ... or neither                                                  -> that aggregate is closed first
//   isOpening      may it be the first of an aggregate?   openAggregate, once it is written into buffers of its own
//
// A segment is appended as its payload alone, where the aggregate's last buffer has room, and then in chains that are
// reserved behind it. These need not be the next ones of the batch: they are listed behind the aggregate's own.
//
//   | net header | headers | payload | payload |....tail....|  | chain | chain
//                                              ^ A_TAIL_SEGS     reserved now, with all the room that they have
//
// Until there is room for all of it, in buffers and in the list, nothing is changed: what cannot be appended is told as
// if it did not match. Only a frame whose checksums are right is joined (sums.ts); one that may not open an aggregate
// and finds none is not even summed up.
//
// A host port has one aggregate, the newest record of its byte ring, and its headers are right after every segment:
// the engine may write the record out at any time.
import { ringGrow } from '../byte-ring'
import { count } from '../counters'
import { putBody } from '../frame/body'
import { flow, out } from '../frame/record'
import { countSegments, SEGMENT_BYTES, seekPiece, setSegment, target, write } from '../frame/segments'
import {
  A_CHAINS,
  A_HEAD_SEGS,
  A_KEY,
  A_LAST,
  A_RECORD,
  A_TAIL_COUNT,
  A_TAIL_SEGS,
  C_THINNED_ACKS,
  MAX_HEAD_SEGS,
  MAX_TAIL_SEGS,
  NET_HEADER_BYTES,
  P_AGGREGATE,
  R_COUNT,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  RECORD_NET_HEADER,
  RX_SEGS_AT,
  V_FLAGS,
  V_HEADER_BYTES,
  V_LISTED,
  V_MERGE,
  VRING_MERGEABLE,
} from '../layout'
import {
  openBuffers,
  reserve,
  reservedBytes,
  reservedHead,
  restoreSegments,
  saveCursor,
} from '../ring/buffers'
import { take } from '../ring/door'
import { notesUse } from '../ring/granules'
import { logs, markSegments } from '../ring/log'
import { growChain, hasListRoom, listChain } from '../ring/used-list'
import {
  begin,
  closeAggregate,
  closeAggregates,
  extend,
  findAggregate,
  replaceAck,
  takeAggregate,
  writeHeaders,
} from './aggregate'
import { BARRIER, mayOpen, OTHER, PURE_ACK, readFlow, SEGMENT } from './flow'
import { isSameFlow, joins, replaces } from './match'
import { checkSums } from './sums'

/** Appends the payload of Out to what is being written. */
function putPayload(): void {
  write(target, out.head + flow.headers, out.headBytes - flow.headers)
  putBody()
}

/**
 * Whether merging matters for Out toward a vif; reads its headers. The rings of a guest whose memory is mapped
 * on demand hold no aggregates: what they point to could be unmapped before they close.
 */
export function readForMerge(v: usize, port: usize): boolean {
  if (load<u32>(v, V_MERGE) === 0 || notesUse(port)) return false
  return readFlow(port) !== OTHER
}

/**
 * Appends Out, which was just read, to the aggregate of its flow, or closes that.
 * @returns whether it is part of the aggregate now
 */
export function follow(v: usize, port: usize): boolean {
  const a = findAggregate(load<u32>(v, V_MERGE))
  const role = flow.role
  if (role !== BARRIER && (a !== 0 || mayOpen(port))) checkSums()
  if (a === 0) return false
  if (flow.isIntact) {
    if (role === SEGMENT && joins(a) && append(v, port, a)) return true
    if (role === PURE_ACK && replaces(a)) {
      const header = load<u32>(v, V_HEADER_BYTES)
      replaceAck(a, header)
      if (logs(v)) markSegments(v, a + A_HEAD_SEGS, header + out.bytes)
      count(port, C_THINNED_ACKS)
      return true
    }
  }
  closeAggregate(v, a)
  return false
}

/** Appends the payload of a segment that joins. Returns false when there is no room for it. */
function append(v: usize, port: usize, a: usize): boolean {
  const payload = flow.payload
  const saved = load<u32>(a, A_TAIL_COUNT)
  const left = restoreSegments(a + A_TAIL_SEGS, saved)
  const inLast = left < payload ? left : payload
  let chains: i32 = 0
  if (payload > left) {
    if ((load<u32>(v, V_FLAGS) & VRING_MERGEABLE) === 0) return false
    chains = reserve(v, payload - left, saved, true)
    if (chains <= 0 || !hasListRoom(v, chains)) return false
  }
  openBuffers()
  putPayload()
  if (logs(v)) markSegments(v, RX_SEGS_AT, payload)
  let last = load<u32>(a, A_LAST)
  growChain(v, last, inLast)
  for (let i = 0; i < chains; i++) last = listChain(v, last, reservedHead(i), reservedBytes(i))
  take(v, chains)
  store<u32>(a, last, A_LAST)
  store<u32>(a, load<u32>(a, A_CHAINS) + chains, A_CHAINS)
  store<u32>(a, saveCursor(a + A_TAIL_SEGS, MAX_TAIL_SEGS), A_TAIL_COUNT)
  if (extend(a, port)) closeAggregate(v, a)
  return true
}

/** Whether Out, which was just read and did not join, may open an aggregate. */
export function isOpening(port: usize): boolean {
  return flow.isIntact && mayOpen(port)
}

/**
 * Opens an aggregate with Out, which was just written into reserved buffers and is about to be listed.
 * @param opening whether it should; otherwise only room in the list is made
 * @returns whether it did
 */
export function openAggregate(v: usize, chains: i32, opening: bool): boolean {
  if (load<u32>(v, V_LISTED) === 0 && !opening) return false
  if (!hasListRoom(v, chains)) {
    closeAggregates(v)
    if (!hasListRoom(v, chains)) return false
  }
  if (!opening) return false
  const start = load<u32>(v, V_HEADER_BYTES) + (flow.role === PURE_ACK ? out.bytes : flow.headers)
  const own = countSegments(RX_SEGS_AT, start)
  if (own > <u32>MAX_HEAD_SEGS) return false
  const a = takeAggregate(v)
  memory.copy(a + A_HEAD_SEGS, RX_SEGS_AT, own * SEGMENT_BYTES)
  store<u32>(a, chains, A_CHAINS)
  store<u32>(a, saveCursor(a + A_TAIL_SEGS, MAX_TAIL_SEGS), A_TAIL_COUNT)
  store<u32>(a, load<u32>(v, V_LISTED) + chains, A_LAST)
  begin(a)
  return true
}

// ---- host ports: the newest record of the byte ring ----

/** Appends Out to the newest record when that is of its flow. Returns whether it did. */
export function followRecord(port: usize, ring: usize): boolean {
  const role = readFlow(port)
  const a = port + P_AGGREGATE
  const isOpen = load<u64>(a, A_KEY) !== 0 && load<u32>(ring, R_COUNT) !== 0
  const isFollowing = isOpen && role > BARRIER && isSameFlow(a)
  if (role > BARRIER && (isFollowing || mayOpen(port))) checkSums()
  if (isFollowing && flow.isIntact) {
    if (role === PURE_ACK && replaces(a)) {
      replaceAck(a, NET_HEADER_BYTES)
      count(port, C_THINNED_ACKS)
      return true
    }
    const record: usize = load<u32>(a, A_RECORD)
    const length = load<u32>(record, RECORD_FRAME_BYTES)
    if (role === SEGMENT && joins(a) && ringGrow(ring, record, flow.payload)) {
      seekPiece(target, record + RECORD_FRAME + length, flow.payload)
      putPayload()
      const isLast = extend(a, port)
      writeHeaders(a, NET_HEADER_BYTES)
      if (isLast) store<u64>(a, 0, A_KEY)
      return true
    }
  }
  store<u64>(a, 0, A_KEY)
  return false
}

/** Opens an aggregate with Out, which followRecord() refused and which was just written as a record. */
export function openRecord(port: usize, record: usize): void {
  if (!isOpening(port)) return
  const a = port + P_AGGREGATE
  store<u32>(a, <u32>record, A_RECORD)
  store<u32>(a, 1, A_CHAINS)
  setSegment(a + A_HEAD_SEGS, record + RECORD_NET_HEADER, NET_HEADER_BYTES + out.bytes)
  begin(a)
}

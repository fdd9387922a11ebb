// The frames of a run (run.ts) into the receive rings of one port: each is one copy.
import { bytesLeft, framesLeft } from '../bridge/policer'
import { drop } from '../counters'
import { batchRoom, endFull, watchesUrgency } from '../hold'
import {
  BUCKET_TO,
  DROP_RING_FULL,
  P_FLAGS,
  P_MAX_BATCH_FRAMES,
  P_QUEUE_PAIRS,
  P_SPAN,
  PORT_VRINGS,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
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
import { storeNetHeader } from '../packet/net-header'
import { isTcp, isUrgent } from '../packet/urgent'
import { vringAt } from '../port'
import { checkedWaiting } from '../ring/broken'
import { headAt, isLive, waiting } from '../ring/door'
import { notesUse } from '../ring/granules'
import {
  bufferBytes,
  descriptorAt,
  isHeaderAlone,
  isOneWritable,
  loadAddress,
  loadHead,
  loadRest,
  nextOf,
  storeUsed,
} from '../ring/split'
import { spend } from '../work'
import { body as bodyAcross, bodyBytes, FIRST_BYTES, findBuffers, useBuffers } from './across'
import { isRefused, leavingBytes, tag, writeLeaving } from './leaving'
import { locate } from './pieces'
import { runBytes, runFrame, runFrames, runHash } from './run'
import { addTo, noteTargets, park, targetOf } from './target'
import { FRONT_BYTES, openOdd, writeAcross } from './write'

/**
 * Whether a port takes a run of frames at about the cost of plain ones: its first buffers are large enough, and no frame
 * ends the burst by a call that is due at once. Other ports get frames one by one, so that a burst ends with what it costs.
 */
export function takesRuns(to: usize): boolean {
  if ((load<u32>(to, P_FLAGS) & PORT_VRINGS) === 0) return true
  if (load<u32>(to, P_MAX_BATCH_FRAMES) <= 1) return false
  const pairs = load<u32>(to, P_QUEUE_PAIRS)
  for (let pair: u32 = 0; pair < pairs; pair++) {
    const v = vringAt(to, pair * 2)
    if (!isLive(v) || waiting(v) <= 0) continue
    const head = headAt(v, 0)
    if (head >= load<u32>(v, V_SIZE)) return false
    const rest = loadRest(descriptorAt(load<u32>(v, V_DESC), head))
    if (bufferBytes(rest) < FIRST_BYTES && !isHeaderAlone(rest, load<u32>(v, V_HEADER_BYTES))) return false
  }
  return true
}

/** The receive ring that a frame goes to. */
function ringOf(to: usize, pairs: u32, number: u32): usize {
  return vringAt(to, pairs > 1 ? (runHash(number) % pairs) * 2 : 0)
}

/**
 * Writes frames of the run, from a number on, into one receive ring of a port.
 * @returns how many are done with; the next one, if it goes into this ring, must take the slow path
 */
export function fill(to: usize, first: u32): u32 {
  const frames = runFrames()
  const pairs = load<u32>(to, P_QUEUE_PAIRS)
  const v = ringOf(to, pairs, first)
  const target = notesUse(to) ? <usize>0 : targetOf(v)
  if (target === 0) return 0
  const span: usize = load<u32>(to, P_SPAN)
  const table: usize = load<u32>(span, SPAN_ENTRIES)
  const firstGranule: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  const header = load<u32>(v, V_HEADER_BYTES)
  const size = load<u32>(v, V_SIZE)
  const desc: usize = load<u32>(v, V_DESC)
  const avail: usize = load<u32>(v, V_AVAIL)
  const used: usize = load<u32>(v, V_USED)
  const begun = load<u32>(v, V_LAST_AVAIL)
  const next = load<u32>(v, V_USED_NEXT) - begun
  const isMergeable = (load<u32>(v, V_FLAGS) & VRING_MERGEABLE) !== 0
  const chainsThere = checkedWaiting(v)
  // Nobody sees what is written into a ring that was broken.
  if (chainsThere < 0) return frames - first
  const end = begun + <u32>chainsThere
  const room = min(batchRoom(v), framesLeft(to, BUCKET_TO))
  const mostBytes = bytesLeft(to, BUCKET_TO)
  const watches = watchesUrgency(to)
  const floor = mergeFloor(to)
  let last = begun
  let written: u32 = 0
  let bytesWritten: u32 = 0
  let urgent = false
  let isFull = false
  let number = first
  for (; number < frames; number++) {
    if (pairs > 1 && ringOf(to, pairs, number) !== v) break
    const at = runFrame(number)
    const bytes = runBytes(number)
    if (isRefused(to, at, bytes)) continue
    if (chainsThere === 0 && !isTcp(at, bytes)) {
      // Beyond the buffers of a guest other frames than TCP are dropped. What the ring holds is published before.
      if (!isFull) endFull(v)
      isFull = true
      drop(to, DROP_RING_FULL)
      continue
    }
    if (last >= end || written >= room || <i64>bytesWritten > mostBytes) break
    if (bytes >= floor && mayMerge(at, to)) break
    const out = leavingBytes(bytes)
    const need = out + header
    const head = loadHead(avail, last & (size - 1))
    if (head >= size) break
    const descriptor = descriptorAt(desc, head)
    const address = loadAddress(descriptor)
    const rest = loadRest(descriptor)
    let place: usize
    let body: usize
    let have = out
    let chains: u32 = 1
    if (isOneWritable(rest)) {
      if (bufferBytes(rest) >= need) {
        place = locate(table, firstGranule, granules, address, need)
        body = place + header
      } else {
        if (!isMergeable) break
        chains = findBuffers(v, need, last, end - last)
        if (chains === 0) break
        body = bodyAcross
        have = bodyBytes
        place = body - header
      }
    } else {
      const second = nextOf(rest)
      if (!isHeaderAlone(rest, header) || second >= size) break
      const behind = descriptorAt(desc, second)
      const bodyAddress = loadAddress(behind)
      const bodyRest = loadRest(behind)
      if (!isOneWritable(bodyRest) || bufferBytes(bodyRest) < out) break
      place = locate(table, firstGranule, granules, address, header)
      body = locate(table, firstGranule, granules, bodyAddress, out)
    }
    if (place === 0 || body === 0) break
    storeNetHeader(place, header, 0, 0, chains)
    if (chains === 1) {
      writeLeaving(body, at, bytes)
      storeUsed(used, (last + next) & (size - 1), head, need)
    } else {
      openOdd(0, tag, load<u32>(at, FRONT_BYTES))
      writeAcross(body, at, bytes, v128.load(at))
      useBuffers(v, chains, last + next)
    }
    last += chains
    written++
    bytesWritten += out
    if (watches && !urgent) urgent = isUrgent(body, have, out)
  }
  addTo(target, written, bytesWritten, urgent)
  park(target, last, last + next)
  // What comes next asks again whether the ring takes it.
  noteTargets()
  spend(written + (bytesWritten >> 8))
  return number - first
}

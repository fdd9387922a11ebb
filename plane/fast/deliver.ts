// The frames of a run (run.ts), as bridge/leave.ts and egress.ts would send them to one port: all that is the same for
// them is looked at once, and each is one copy. What is not as it should be (no buffer for TCP, a segment that may be
// merged, a ring that waits for tokens) takes the slow path to this receiver alone.
import { hasVlan, leave, passesFilter } from '../bridge/leave'
import { bytesLeft, framesLeft } from '../bridge/policer'
import { ringReserve } from '../byte-ring'
import { copy } from '../copy'
import { count, drop } from '../counters'
import { openFlat } from '../frame/open'
import { frame } from '../frame/record'
import { readTags } from '../frame/tags'
import { batchRoom, endFull, watchesUrgency } from '../hold'
import {
  A_KEY,
  BUCKET_TO,
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  DROP_FILTERED,
  DROP_RATE,
  DROP_RING_FULL,
  DROP_TOO_LONG,
  DROP_VLAN,
  NET_HEADER_BYTES,
  P_AGGREGATE,
  P_FLAGS,
  P_MAX_BATCH_FRAMES,
  P_MAX_FRAME,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  P_RING,
  P_SPAN,
  P_VLANS,
  PORT_FILTER,
  PORT_FILTER_VLAN,
  PORT_METERED,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORT_VRINGS,
  RECORD_FRAME,
  RECORD_HASH,
  RECORD_NET_HEADER,
  SLOW_FLAGS,
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
import { CSUM_OFFSET, ONE_BUFFER, storeNetHeader } from '../packet/net-header'
import { ETH_VLAN, loadMac, MAC_SOURCE, TAG_BYTES } from '../packet/packet'
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
import { locate } from './pieces'
import { runBytes, runFrame, runFrames, runHash } from './run'
import { addTo, noteTargets, park, targetOf } from './target'
import { FRONT_BYTES, openOdd, TAG_AS_IS, TAG_OFF, writeAcross } from './write'

/** Of the run, toward the port at hand: its VLAN; how a tag leaves; bytes of the longest frame; whether there is a filter. */
let vlan: u32 = 0
let tag: u32 = TAG_AS_IS
let most: u32 = 0
let isFiltered = false
let wantsTag = false

/** Bytes of a frame of the run as it leaves. */
function leavingBytes(bytes: u32): u32 {
  if (tag === TAG_AS_IS) return bytes
  return tag === TAG_OFF ? bytes - TAG_BYTES : bytes + TAG_BYTES
}

/** Writes a frame of the run, of which `bytes` lie at `at`, as it leaves. */
function write(body: usize, at: usize, bytes: u32): void {
  if (tag === TAG_AS_IS) {
    copy(body, at, bytes)
    return
  }
  const front = v128.load(at)
  if (tag === TAG_OFF) {
    copy(body + FRONT_BYTES, at + FRONT_BYTES + TAG_BYTES, bytes - FRONT_BYTES - TAG_BYTES)
    v128.store(body, v128.replace_lane<u32>(front, 3, load<u32>(at, FRONT_BYTES)))
    return
  }
  copy(body + FRONT_BYTES, at + FRONT_BYTES - TAG_BYTES, bytes - FRONT_BYTES + TAG_BYTES)
  v128.store(body, v128.replace_lane<u32>(front, 3, tag))
}

/** Whether a frame may not go to the port, which was counted. */
function isRefused(to: usize, at: usize, bytes: u32): boolean {
  if (isFiltered) {
    frame.destination = loadMac(at)
    if (!passesFilter(to, load<u32>(to, P_FLAGS), wantsTag)) {
      drop(to, DROP_FILTERED)
      return true
    }
  }
  if (bytes <= most) return false
  drop(to, DROP_TOO_LONG)
  return true
}

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
function fill(to: usize, first: u32): u32 {
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
      write(body, at, bytes)
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

/**
 * Writes frames of the run, from a number on, as records of a host port's output.
 * @returns how many are done with; the next one must take the slow path
 */
function queue(to: usize, first: u32): u32 {
  const frames = runFrames()
  const ring: usize = load<u32>(to, P_RING)
  const pairs = load<u32>(to, P_QUEUE_PAIRS)
  const floor = mergeFloor(to)
  const full = load<u32>(to, P_FLAGS) & PORT_METERED ? DROP_RATE : DROP_RING_FULL
  let written: u32 = 0
  let bytesWritten: u32 = 0
  let number = first
  for (; number < frames; number++) {
    const at = runFrame(number)
    const bytes = runBytes(number)
    if (isRefused(to, at, bytes)) continue
    const isOpen = load<u64>(to + P_AGGREGATE, A_KEY) !== 0
    if ((isOpen || bytes >= floor) && mayMerge(at, to)) break
    // What follows joins nothing before it.
    store<u64>(to + P_AGGREGATE, 0, A_KEY)
    const out = leavingBytes(bytes)
    const record = ringReserve(ring, out)
    if (record === 0) {
      drop(to, full)
      continue
    }
    store<u64>(record, 0, RECORD_NET_HEADER)
    store<u32>(record + RECORD_NET_HEADER, ONE_BUFFER, CSUM_OFFSET)
    store<u32>(record, pairs > 1 ? runHash(number) : 0, RECORD_HASH)
    write(record + RECORD_FRAME, at, bytes)
    written++
    bytesWritten += out
  }
  count(to, C_EGRESS_FRAMES, written)
  count(to, C_EGRESS_BYTES, bytesWritten)
  spend(written + (bytesWritten >> 8))
  return number - first
}

/** Forwards one frame of the run to one port on the slow path, which judges all of it again. */
function forwardSlowly(from: usize, to: usize, number: u32): void {
  const at = runFrame(number)
  const header: u32 = NET_HEADER_BYTES
  if (openFlat(from, at - header, header + runBytes(number), header) >= 0 || !readTags()) return
  frame.destination = loadMac(at)
  frame.source = loadMac(at + MAC_SOURCE)
  frame.vlan = vlan
  leave(from, to)
}

/**
 * Delivers the run, which came in on a port, to another that has its link.
 * @param inVlan its VLAN; @param isTagged whether its frames have the tag of that VLAN
 */
export function deliverRun(from: usize, to: usize, inVlan: u32, isTagged: boolean): void {
  const frames = runFrames()
  const flags = load<u32>(to, P_FLAGS)
  vlan = inVlan
  if (flags & SLOW_FLAGS) {
    for (let i: u32 = 0; i < frames; i++) forwardSlowly(from, to, i)
    return
  }
  wantsTag = vlan !== load<u32>(to, P_NATIVE_VLAN)
  if (wantsTag && ((flags & PORT_TRUNK) === 0 || !hasVlan(to + P_VLANS, vlan))) {
    for (let i: u32 = 0; i < frames; i++) drop(to, DROP_VLAN)
    return
  }
  tag = TAG_AS_IS
  if (wantsTag && !isTagged) tag = ETH_VLAN | ((<u32>bswap<u16>(<u16>vlan)) << 16)
  else if (!wantsTag && isTagged && (flags & PORT_TRANSPARENT) === 0) tag = TAG_OFF
  most = load<u32>(to, P_MAX_FRAME) + (isTagged ? TAG_BYTES : 0)
  isFiltered = (flags & (PORT_FILTER | PORT_FILTER_VLAN)) !== 0
  frame.vlan = vlan
  const hasRings = (flags & PORT_VRINGS) !== 0
  let number: u32 = 0
  while (number < frames) {
    const done = hasRings ? fill(to, number) : queue(to, number)
    number += done
    if (done > 0) continue
    forwardSlowly(from, to, number)
    number++
  }
}

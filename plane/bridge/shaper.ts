// Rate limits delay what exceeds them. Each direction waits where waiting costs least:
//
//   from a vif        in its transmit ring: chains are not taken until there are tokens, so that its guest sees delay
//   from a host port  in a byte ring of its own (P_FROM_RING): the kernel's queue in front of it may hold megabytes
//   to a vif          in its backlog          } P_RING: what waits for buffers
//   to a host port    in its output           }         or for the device anyway
//
// Byte rings are bounded by their size and by time: what has waited for MAX_WAIT_US is dropped from the front, so
// that a sender that does not slow down costs those behind it no more delay than that, and TCP sees the loss early.
import { ringFirst, ringNext, ringPop, ringReserve } from '../byte-ring'
import { dropFlat, dropQueued, dropWaiting } from '../capture/frames'
import { copy } from '../copy'
import { segmentsOf } from '../frame/gso'
import {
  A_KEY,
  BUCKET_FROM,
  BUCKET_TO,
  DROP_RATE,
  G_NOW_US,
  G_RATE_AT_US,
  GLOBALS_AT,
  P_AGGREGATE,
  P_FLAGS,
  P_FROM_RING,
  P_RING,
  P_WAIT_FROM,
  P_WAIT_TO,
  PORT_METERED,
  R_COUNT,
  R_RELEASED,
  RECORD_ARRIVAL,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  RECORD_HASH,
  RECORD_NET_HEADER,
} from '../layout'
import { charge, untilTokens } from './policer'

/** A frame that has waited longer is dropped while others wait behind it. */
const MAX_WAIT_US: f64 = 100000
/** So many frames may wait for longer: at a low rate one super-frame takes a second. */
const PATIENT_FRAMES: u32 = 2
/** Frames that may go are let go together after so long, so that a sleeping engine need not wake for each. */
const RELEASE_EVERY_US: f64 = 250
/** Most frames released for a host port at once. */
const RELEASE_BURST: u32 = 64

function waitField(port: usize, first: u32): usize {
  return port + (first === BUCKET_FROM ? P_WAIT_FROM : P_WAIT_TO)
}

/** Whether a frame may go now; when not, one is waiting, and the engine is told when one may. */
export function mayGo(port: usize, first: u32): boolean {
  const field = waitField(port, first)
  const now = floor(load<f64>(GLOBALS_AT, G_NOW_US))
  const since = load<f64>(field)
  const until = <f64>untilTokens(port, first, since > 0 && now > since ? <i64>(now - since) : 0)
  if (until === 0) return true
  store<f64>(field, now + until)
  const at = now + max(until, RELEASE_EVERY_US)
  if (at < load<f64>(GLOBALS_AT, G_RATE_AT_US)) store<f64>(GLOBALS_AT, at, G_RATE_AT_US)
  return false
}

/** No frame waits any more: tokens beyond the depth of a bucket are not kept. */
export function waitsNoMore(port: usize, first: u32): void {
  store<f64>(waitField(port, first), 0)
}

/** Whether frames of a direction wait for tokens that are not there yet. */
export function isShut(port: usize, first: u32): boolean {
  return load<f64>(waitField(port, first)) > load<f64>(GLOBALS_AT, G_NOW_US)
}

/** Whether what goes to the port has a rate limit. */
export function isMetered(port: usize): boolean {
  return (load<u32>(port, P_FLAGS) & PORT_METERED) !== 0
}

/** Pays for a frame that goes to the port. @param header first 8 bytes of its virtio-net header */
export function chargeTo(port: usize, header: u64, head: usize, bytes: u32): void {
  charge(port, BUCKET_TO, bytes, segmentsOf(header, head, bytes))
}

/** Drops from the front of a queue what has waited too long. */
export function dropLate(port: usize, ring: usize): void {
  const now = load<f64>(GLOBALS_AT, G_NOW_US)
  while (load<u32>(ring, R_COUNT) > PATIENT_FRAMES) {
    const record = ringFirst(ring)
    if (now - load<f64>(record, RECORD_ARRIVAL) <= MAX_WAIT_US) return
    if (ring === <usize>load<u32>(port, P_FROM_RING)) dropWaiting(port, DROP_RATE, record)
    else dropQueued(port, DROP_RATE, record)
    ringPop(ring)
  }
}

/**
 * Lets records toward a host port go: the oldest that have paid may be written.
 * @returns how many
 */
export function releaseTo(port: usize): u32 {
  const ring: usize = load<u32>(port, P_RING)
  const paid = load<u32>(ring, R_RELEASED)
  if (paid !== 0) return paid
  dropLate(port, ring)
  const count = load<u32>(ring, R_COUNT)
  let record = ringFirst(ring)
  let released: u32 = 0
  while (released < count && released < RELEASE_BURST && mayGo(port, BUCKET_TO)) {
    if (released > 0) record = ringNext(ring, record)
    chargeTo(
      port,
      load<u64>(record + RECORD_NET_HEADER),
      record + RECORD_FRAME,
      load<u32>(record, RECORD_FRAME_BYTES),
    )
    released++
  }
  if (released === count) {
    waitsNoMore(port, BUCKET_TO)
    // What follows must not join a frame that has paid.
    store<u64>(port + P_AGGREGATE, 0, A_KEY)
  }
  store<u32>(ring, released, R_RELEASED)
  return released
}

/**
 * Queues a frame that came from a host port if it must wait: behind others, or for tokens.
 * @param at offset of the virtio-net header; @param header its bytes, at most 12; @param bytes of header and frame
 * @returns false when it may be forwarded at once
 */
export function queueFrom(port: usize, at: usize, bytes: u32, header: u32): boolean {
  const ring: usize = load<u32>(port, P_FROM_RING)
  if (load<u32>(ring, R_COUNT) === 0 && mayGo(port, BUCKET_FROM)) return false
  const record = ringReserve(ring, bytes - header)
  if (record === 0) {
    dropFlat(port, DROP_RATE, at, bytes, header)
    return true
  }
  store<u32>(record, header, RECORD_HASH)
  copy(record + RECORD_FRAME - header, at, bytes)
  return true
}

// The fast path: bursts of plain frames between vifs, in two passes.
//
//   classify   chains -> frames -> decisions: a record a frame, on the list of the receive ring it goes to
//   deliver    ring by ring: one copy a frame, the ring's state in locals, one note() a ring
//
// Every frame costs the same whoever it is from and to: two lines of the forwarding database and one copy. What is not
// plain ends the first pass (classify.ts says what is); what a receive ring cannot take as it is goes the slow path
// from the second (deliver.ts). Every check of the slow path is made here, too, on the same state of the tables.
import { bytesLeft, charge, framesLeft } from '../bridge/policer'
import { count } from '../counters'
import {
  BUCKET_FROM,
  C_INGRESS_BYTES,
  C_INGRESS_FRAMES,
  L_FIRST,
  L_VRING,
  LIST_BYTES,
  LISTS_AT,
} from '../layout'
import { markDirty } from '../ring/publish'
import { classifiedBytes, classify, lists } from './classify'
import { deliverList, openDelivery, slowBytes, slowFrames } from './deliver'

/**
 * Forwards the plain frames at the start of a burst. The ring is live and holds `burst` chains.
 * @param limited whether what comes from the port has a rate limit, which lets one frame go
 * @returns how many were taken; the next one, if any, must take the slow path
 */
export function fastBurst(v: usize, port: usize, burst: u32, limited: boolean): u32 {
  const done = limited
    ? classify(v, port, min(burst, framesLeft(port, BUCKET_FROM)), bytesLeft(port, BUCKET_FROM))
    : classify(v, port, burst, u64.MAX_VALUE)
  if (done === 0) return 0
  markDirty(v)
  openDelivery()
  const bytes = classifiedBytes
  for (let i: u32 = 0; i < lists; i++) {
    const list = <usize>LISTS_AT + <usize>i * LIST_BYTES
    deliverList(load<u32>(list, L_VRING), load<u32>(list, L_FIRST), port, v)
  }
  const frames = done - slowFrames
  count(port, C_INGRESS_FRAMES, frames)
  count(port, C_INGRESS_BYTES, bytes - slowBytes)
  if (limited) charge(port, BUCKET_FROM, <u32>(bytes - slowBytes), frames)
  return done
}

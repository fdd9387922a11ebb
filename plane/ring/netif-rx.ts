// A netif receive ring: frames for a guest. The plane writes them into buffers of staging, a page each, by a vring of its
// own (shadow.ts); what becomes of published used entries is said here:
//
//   requests seen, no more -> refill(): as many buffers offered
//   batch published        -> stage(): per buffer one request read, one copy listed, one response written, unseen
//   copies carried out     -> finishRx(): responses pushed, an event if it is wanted, buffers offered again
//
// A frame of segments takes one request more, for what is told of them (extra information). If that leaves a published
// frame without requests it waits for more, at most as long as its guest lets it: poll() tries again.
//
// A response lies where its request lay: frontends find the page by the place (xennet_get_rx_skb, Linux 6.1).
import {
  BROKEN_NETIF_INDEX,
  N_DONE,
  N_FREE,
  N_NEXT,
  N_OUT,
  N_PUSHED,
  N_RING,
  N_SEEN,
  N_STACK,
  NET_HEADER_BYTES,
  NETIF_SIZE,
  V_USED_PUBLISHED,
} from '../layout'
import {
  csumStartOf,
  DATA_VALID,
  GSO_NONE,
  GSO_TCPV4,
  gsoSizeOf,
  gsoTypeOf,
  NEEDS_CSUM,
} from '../packet/net-header'
import { spend } from '../work'
import { breakPort } from './break-port'
import { requestCall } from './calls'
import { copyToGuest, listPush, openCopies } from './grant-copy'
import {
  loadRequests,
  loadResponseEvent,
  loadRxRequest,
  NETIF_GSO_TCPV4,
  NETIF_GSO_TCPV6,
  needResponseEvent,
  RX_CSUM_BLANK,
  RX_DATA_VALIDATED,
  RX_EXTRA_INFO,
  RX_MORE_DATA,
  rxEntry,
  rxId,
  rxReference,
  storeGsoExtra,
  storeResponses,
  storeRxResponse,
} from './netif'
import { completeChecksum, isFoundByGuest } from './netif-checksum'
import { bufferOf, offer, usedBytes, usedHead } from './shadow'

const NUM_BUFFERS: usize = 10
const STACK_MASK: u32 = NETIF_SIZE - 1

/** Sees the requests that the frontend has made, and offers as many buffers. */
export function refill(v: usize, n: usize): void {
  const requests = loadRequests(load<u32>(n, N_RING)) - load<u32>(n, N_NEXT)
  if (requests > <u32>NETIF_SIZE) {
    breakPort(v, BROKEN_NETIF_INDEX)
    return
  }
  store<u32>(n, load<u32>(n, N_NEXT) + requests, N_SEEN)
  let out = load<u32>(n, N_OUT)
  let free = load<u32>(n, N_FREE)
  while (out < requests && free > 0) {
    free--
    offer(v, load<u16>(n + <usize>free * 2, N_STACK))
    out++
  }
  store<u32>(n, out, N_OUT)
  store<u32>(n, free, N_FREE)
}

/** Whether published frames wait for requests. */
export function owes(v: usize, n: usize): boolean {
  return load<u32>(n, N_DONE) !== load<u32>(v, V_USED_PUBLISHED)
}

/** What the first response says of a frame; completes a checksum that its guest would not find. */
function flagsOf(v: usize, n: usize, at: usize, slots: u32): u32 {
  const header = load<u64>(at)
  let flags = <u32>header & DATA_VALID ? RX_DATA_VALIDATED : 0
  if (<u32>header & NEEDS_CSUM) {
    flags = RX_DATA_VALIDATED
    if (gsoTypeOf(header) !== GSO_NONE || isFoundByGuest(at, usedBytes(v, load<u32>(n, N_DONE))))
      flags |= RX_CSUM_BLANK
    else completeChecksum(v, load<u32>(n, N_DONE), slots, csumStartOf(header))
  }
  return flags
}

/** Lists what the oldest published frame needs; there is room. Returns false when its guest has not enough requests. */
export function stageFrame(v: usize, n: usize): boolean {
  const done = load<u32>(n, N_DONE)
  const at = bufferOf(v, usedHead(v, done))
  const slots: u32 = load<u16>(at, NUM_BUFFERS)
  const header = load<u64>(at)
  const isGso = gsoTypeOf(header) !== GSO_NONE
  let next = load<u32>(n, N_NEXT)
  if (load<u32>(n, N_SEEN) - next < slots + (isGso ? 1 : 0)) {
    refill(v, n)
    if (load<u32>(n, N_SEEN) - next < slots + (isGso ? 1 : 0)) return false
  }
  listPush(v)
  openCopies()
  const ring: usize = load<u32>(n, N_RING)
  let flags = flagsOf(v, n, at, slots) | (isGso ? RX_EXTRA_INFO : 0)
  let free = load<u32>(n, N_FREE)
  for (let slot: u32 = 0; slot < slots; slot++) {
    const index = done + slot
    const head = usedHead(v, index)
    let from = bufferOf(v, head)
    let bytes = usedBytes(v, index)
    if (slot === 0) {
      from += NET_HEADER_BYTES
      bytes -= NET_HEADER_BYTES
    }
    const entry = rxEntry(ring, next)
    const request = loadRxRequest(entry)
    next++
    if (slot + 1 < slots) flags |= RX_MORE_DATA
    storeRxResponse(entry, rxId(request), flags, bytes)
    copyToGuest(v, entry, rxReference(request), from, bytes)
    if (slot === 0 && isGso) {
      const type = gsoTypeOf(header) === GSO_TCPV4 ? NETIF_GSO_TCPV4 : NETIF_GSO_TCPV6
      storeGsoExtra(rxEntry(ring, next), type, gsoSizeOf(header))
      next++
    }
    flags = 0
    // The copy is carried out before a buffer that is free again can be written.
    store<u16>(n + <usize>(free & STACK_MASK) * 2, <u16>head, N_STACK)
    free++
  }
  spend(slots)
  store<u32>(n, free, N_FREE)
  store<u32>(n, load<u32>(n, N_OUT) - slots, N_OUT)
  store<u32>(n, next, N_NEXT)
  store<u32>(n, (done + slots) & 0xffff, N_DONE)
  return true
}

/** The copies are done: pushes the responses, has the frontend called if it wants that, and offers buffers again. */
export function finishRx(v: usize, n: usize): void {
  const ring: usize = load<u32>(n, N_RING)
  const old = load<u32>(n, N_PUSHED)
  const next = load<u32>(n, N_NEXT)
  store<u32>(n, next, N_PUSHED)
  storeResponses(ring, next)
  if (needResponseEvent(loadResponseEvent(ring), next, old)) requestCall(v)
  refill(v, n)
}

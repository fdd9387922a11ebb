// A netif transmit ring: packets of a guest. A burst of requests is read, checked, and copied into staging by one list;
// what came whole is offered to the rest of the plane as chains of a vring of its own (shadow.ts), and answered:
//
//   requests -> takePacket(): slots, extra information    every number of a guest is checked here, once read
//     copies listed -> carryOut()                          (carry-out.ts)
//   -> finishTx(): virtio-net header written, chain offered, responses pushed, an event if it is wanted
//
//   staging   | header, packet | header, packet | free ...       a packet lies in one piece; N_HEAD to N_TAIL are used
//
// A guest that lies about a copy loses the packet; one that breaks the rules of the ring is detached, with the reason.

import { dropUnopened } from '../capture/frames'
import { count } from '../counters'
import {
  BROKEN_NETIF_INDEX,
  C_CROWDED,
  DROP_GRANT,
  MAX_NETIF_PACKETS,
  N_ANSWERS,
  N_NEXT,
  N_PACKET_TABLE,
  N_PACKETS,
  N_PUSHED,
  N_RING,
  NET_HEADER_BYTES,
  NETIF_SIZE,
  NP_BYTES,
  NP_FRAME,
  NP_FRAME_BYTES,
  NP_REQUESTS,
  NP_STATUS,
  P_MAX_BATCH_FRAMES,
  V_PORT,
} from '../layout'
import { spend } from '../work'
import { breakPort } from './break-port'
import { requestCall } from './calls'
import { listPush } from './grant-copy'
import {
  loadRequests,
  loadResponseEvent,
  needResponseEvent,
  RSP_NULL,
  storeResponses,
  storeTxResponse,
} from './netif'
import { writeNetHeader } from './netif-checksum'
import { ANSWER_EXTRA, takePacket } from './netif-packet'
import { reclaim } from './netif-staging'
import { offer, offered, setReadable, untaken } from './shadow'

/** Reads a burst of packets, as many as there is room for, and lists their copies. */
export function fetch(v: usize, n: usize): void {
  const ring: usize = load<u32>(n, N_RING)
  let available = loadRequests(ring) - load<u32>(n, N_NEXT)
  if (available === 0) return
  if (available > <u32>NETIF_SIZE) {
    breakPort(v, BROKEN_NETIF_INDEX)
    return
  }
  const port: usize = load<u32>(v, V_PORT)
  if (available > <u32>(NETIF_SIZE - (NETIF_SIZE >> 3))) count(port, C_CROWDED)
  // Who is served frame by frame pays for a list a frame here, too.
  const most: u32 = load<u32>(port, P_MAX_BATCH_FRAMES) === 1 ? 1 : MAX_NETIF_PACKETS
  reclaim(v, n)
  while (available > 0 && load<u32>(n, N_PACKETS) + untaken(v) < most) {
    const taken = takePacket(v, n, available)
    if (taken <= 0) break
    spend(taken)
    available -= taken
    store<u32>(n, load<u32>(n, N_NEXT) + taken, N_NEXT)
  }
  if (load<u32>(n, N_PACKETS) > 0) listPush(v)
}

/** Answers the requests of a packet, from one on. Returns the request behind them. */
function respond(n: usize, ring: usize, index: u32, requests: u32, status: i32): u32 {
  for (let i: u32 = 0; i < requests; i++, index++) {
    const what = load<u32>(n + <usize>(index & (NETIF_SIZE - 1)) * 4, N_ANSWERS)
    if (what === ANSWER_EXTRA) storeTxResponse(ring, index, 0, RSP_NULL)
    else storeTxResponse(ring, index, what, status)
  }
  return index
}

/** The copies are done: offers the packets, pushes the responses, and has the frontend called if it wants that. */
export function finishTx(v: usize, n: usize): void {
  const packets = load<u32>(n, N_PACKETS)
  const ring: usize = load<u32>(n, N_RING)
  const old = load<u32>(n, N_PUSHED)
  let next = old
  store<u32>(n, 0, N_PACKETS)
  for (let number: u32 = 0; number < packets; number++) {
    const packet = n + N_PACKET_TABLE + <usize>number * NP_BYTES
    const at: usize = load<u32>(packet, NP_FRAME)
    const bytes = load<u32>(packet, NP_FRAME_BYTES)
    const status: i32 = load<i16>(packet, NP_STATUS)
    next = respond(n, ring, next, load<u32>(packet, NP_REQUESTS), status)
    if (at === 0) continue
    if (status < 0) {
      dropUnopened(load<u32>(v, V_PORT), DROP_GRANT, NET_HEADER_BYTES + bytes, NET_HEADER_BYTES, false)
      continue
    }
    writeNetHeader(at, bytes, load<u32>(at) !== 0, load<u32>(at, 4), load<u32>(at, 8))
    const head = offered(v) & (NETIF_SIZE - 1)
    setReadable(v, head, at, NET_HEADER_BYTES + bytes)
    offer(v, head)
  }
  store<u32>(n, next, N_PUSHED)
  storeResponses(ring, next)
  if (needResponseEvent(loadResponseEvent(ring), next, old)) requestCall(v)
}

// One packet of a netif transmit ring: its requests are read, once, and checked; its copies into staging are listed.
//
//   request: flags, bytes of all | extra information ... | slot: bytes of it | slot ...
//
// What breaks the rules of the ring ends the port's service; what is only more than the switch takes is dropped.
// Source: netif.h (4.17); xenvif_count_requests, xenvif_get_extras (drivers/net/xen-netback, Linux 6.1) for the limits.
import { dropUnopened } from '../capture/frames'
import {
  BROKEN_NETIF_CUT,
  BROKEN_NETIF_EXTRA,
  BROKEN_NETIF_GSO,
  BROKEN_NETIF_PAGE,
  BROKEN_NETIF_SIZE,
  BROKEN_NETIF_SLOTS,
  DROP_BAD_CHAIN,
  MAX_NETIF_SLOTS,
  N_ANSWERS,
  N_NEXT,
  N_PACKET_TABLE,
  N_PACKETS,
  N_RING,
  NET_HEADER_BYTES,
  NETIF_SIZE,
  NETIF_SLOT_BYTES,
  NETIF_SLOTS_AT,
  NP_BYTES,
  NP_FRAME,
  NP_FRAME_BYTES,
  NP_REQUESTS,
  NP_STATUS,
  TAKEN_SLOTS,
  V_PORT,
  XEN_PAGE_BYTES,
} from '../layout'
import { breakPort } from './break-port'
import { copyFromGuest, copyRoom } from './grant-copy'
import {
  EXTRA_GSO,
  EXTRA_MCAST_ADD,
  EXTRA_MCAST_DEL,
  EXTRA_TYPES,
  extraGsoSize,
  extraGsoType,
  extraMac,
  extraType,
  hasMoreExtra,
  loadExtra,
  loadTxReference,
  loadTxRest,
  NETIF_GSO_TCPV6,
  RSP_ERROR,
  RSP_OKAY,
  TX_CSUM_BLANK,
  TX_EXTRA_INFO,
  TX_MORE_DATA,
  txEntry,
  txFlags,
  txId,
  txOffset,
  txSize,
} from './netif'
import { changeGroup } from './netif-groups'
import { place } from './netif-staging'

/** The answer to a request: its id, or that it was extra information. */
export const ANSWER_EXTRA: u32 = 0x10000
/** Results of takePacket(): there is no room now, the ring is broken; else the requests taken. */
const NO_ROOM: i32 = 0
const IS_BROKEN: i32 = -1

// ---- what the extra information of the packet at hand said ----
let gsoType: u32 = 0
let gsoSize: u32 = 0
/** EXTRA_MCAST_ADD, EXTRA_MCAST_DEL, or 0: it is a packet. */
let groupChange: u32 = 0
let group: u64 = 0

/** Remembers what to answer to a request. */
function answer(n: usize, index: u32, what: u32): void {
  store<u32>(n + <usize>(index & (NETIF_SIZE - 1)) * 4, what, N_ANSWERS)
}

/**
 * Reads the extra information of a packet, from a request on.
 * @returns its requests; IS_BROKEN
 */
function takeExtras(v: usize, n: usize, index: u32, available: u32): i32 {
  let taken: u32 = 0
  while (true) {
    if (taken === available) return broken(v, BROKEN_NETIF_CUT)
    if (taken === EXTRA_TYPES) return broken(v, BROKEN_NETIF_EXTRA)
    const extra = loadExtra(txEntry(load<u32>(n, N_RING), index + taken))
    answer(n, index + taken, ANSWER_EXTRA)
    taken++
    const type = extraType(extra)
    if (type === 0 || type > EXTRA_TYPES) return broken(v, BROKEN_NETIF_EXTRA)
    if (type === EXTRA_GSO) {
      gsoType = extraGsoType(extra)
      gsoSize = extraGsoSize(extra)
      if (gsoSize === 0 || gsoType === 0 || gsoType > NETIF_GSO_TCPV6) return broken(v, BROKEN_NETIF_GSO)
    } else if (type === EXTRA_MCAST_ADD || type === EXTRA_MCAST_DEL) {
      groupChange = type
      group = extraMac(extra)
    }
    if (!hasMoreExtra(extra)) return taken
  }
}

function broken(v: usize, reason: u32): i32 {
  breakPort(v, reason)
  return IS_BROKEN
}

/** Puts a slot at NETIF_SLOTS_AT. */
function setSlot(number: u32, reference: u32, offset: u32, bytes: u32): void {
  const slot: usize = <usize>NETIF_SLOTS_AT + <usize>number * NETIF_SLOT_BYTES
  store<u32>(slot, reference)
  store<u32>(slot, offset, 4)
  store<u32>(slot, bytes, 8)
}

/**
 * Reads the slots of a packet behind its first. The first's size is the whole packet's: what is left of it is the first's.
 * @param left bytes of the packet; @returns the slots, the first one counted; IS_BROKEN
 */
function takeSlots(v: usize, n: usize, index: u32, available: u32, left: u32): i32 {
  const first: usize = NETIF_SLOTS_AT
  let slots: u32 = 1
  while (true) {
    if (slots > available) return broken(v, BROKEN_NETIF_CUT)
    if (slots === <u32>MAX_NETIF_SLOTS) return broken(v, BROKEN_NETIF_SLOTS)
    const entry = txEntry(load<u32>(n, N_RING), index + slots - 1)
    const reference = loadTxReference(entry)
    const rest = loadTxRest(entry)
    const bytes = txSize(rest)
    if (bytes > left) return broken(v, BROKEN_NETIF_SIZE)
    if (txOffset(rest) + bytes > <u32>XEN_PAGE_BYTES) return broken(v, BROKEN_NETIF_PAGE)
    left -= bytes
    setSlot(slots, reference, txOffset(rest), bytes)
    answer(n, index + slots - 1, txId(rest))
    slots++
    if ((txFlags(rest) & TX_MORE_DATA) === 0) break
  }
  store<u32>(first, left, 8)
  return slots
}

/** Lists the copies of a packet into staging, and remembers it. */
function stagePacket(v: usize, n: usize, slots: u32, requests: u32, at: usize): void {
  const packets = load<u32>(n, N_PACKETS)
  const packet = n + N_PACKET_TABLE + <usize>packets * NP_BYTES
  store<u32>(packet, <u32>at, NP_FRAME)
  store<u32>(packet, requests, NP_REQUESTS)
  store<u16>(packet, <u16>RSP_OKAY, NP_STATUS)
  store<u32>(n, packets + 1, N_PACKETS)
  let bytes: u32 = 0
  for (let number: u32 = 0; number < slots; number++) {
    const slot: usize = <usize>NETIF_SLOTS_AT + <usize>number * NETIF_SLOT_BYTES
    const has = load<u32>(slot, 8)
    if (has > 0 && at !== 0) copyFromGuest(v, slot, at + NET_HEADER_BYTES + bytes, packet)
    bytes += has
  }
  store<u32>(packet, bytes, NP_FRAME_BYTES)
}

/** Reads the packet that begins with the next request. Returns the requests it took, NO_ROOM or IS_BROKEN. */
export function takePacket(v: usize, n: usize, available: u32): i32 {
  const next = load<u32>(n, N_NEXT)
  const entry = txEntry(load<u32>(n, N_RING), next)
  const reference = loadTxReference(entry)
  const rest = loadTxRest(entry)
  const flags = txFlags(rest)
  const bytes = txSize(rest)
  gsoType = 0
  groupChange = 0
  answer(n, next, txId(rest))
  let requests: u32 = 1
  if (flags & TX_EXTRA_INFO) {
    const extras = takeExtras(v, n, next + 1, available - 1)
    if (extras < 0) return IS_BROKEN
    requests += extras
  }
  if (groupChange !== 0) {
    const isDone = changeGroup(load<u32>(v, V_PORT), groupChange === EXTRA_MCAST_ADD, group)
    stagePacket(v, n, 0, requests, 0)
    setStatus(n, isDone ? RSP_OKAY : RSP_ERROR)
    return requests
  }
  let slots: u32 = 1
  setSlot(0, reference, txOffset(rest), bytes)
  if (flags & TX_MORE_DATA) {
    const found = takeSlots(v, n, next + requests, available - requests, bytes)
    if (found < 0) return IS_BROKEN
    slots = found
  }
  requests += slots - 1
  if (txOffset(rest) + load<u32>(NETIF_SLOTS_AT, 8) > <u32>XEN_PAGE_BYTES) return broken(v, BROKEN_NETIF_PAGE)
  if (slots > <u32>TAKEN_SLOTS) {
    stagePacket(v, n, 0, requests, 0)
    setStatus(n, RSP_ERROR)
    dropUnopened(load<u32>(v, V_PORT), DROP_BAD_CHAIN, 0, NET_HEADER_BYTES, false)
    return requests
  }
  if (copyRoom() < slots) return NO_ROOM
  const at = place(n, NET_HEADER_BYTES + bytes)
  if (at === 0) return NO_ROOM
  stagePacket(v, n, slots, requests, at)
  // Where its header will be: what finishTx() needs to write it.
  store<u32>(at, flags & TX_CSUM_BLANK)
  store<u32>(at, gsoType, 4)
  store<u32>(at, gsoSize, 8)
  return requests
}

/** Sets the answer to the packet that was remembered last. */
function setStatus(n: usize, status: i32): void {
  const packet = n + N_PACKET_TABLE + <usize>(load<u32>(n, N_PACKETS) - 1) * NP_BYTES
  store<u16>(packet, <u16>status, NP_STATUS)
}

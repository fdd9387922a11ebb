// The netif ring as it lies in the page that a guest shares. Only this file knows offsets within it. Both rings of a
// queue are one page each, with the same header:
//
//   0 req_prod | 4 req_event | 8 rsp_prod | 12 rsp_event | ... | 64 entries   indices run free in u32
//     frontend writes: req_prod, rsp_event, requests          backend writes: req_event, rsp_prod, responses
//
//   transmit request   u32 reference | u16 offset | u16 flags | u16 id | u16 size       12 bytes an entry
//   transmit response  u16 id | i16 status
//   receive request    u16 id | u16 | u32 reference                                      8 bytes an entry
//   receive response   u16 id | u16 offset | u16 flags | i16 status: bytes, or below 0
//   extra information  u8 type | u8 flags | 6 bytes, in the place of a request or a response
//
// A response lies where a request was. Whatever a guest wrote is read once, by one load.
// Source: xen/include/public/io/netif.h, ring.h (4.17).
import { NETIF_SIZE } from '../layout'

const HEADER_BYTES: u32 = 64
const TX_BYTES: u32 = 12
const RX_BYTES: u32 = 8

export const TX_CSUM_BLANK: u32 = 1
export const TX_MORE_DATA: u32 = 4
export const TX_EXTRA_INFO: u32 = 8

export const RX_DATA_VALIDATED: u32 = 1
export const RX_CSUM_BLANK: u32 = 2
export const RX_MORE_DATA: u32 = 4
export const RX_EXTRA_INFO: u32 = 8

export const EXTRA_GSO: u32 = 1
export const EXTRA_MCAST_ADD: u32 = 2
export const EXTRA_MCAST_DEL: u32 = 3
/** Types of extra information from 1 on: besides these a hash and XDP headroom, which mean nothing here. */
export const EXTRA_TYPES: u32 = 5
const EXTRA_MORE: u32 = 1

export const NETIF_GSO_TCPV4: u32 = 1
export const NETIF_GSO_TCPV6: u32 = 2

export const RSP_ERROR: i32 = -1
export const RSP_OKAY: i32 = 0
/** The answer to extra information. */
export const RSP_NULL: i32 = 1

// ---- indices ----

/** Requests that the frontend has made. Acquires: what it wrote before can be read after. */
export function loadRequests(ring: usize): u32 {
  return atomic.load<u32>(ring)
}

/** Asks for an event when the request before an index is made. A full fence. */
export function storeRequestEvent(ring: usize, index: u32): void {
  atomic.store<u32>(ring, index, 4)
}

/** Makes all responses before an index visible. A full fence: what is read after was not read before. */
export function storeResponses(ring: usize, index: u32): void {
  atomic.store<u32>(ring, index, 8)
}

/** The response that the frontend wants an event for. */
export function loadResponseEvent(ring: usize): u32 {
  return atomic.load<u32>(ring, 12)
}

// ---- transmit ----

export function txEntry(ring: usize, index: u32): usize {
  return ring + HEADER_BYTES + <usize>(index & (NETIF_SIZE - 1)) * TX_BYTES
}

export function loadTxReference(entry: usize): u32 {
  return load<u32>(entry)
}

/** What else a transmit request says, to be taken apart by the functions below. */
export function loadTxRest(entry: usize): u64 {
  return load<u64>(entry, 4)
}

export function txOffset(rest: u64): u32 {
  return <u32>rest & 0xffff
}

export function txFlags(rest: u64): u32 {
  return <u32>rest >> 16
}

export function txId(rest: u64): u32 {
  return <u32>(rest >> 32) & 0xffff
}

/** Bytes: of the whole packet in its first request, else of the slot. */
export function txSize(rest: u64): u32 {
  return <u32>(rest >> 48)
}

export function storeTxResponse(ring: usize, index: u32, id: u32, status: i32): void {
  store<u32>(txEntry(ring, index), id | ((<u32>status) << 16))
}

// ---- receive ----

export function rxEntry(ring: usize, index: u32): usize {
  return ring + HEADER_BYTES + <usize>(index & (NETIF_SIZE - 1)) * RX_BYTES
}

/** A receive request, to be taken apart by rxId() and rxReference(). */
export function loadRxRequest(entry: usize): u64 {
  return load<u64>(entry)
}

export function rxId(request: u64): u32 {
  return <u32>request & 0xffff
}

export function rxReference(request: u64): u32 {
  return <u32>(request >> 32)
}

/** Writes a receive response: so many bytes at the start of the page. */
export function storeRxResponse(entry: usize, id: u32, flags: u32, bytes: u32): void {
  store<u64>(entry, <u64>id | ((<u64>(flags | (bytes << 16))) << 32))
}

/** Where the status of a receive response lies. */
export function rxStatus(entry: usize): usize {
  return entry + 6
}

// ---- extra information ----

/** Extra information, to be taken apart by the functions below. */
export function loadExtra(entry: usize): u64 {
  return load<u64>(entry)
}

export function extraType(extra: u64): u32 {
  return <u32>extra & 0xff
}

export function hasMoreExtra(extra: u64): boolean {
  return ((<u32>extra >> 8) & EXTRA_MORE) !== 0
}

/** A group address, as packet.loadMac() reads them. */
export function extraMac(extra: u64): u64 {
  return extra >> 16
}

/** Payload bytes of a segment. */
export function extraGsoSize(extra: u64): u32 {
  return (<u32>extra >> 16) & 0xffff
}

/** NETIF_GSO_*. */
export function extraGsoType(extra: u64): u32 {
  return <u32>(extra >> 32) & 0xff
}

/** Writes extra information of a frame's segments. */
export function storeGsoExtra(entry: usize, type: u32, size: u32): void {
  store<u64>(entry, <u64>(EXTRA_GSO | (size << 16)) | ((<u64>type) << 32))
}

// ---- events ----

/** Whether `event` lies in (old, index] on the u32 circle: the frontend wants an event. Source: ring.h. */
export function needResponseEvent(event: u32, index: u32, old: u32): boolean {
  return index - event < index - old
}

// The list of grant copies: bytes between pages that guests grant and the plane's own memory, to be moved by the hypervisor
// (carry-out.ts), and the rings whose responses are pushed then.
import { count } from '../counters'
import {
  C_GRANT_COPIES,
  COPIES_AT,
  COPY_BYTES,
  COPY_OWNER_BYTES,
  COPY_OWNERS_AT,
  G_COPY_BASE,
  GLOBALS_AT,
  MAX_COPIES,
  N_DOMAIN,
  N_LISTED,
  NP_STATUS,
  PUSHES_AT,
  V_PORT,
} from '../layout'
import { rxStatus } from './netif'
import { netifOf } from './shadow'

const SOURCE_IS_GRANTED: u64 = 1
const DEST_IS_GRANTED: u64 = 2
/** Status of a copy that was not carried out (GNTST_general_error). */
const NOT_DONE: u64 = 0xffff

export let copies: u32 = 0
export let pushes: u32 = 0
/** Frames for guests that were ever copied, from 1. */
let frames: u32 = 0

/** Begins a list anew. */
export function closeList(): void {
  copies = 0
  pushes = 0
}

/** Copies that the list has room for. */
export function copyRoom(): u32 {
  return MAX_COPIES - copies
}

/** Puts a ring on the list of those with responses to push, in which all rings there can be have room. */
export function listPush(v: usize): void {
  const n: usize = netifOf(v)
  if (load<u32>(n, N_LISTED) !== 0) return
  store<u32>(n, 1, N_LISTED)
  store<u32>(<usize>PUSHES_AT + <usize>pushes * 4, <u32>v)
  pushes++
}

/** What a page that the frontend of a ring grants is called in a copy. */
function granted(v: usize, reference: u32, offset: u32): u64 {
  const domain = load<u32>(netifOf(v), N_DOMAIN)
  return <u64>reference | ((<u64>(offset | (domain << 16))) << 32)
}

function local(at: usize): u64 {
  return load<u64>(GLOBALS_AT, G_COPY_BASE) + <u64>at
}

/** Says whose the next copy is, and counts it. @param status where RSP_ERROR is written if it fails */
function own(v: usize, status: usize, frame: u32): usize {
  const owner: usize = <usize>COPY_OWNERS_AT + <usize>copies * COPY_OWNER_BYTES
  store<u32>(owner, <u32>v)
  store<u32>(owner, <u32>status, 4)
  store<u32>(owner, frame, 8)
  count(load<u32>(v, V_PORT), C_GRANT_COPIES)
  const at: usize = <usize>COPIES_AT + <usize>copies * COPY_BYTES
  copies++
  return at
}

/** Bytes, which side is granted, and that it is not done. */
function rest(bytes: u32, flags: u64): u64 {
  return <u64>bytes | (flags << 16) | (NOT_DONE << 32)
}

/** Begins a frame for a guest: its copies are counted as one drop if they fail. */
export function openCopies(): void {
  frames++
}

/** Adds a copy to the start of a page that the frontend grants; there is room. @param entry its response */
export function copyToGuest(v: usize, entry: usize, reference: u32, from: usize, bytes: u32): void {
  const at = own(v, rxStatus(entry), frames)
  store<u64>(at, local(from))
  store<u64>(at, granted(v, reference, 0), 8)
  store<u64>(at, rest(bytes, DEST_IS_GRANTED), 16)
}

/** Adds a copy from a slot (NETIF_SLOTS_AT) to staging; there is room. @param packet whose it is (NP_) */
export function copyFromGuest(v: usize, slot: usize, to: usize, packet: usize): void {
  const at = own(v, packet + NP_STATUS, 0)
  store<u64>(at, granted(v, load<u32>(slot), load<u32>(slot, 4)))
  store<u64>(at, local(to), 8)
  store<u64>(at, rest(load<u32>(slot, 8), SOURCE_IS_GRANTED), 16)
}

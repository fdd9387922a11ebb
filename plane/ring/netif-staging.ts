// The staging of a netif transmit ring: packets lie in it in one piece, the oldest at N_HEAD, the next at N_TAIL.
//
//   | free | header, packet | header, packet | free |      or, once around:   | packet | free | packet |
import {
  N_DONE,
  N_HEAD,
  N_STAGE,
  N_STAGE_BYTES,
  N_TAIL,
  NETIF_SIZE,
  V_USED_NEXT,
  XEN_PAGE_BYTES,
} from '../layout'
import { bufferEnd, offered } from './shadow'

/** Packets in staging begin at a multiple of this: a cache line. */
const STAGE_UNIT: u32 = 64

/** Takes back the staging of chains that were completed. */
export function reclaim(v: usize, n: usize): void {
  const used = load<u32>(v, V_USED_NEXT)
  if (used === load<u32>(n, N_DONE)) return
  store<u32>(n, used, N_DONE)
  if (used === offered(v)) {
    store<u32>(n, 0, N_HEAD)
    store<u32>(n, 0, N_TAIL)
    return
  }
  const end = <u32>(bufferEnd(v, (used - 1) & (NETIF_SIZE - 1)) - load<u32>(n, N_STAGE))
  store<u32>(n, (end + STAGE_UNIT - 1) & ~(STAGE_UNIT - 1), N_HEAD)
}

/** Room for a packet and its header in one piece, within a page if it fits into one: its linear offset, or 0. */
export function place(n: usize, bytes: u32): usize {
  const need = (bytes + STAGE_UNIT - 1) & ~(STAGE_UNIT - 1)
  const head = load<u32>(n, N_HEAD)
  const size = load<u32>(n, N_STAGE_BYTES)
  let at = load<u32>(n, N_TAIL)
  const inPage = at & (XEN_PAGE_BYTES - 1)
  if (need <= <u32>XEN_PAGE_BYTES && inPage + need > <u32>XEN_PAGE_BYTES) at += XEN_PAGE_BYTES - inPage
  const end = load<u32>(n, N_TAIL) >= head ? size : head - 1
  if (at + need > end) {
    if (end !== size || need >= head) return 0
    at = 0
  }
  store<u32>(n, at + need, N_TAIL)
  return <usize>load<u32>(n, N_STAGE) + at
}

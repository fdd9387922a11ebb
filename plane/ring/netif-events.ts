// Events of netif rings: whether a frontend wants one, and when the plane does.
import { N_NEXT, N_PUSHED, N_RING, N_SEEN, NETIF_SIZE, V_BATCH } from '../layout'
import { loadRequests, loadResponseEvent, needResponseEvent, storeRequestEvent } from './netif'
import { untaken } from './shadow'

/** Whether the frontend would want an event for so many responses more. */
export function wouldCall(n: usize, responses: u32): boolean {
  const pushed = load<u32>(n, N_PUSHED)
  return needResponseEvent(loadResponseEvent(load<u32>(n, N_RING)), load<u32>(n, N_NEXT) + responses, pushed)
}

/** Whether the frontend was to have an event for responses that it has not taken: it asks for no later one. */
export function isBehind(n: usize): boolean {
  return load<u32>(n, N_PUSHED) - loadResponseEvent(load<u32>(n, N_RING)) < <u32>NETIF_SIZE
}

/** Whether the frontend of a transmit ring has made requests that were not read. */
export function hasRequests(n: usize): boolean {
  return loadRequests(load<u32>(n, N_RING)) !== load<u32>(n, N_NEXT)
}

/** Asks for an event when the frontend makes another request. Returns whether there is something to do already. */
export function armNetif(v: usize, n: usize): boolean {
  const ring: usize = load<u32>(n, N_RING)
  const isReceive = load<u32>(v, V_BATCH) !== 0
  const seen = isReceive ? load<u32>(n, N_SEEN) : load<u32>(n, N_NEXT)
  storeRequestEvent(ring, seen + 1)
  return loadRequests(ring) !== seen || (!isReceive && untaken(v) > 0)
}

// Calls: which frontends are to be called, and which are called once more.
//
// A call can be lost in the guest: a kernel of User-Mode Linux that goes idle in that moment sleeps on until its next
// timer, and by the event index it is owed no second call. Seen with linux.uml 6.1 on the engine's own processor: nine
// of ten frames dropped. So a frontend that has done nothing about a call is called again after PATIENCE_US, and given
// twice as long each time.
import { count } from '../counters'
import {
  C_RENOTIFICATIONS,
  CALLS_AT,
  G_CALLS,
  G_NOW_US,
  GLOBALS_AT,
  MAX_CALLS,
  V_AVAIL,
  V_CALL_COUNTER,
  V_CALLED,
  V_FLAGS,
  V_ID,
  V_PATIENCE,
  V_PORT,
  V_SIZE,
  V_USED_PUBLISHED,
  VRING_EVENT_IDX,
} from '../layout'
import { isBehind, wouldCall } from './netif-events'
import { netifOf } from './shadow'
import { loadUsedEvent, needEvent, wantsCalls } from './split'

const PATIENCE_US: f64 = 400
const LONGEST_PATIENCE_US: f64 = 64000
export const NEVER: f64 = 1e18

/** Whether the frontend wants a call for the used entries from `old` up to `index`. */
export function asksForCall(v: usize, index: u32, old: u32): boolean {
  const netif: usize = netifOf(v)
  if (netif !== 0) return wouldCall(netif, (index - old) & 0xffff)
  const avail: usize = load<u32>(v, V_AVAIL)
  if ((load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) === 0) return wantsCalls(avail)
  return needEvent(loadUsedEvent(avail, load<u32>(v, V_SIZE)), index, old)
}

/** Puts a vring on the call list, and counts the call on its port. */
function listCall(v: usize, counter: u32): void {
  const calls = load<u32>(GLOBALS_AT, G_CALLS)
  if (calls >= <u32>MAX_CALLS) return
  store<u32>(<usize>CALLS_AT + <usize>calls * 4, load<u32>(v, V_ID))
  store<u32>(GLOBALS_AT, calls + 1, G_CALLS)
  store<f64>(v, load<f64>(GLOBALS_AT, G_NOW_US), V_CALLED)
  count(load<u32>(v, V_PORT), counter)
}

/** Has the frontend called, because it asked for it: it is awake, so a second call would come early again. */
export function requestCall(v: usize): void {
  store<f64>(v, PATIENCE_US, V_PATIENCE)
  listCall(v, load<u32>(v, V_CALL_COUNTER))
}

/**
 * Whether a call to the frontend is unanswered: it was called for entries that it has not taken. The event index shows
 * it: used_event lies in the published range. Without the event index, or with calls switched off, nothing can be told.
 */
function isUnanswered(v: usize): boolean {
  if (load<f64>(v, V_CALLED) === 0 || (load<u32>(v, V_FLAGS) & VRING_EVENT_IDX) === 0) return false
  const netif: usize = netifOf(v)
  if (netif !== 0) return isBehind(netif)
  const published = load<u32>(v, V_USED_PUBLISHED)
  return asksForCall(v, published, published - load<u32>(v, V_SIZE))
}

/**
 * Repeats an unanswered call to the frontend of a receive ring, with exponential back-off.
 * @returns microseconds until it may be called again; NEVER (1e18) when no call is unanswered
 */
export function renotify(v: usize): f64 {
  if (!isUnanswered(v)) return NEVER
  const patience = load<f64>(v, V_PATIENCE)
  const left = load<f64>(v, V_CALLED) + patience - load<f64>(GLOBALS_AT, G_NOW_US)
  if (left > 0) return left
  listCall(v, C_RENOTIFICATIONS)
  const next = min(patience * 2, LONGEST_PATIENCE_US)
  store<f64>(v, next, V_PATIENCE)
  return next
}

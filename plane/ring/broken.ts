// What a frontend says of its ring, checked. A ring that breaks the protocol ends its port's service; the engine detaches
// the port after the burst.
import {
  BROKEN_AVAIL_INDEX,
  BROKEN_HEAD,
  BROKEN_NONE,
  G_BROKEN,
  GLOBALS_AT,
  P_BROKEN_REASON,
  P_BROKEN_VRING,
  P_FLAGS,
  PORT_BROKEN,
  V_ID,
  V_PORT,
  V_SIZE,
} from '../layout'
import { headAt, waiting } from './door'

/** Marks the port of a vring as having broken the protocol there. The first reason (BROKEN_*) stays. */
export function breakPort(v: usize, reason: u32): void {
  const port: usize = load<u32>(v, V_PORT)
  if (load<u32>(port, P_BROKEN_REASON) !== BROKEN_NONE) return
  store<u32>(port, reason, P_BROKEN_REASON)
  store<u32>(port, load<u32>(v, V_ID), P_BROKEN_VRING)
  store<u32>(port, load<u32>(port, P_FLAGS) | PORT_BROKEN, P_FLAGS)
  store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_BROKEN) + 1, G_BROKEN)
}

/** Chains that wait, as waiting(); -1: the frontend claims more than the ring holds, and has broken it. */
export function checkedWaiting(v: usize): i32 {
  const chains = waiting(v)
  if (chains < 0) breakPort(v, BROKEN_AVAIL_INDEX)
  return chains
}

/** Head of a waiting chain, as headAt(); -1: it is no descriptor of the ring, which is broken. */
export function checkedHead(v: usize, ahead: u32): i32 {
  const head = headAt(v, ahead)
  if (head < load<u32>(v, V_SIZE)) return <i32>head
  breakPort(v, BROKEN_HEAD)
  return -1
}

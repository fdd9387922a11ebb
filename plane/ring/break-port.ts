// A ring that breaks the protocol ends its port's service; the engine detaches the port after the burst.
import {
  BROKEN_NONE,
  G_BROKEN,
  GLOBALS_AT,
  P_BROKEN_REASON,
  P_BROKEN_VRING,
  P_FLAGS,
  PORT_BROKEN,
  V_ID,
  V_PORT,
} from '../layout'

/** Marks the port of a vring as having broken the protocol there. The first reason (BROKEN_*) stays. */
export function breakPort(v: usize, reason: u32): void {
  const port: usize = load<u32>(v, V_PORT)
  if (load<u32>(port, P_BROKEN_REASON) !== BROKEN_NONE) return
  store<u32>(port, reason, P_BROKEN_REASON)
  store<u32>(port, load<u32>(v, V_ID), P_BROKEN_VRING)
  store<u32>(port, load<u32>(port, P_FLAGS) | PORT_BROKEN, P_FLAGS)
  store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_BROKEN) + 1, G_BROKEN)
}

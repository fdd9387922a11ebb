// Counters of a port: u64 in its row of the port table, read by the control thread.
import { P_COUNTERS, P_DROPS } from './layout'

/** Adds to a counter (C_*). */
export function count(port: usize, counter: u32, by: u64 = 1): void {
  const at = port + P_COUNTERS + ((<usize>counter) << 3)
  store<u64>(at, load<u64>(at) + by)
}

/** Counts a dropped frame with its reason (DROP_*). */
export function drop(port: usize, reason: u32): void {
  const at = port + P_DROPS + ((<usize>reason) << 3)
  store<u64>(at, load<u64>(at) + 1)
}

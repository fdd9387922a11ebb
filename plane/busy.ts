// Which ports with vrings have something to do: found by one call a turn, so that a port at rest costs no poll.
//
//   bit of G_BUSY set     its last poll moved frames or left some in a backlog, or a frame has come into one since: polled
//                         in every turn
//   bit clear, at rest    chains made available are all that can be work: looked for before the engine pauses, and in
//                         between so seldom that it costs little
import { hasBacklog } from './backlog'
import {
  BUSY_AT,
  G_ACTIVE,
  G_BUSY,
  G_LOOKED_US,
  G_NOW_US,
  GLOBALS_AT,
  MAX_PORTS,
  P_POLLED_US,
  P_STARTED_PAIRS,
} from './layout'
import { activeIndex, isBusy, portAt, servesVrings, setBusy, vringAt } from './port'
import { hasChains, isOwing, isReady } from './ring/door'

/**
 * While others are busy, ports at rest are looked at after so long for each port there is. A look costs up to 40 ns a port,
 * whose cache lines are cold: 5 % of the time at most. So long may a first frame wait, 51 us with 64 ports.
 */
const LOOK_US_PER_PORT: f64 = 0.8

/** Whether a transmit ring of a port holds chains. */
function hasWork(port: usize): boolean {
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  for (let pair: u32 = 0; pair < pairs; pair++) {
    const v = vringAt(port, pair * 2 + 1)
    if (isReady(v) && hasChains(v)) return true
  }
  return false
}

/** Says after a poll whether the port is at rest. */
export function noteRest(index: u32, port: usize, moved: u32): void {
  let busy = moved > 0
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  for (let pair: u32 = 0; !busy && pair < pairs; pair++) {
    const v = vringAt(port, pair * 2)
    busy = hasBacklog(v) || isOwing(v)
  }
  setBusy(index, busy)
}

/** Looks for chains of ports at rest: they came after the last look. */
function look(now: f64, ports: u32): void {
  const before = load<f64>(GLOBALS_AT, G_LOOKED_US)
  store<f64>(GLOBALS_AT, now, G_LOOKED_US)
  for (let i: u32 = 0; i < ports; i++) {
    const index = activeIndex(i)
    const port = portAt(index)
    if (isBusy(index) || !hasWork(port)) continue
    setBusy(index, true)
    if (load<f64>(port, P_POLLED_US) < before) store<f64>(port, before, P_POLLED_US)
  }
}

/**
 * Lists the ports whose poll() may find something to do at BUSY_AT. Returns how many.
 * @param isIdle 1: nothing was moved, so that the engine may pause next; 0: ports at rest need not be looked at each time
 */
export function findBusy(isIdle: u32): u32 {
  const now = load<f64>(GLOBALS_AT, G_NOW_US)
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  const isDue = now - load<f64>(GLOBALS_AT, G_LOOKED_US) >= LOOK_US_PER_PORT * <f64>ports
  if (isIdle !== 0 || isDue) look(now, ports)
  let found: u32 = 0
  for (let first: u32 = 0; first < <u32>MAX_PORTS; first += 64) {
    let bits = load<u64>(<usize>GLOBALS_AT + <usize>(first >> 3), G_BUSY)
    for (; bits !== 0; bits &= bits - 1) {
      const index = first + <u32>ctz(bits)
      if (servesVrings(portAt(index))) {
        store<u32>(<usize>BUSY_AT + <usize>found * 4, index)
        found++
      } else setBusy(index, false)
    }
  }
  return found
}

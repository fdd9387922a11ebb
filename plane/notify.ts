// Notifications of a port with vrings: its kicks, wanted while the engine sleeps and not while it polls, and calls that
// were not answered. A ring that a rate limit has shut is not armed: its tokens come without a kick.
import { hasBacklog } from './backlog'
import { isShut } from './bridge/shaper'
import { BUCKET_FROM, BUCKET_TO, G_RENOTIFY_US, GLOBALS_AT, P_STARTED_PAIRS } from './layout'
import { hasVrings, portAt, servesVrings, vringAt } from './port'
import { renotify } from './ring/calls'
import { arm, disarm, isLive, isOwing, isReady, waiting } from './ring/door'

/** Asks a port's guest for kicks. Returns 1 when work has come meanwhile, so that the engine must not sleep. */
export function armPort(index: u32): u32 {
  const port = portAt(index)
  if (!servesVrings(port)) return 0
  let work: u32 = 0
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  const shutFrom = isShut(port, BUCKET_FROM)
  const shutTo = isShut(port, BUCKET_TO)
  for (let queue: u32 = 0; queue < pairs * 2; queue++) {
    const v = vringAt(port, queue)
    const isTransmit = (queue & 1) === 1
    if (isTransmit ? shutFrom : shutTo) continue
    if (isReady(v) && (isTransmit || ((hasBacklog(v) || isOwing(v)) && isLive(v)))) {
      if (arm(v) && (isTransmit || waiting(v) > 0)) work = 1
    }
  }
  return work
}

/**
 * Calls a port's guest once more if it has not answered a call for long. Lowers G_RENOTIFY_US to the microseconds until it
 * may be called again.
 */
export function renotifyPort(index: u32): void {
  const port = portAt(index)
  if (!hasVrings(port)) return
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  for (let pair: u32 = 0; pair < pairs; pair++) {
    const v = vringAt(port, pair * 2)
    if (!isLive(v)) continue
    const left = renotify(v)
    if (left < load<f64>(GLOBALS_AT, G_RENOTIFY_US)) store<f64>(GLOBALS_AT, left, G_RENOTIFY_US)
  }
}

/** Lets a port's guest be silent: the engine polls. */
export function disarmPort(index: u32): void {
  const port = portAt(index)
  if (!hasVrings(port)) return
  const pairs = load<u32>(port, P_STARTED_PAIRS)
  for (let queue: u32 = 0; queue < pairs * 2; queue++) {
    const v = vringAt(port, queue)
    if (isReady(v)) disarm(v)
  }
}

// The exports of the plane: what the engine calls, and in what order.
//
// A turn of the engine serves each port that has something to do with one call here. Within a call nothing waits and
// nothing is seen by a frontend but at its end:
//
//   port with vrings                        host port
//     poll()   backlog, then a burst          ingest(), ingestBurst()   frames that the engine read
//       |      of what its guest transmits      |
//       |                                       releaseFrom()         what a rate limit held back
//       v                                       v
//     frames lie in the receivers' rings, unpublished, or in their byte rings
//       |
//     end of burst: hold.ts decides for each ring touched; ring/publish.ts publishes what was collected.
//       |           poll() and releaseFrom() do it themselves; after ingest() the engine says publish()
//       v
//     call list, for the engine's eventfds    ready(), ringFirst(), ringTake()  records for the engine to write
//
//   send()        a frame that leaves by one port and nowhere else, for tools; then publish()
//   findBusy()    once a turn: the ports with vrings that are worth a poll
//   serveHeld()   once a turn: batches whose time has come, and when the next is due
//   armPort(), disarmPort(), renotifyPort(), armControl()   before sleep, while polling
//   publishPort(), dropBacklog(), moveBacklog(), recheckAddresses(), fdbSweep()   when a port changes or goes
//   fdbFlush()   when an operator asks
//   holdReason(), holdDue()   for models of the engine: what would be decided of an open batch
//
// The plane has no clock: G_NOW_US is set by the engine once per burst. It allocates nothing. A port is given by its
// index in the port table; its row, and those of its vrings, are written by the engine (src/port).
import { dropBacklogs, moveBacklogs } from './backlog'
import { fdbSweep as sweep } from './bridge/fdb'
import { forgetLearned } from './bridge/guard/learned'
import { count } from './counters'
import { holdDue as dueOf, publishHeld, holdReason as reasonOf, serveHeld as serveHeldBatches } from './hold'
import { C_KICKS, G_HELD_US, GLOBALS_AT } from './layout'
import { portAt, vringAt } from './port'
import { openWork } from './work'

export { fdbFlush } from './bridge/fdb'
export { sendProbe } from './bridge/probe'
export { recheckAddresses } from './bridge/recheck'
export { findBusy } from './busy'
export { ringFirst, ringTake } from './byte-ring'
export { armControl, completeControl, takeControl } from './control'
export { endHostBurst as publish, ingest, ingestBurst, ready, releaseFrom, send } from './host'
export { armPort, disarmPort, renotifyPort } from './notify'
export { poll } from './poll'

/** Called once before anything else. */
export function start(): void {
  openWork()
}

/**
 * Publishes held batches whose time has come. G_HELD_US tells in how many microseconds the next is due, 1e18 when none
 * is held.
 */
export function serveHeld(): void {
  store<f64>(GLOBALS_AT, serveHeldBatches(), G_HELD_US)
}

/** Publishes what is held for one port, because its rings, memory or offloads are about to change. */
export function publishPort(index: u32): void {
  publishHeld(portAt(index))
}

/** Why the open batch of a receive ring would end now, its burst being over: REASON_HOLD when it would not. */
export function holdReason(index: u32, ring: u32): u32 {
  return reasonOf(vringAt(portAt(index), ring))
}

/** When it ends if no frame comes, on the plane's clock; 1e18 when it is empty. */
export function holdDue(index: u32, ring: u32): f64 {
  return dueOf(vringAt(portAt(index), ring))
}

export function countKick(index: u32): void {
  count(portAt(index), C_KICKS)
}

/** Empties the byte ring and the backlogs of a port that went away, counting their frames. */
export function dropBacklog(index: u32): void {
  dropBacklogs(portAt(index))
}

/** Hands what waits for the queue pairs from `pairs` on to those before them: they go out of use. */
export function moveBacklog(index: u32, pairs: u32): void {
  moveBacklogs(portAt(index), pairs)
}

/** Forgets what was learned of a port's peer, or of all ports (-1) the addresses that are stale. */
export function fdbSweep(index: i32): void {
  if (index >= 0) forgetLearned(portAt(index))
  sweep(index)
}

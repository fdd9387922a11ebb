import type { GrantCopies } from './grant-copies.js'
import type { LinearMemory } from './linear-memory.js'

/** The exports of plane/plane.ts. Ports are given by their index in the port table. */
export interface Plane {
  start(): void
  /**
   * Lists at BUSY_AT the ports whose poll() may find something to do. Returns how many.
   * @param isIdle 1: nothing was moved, so that the engine may pause next; 0: ports at rest need not be looked at each time
   */
  findBusy(isIdle: 0 | 1): number
  /** Serves one vif: backlog, then a burst from each transmit ring. Returns the frames moved. */
  poll(port: number, burst: number): number
  /**
   * Forwards a frame of a host port: `bytes` at `at`, of which `header` are the virtio-net header. Returns 0 when the
   * burst has cost enough: the rest waits until after publish().
   */
  ingest(port: number, at: number, bytes: number, header: number): number
  /** The same for `count` frames that INGEST_AT lists, the first in any case. Returns how many were forwarded. */
  ingestBurst(port: number, count: number, header: number): number
  /** Has a frame, given as to ingest(), leave by a port and nowhere else. Publication waits for publish(). */
  send(port: number, at: number, bytes: number, header: number): void
  /** Publishes what a burst of ingest() and send() calls wrote. */
  publish(): void
  /** Forwards what a rate limit held back of a host port's frames. Returns the frames forwarded. */
  releaseFrom(port: number): number
  /** Records of a host port's output that may be written now. */
  ready(port: number): number
  /** Publishes held batches that are due. G_HELD_US tells when the next is. */
  serveHeld(): void
  /** Publishes what is held for one vif. */
  publishPort(port: number): void
  /** Why the open batch of a receive ring would end now, its burst being over (REASON_*). For models of the engine. */
  holdReason(port: number, ring: number): number
  /** When it ends if no frame comes, on the plane's clock in microseconds; 1e18 when it is empty. */
  holdDue(port: number, ring: number): number
  armPort(port: number): number
  renotifyPort(port: number): void
  disarmPort(port: number): void
  countKick(port: number): void
  /** The next control chain, packed, or CONTROL_NONE, CONTROL_WAITS, CONTROL_MALFORMED (layout). */
  takeControl(port: number): number
  /** Completes it; `ack` is the linear offset of the answer, one byte, which was written. */
  completeControl(port: number, head: number, ack: number): void
  armControl(port: number): number
  dropBacklog(port: number): void
  /** Hands what waits for the queue pairs from `pairs` on to those before them. */
  moveBacklog(port: number, pairs: number): void
  /** Forgets the addresses of a port; -1: of all ports those that are stale. */
  fdbSweep(port: number): void
  /** Forgets addresses of a port, a VLAN, a MAC (as in a key); -1: of any. Returns how many there were. */
  fdbFlush(port: number, vlan: number, mac: bigint): number
  /** Forgets what was learned from a port and could not be learned by its present settings. */
  recheckAddresses(port: number): void
  /** Sends a probe out of a port in a VLAN; P_LOOPED tells where it comes back. */
  sendProbe(port: number, vlan: number): void
  /** Oldest record of the byte ring at an offset, or 0. */
  ringFirst(ring: number): number
  /** Drops so many of the oldest records. */
  ringTake(ring: number, count: number): void
}

/**
 * Instantiates the plane over a linear memory. Every thread that runs one needs a memory of its own.
 * @param module compiled from plane.wasm; src/engine/plane-module.ts reads it from the disk
 * @param copies where lists of grant copies go; without it none is carried out
 */
export function instantiatePlane(
  memory: LinearMemory,
  module: WebAssembly.Module,
  copies?: GrantCopies,
): Plane {
  const instance = new WebAssembly.Instance(module, {
    env: { memory: memory.memory },
    hypervisor: { copyGrants: (at: number, count: number): void => copies?.copy(at, count) },
  })
  const plane = instance.exports as unknown as Plane
  plane.start()
  return plane
}

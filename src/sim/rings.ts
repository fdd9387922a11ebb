/**
 * The rings between a driver domain and its ports, as the model sees them, in one of two depths: counted (counted-rings.ts),
 * or real ones that the plane itself serves (plane-rings.ts). A port is a VM's or a NIC's; both send into a transmit ring and
 * take from a receive ring.
 *
 *   send() --> transmit ring --> poll() --> receive ring of the frame's port, unpublished --> published --> receive()
 */

import type { HoldLimits } from '../aggregation/hold-limits.js'

/** What one call of the driver domain did. */
export interface Moved {
  /** Frames taken, in their order; `count` of them. */
  readonly frames: Int32Array
  count: number
  /** Frames moved, those out of backlogs included; 0: the poll found nothing to do. */
  work: number
  /** Publications to VMs, and calls that they took. */
  publications: number
  calls: number
  /** Given by the caller: the poll goes on with one that was counted before. */
  continues: boolean
}

/** Something has happened to a port. */
export type OnPort = (port: number, nowNs: number) => void

export interface Rings {
  /** Puts a frame into the transmit ring of a port, which has room for it. */
  send(port: number, frame: number): void
  /** Frames that the transmit ring of a port has room for. */
  room(port: number): number
  /** Whether a poll of the port would find something. */
  hasWork(port: number): boolean
  /** A burst of one port, as the plane's poll(). @param nowUs on the clock of the engine */
  poll(port: number, burst: number, nowUs: number, moved: Moved): void
  /** A poll that found nothing. */
  pollEmpty(port: number, nowUs: number): void
  /** Publishes held batches whose time has come. */
  serveHeld(nowUs: number, moved: Moved): void
  /** In how many microseconds the next held batch is due; infinite: none is held. */
  heldDueUs(nowUs: number): number
  /** The driver domain has woken up. */
  woke(nowUs: number): void
  /** What was published so far may be taken from now on. Calls `onCall` for each port that is to be called. */
  show(onCall: OnPort, onShown: OnPort, nowNs: number): void
  /** Takes a frame from the receive ring of a port; -1: none is there. */
  receive(port: number): number
  /** Frames that receive() would give. */
  visible(port: number): number
  /** The port wants a call at the next publication. */
  arm(port: number): void
  /** Calls for what is published at the end of the unit at hand, to ports that asked for them within it; so far. */
  readonly lateCalls: number
  /** Frames that found no room, so far. */
  drops(port: number): number
}

/** Rings of either depth, before they are used. */
export interface DepthOfRings extends Rings {
  /** A port, in rising order of numbers; some may be left out. @param size frames of each of its rings */
  add(port: number, size: number, isVm: boolean): void
  /** All ports are there. */
  start(): void
  setLimits(port: number, limits: HoldLimits): void
}

import { RING_BYTES, recordAfter, recordCount } from '../core/byte-ring.js'
import {
  P_FDB_COUNT,
  PORT_METERED,
  TAKE_CSUM,
  TAKE_ECN,
  TAKE_TSO4,
  TAKE_TSO6,
  TAKE_USO4,
  TAKE_USO6,
} from '../core/layout.js'
import type { PortRow } from '../core/port-row.js'
import type { PortHost } from './port.js'

/** Offloads that every kernel with a virtio-net header on its descriptors handles. */
export const TAKE_TCP = TAKE_CSUM | TAKE_TSO4 | TAKE_TSO6 | TAKE_ECN

const NAMES: readonly (readonly [string, number])[] = [
  ['CSUM', TAKE_CSUM],
  ['TSO4', TAKE_TSO4],
  ['TSO6', TAKE_TSO6],
  ['ECN', TAKE_ECN],
  ['USO4', TAKE_USO4],
  ['USO6', TAKE_USO6],
]

/**
 * Bytes that a port reads in one turn at most: a quarter of a byte ring, so that a burst of large frames does
 * not overrun a receiver that writes as fast as the port reads.
 */
export const MAX_READ_BYTES = RING_BYTES / 4

/** The names of offloads (TAKE_*), as a port's status shows them. */
export function offloadNames(takes: number): string[] {
  return NAMES.filter(([, mask]) => (takes & mask) !== 0).map(([name]) => name)
}

/** Forgets what is queued for, and was learned from, a port whose other side has gone. */
export function forgetPeer(host: PortHost, row: PortRow): void {
  host.plane.dropBacklog(row.index)
  host.plane.fdbSweep(row.index)
  row.set(P_FDB_COUNT, 0)
}

/**
 * The byte ring of a host port as its writer sees it: what the plane has queued, oldest first. Records can be
 * read ahead of being taken, so that one call writes several.
 */
export class HostOutput {
  readonly #host: PortHost
  readonly #row: PortRow

  constructor(host: PortHost, row: PortRow) {
    this.#host = host
    this.#row = row
  }

  /** Frames that may be written now: all that are queued, but for those that a rate limit holds back. */
  get count(): number {
    const queued = recordCount(this.#host.memory, this.#row.ring)
    return queued > 0 && this.#row.has(PORT_METERED) ? this.#host.plane.ready(this.#row.index) : queued
  }

  /** Linear offset of the oldest record, or 0. */
  first(): number {
    return this.#host.plane.ringFirst(this.#row.ring)
  }

  /** Linear offset of the record after one; only while `count` says that there is one more. */
  next(record: number): number {
    return recordAfter(this.#host.memory, this.#row.ring, record)
  }

  /** Takes the oldest records away. */
  pop(count: number): void {
    this.#host.plane.ringTake(this.#row.ring, count)
  }
}

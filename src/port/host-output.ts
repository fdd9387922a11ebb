import {
  P_COUNTERS,
  P_DROPS,
  P_FDB_COUNT,
  P_FLAGS,
  PORT_METERED,
  R_BASE,
  R_BYTES,
  R_COUNT,
  TAKE_CSUM,
  TAKE_ECN,
  TAKE_TSO4,
  TAKE_TSO6,
  TAKE_USO4,
  TAKE_USO6,
} from '../core/layout.js'
import type { PortHost } from './port.js'
import { type PortRow, RING_BYTES } from './row.js'

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

/** Counts drops (DROP_*) of a port that happen outside the plane. */
export function countDrops(row: PortRow, reason: number, count: number): void {
  if (count === 0) return
  const at = (row.at + P_DROPS) / 8 + reason
  row.memory.u64[at] = (row.memory.u64[at] as bigint) + BigInt(count)
}

/** Counts an event (C_*) of a port that happens outside the plane. */
export function count(row: PortRow, counter: number): void {
  const at = (row.at + P_COUNTERS) / 8 + counter
  row.memory.u64[at] = (row.memory.u64[at] as bigint) + 1n
}

/** Forgets what is queued for, and was learned from, a port whose other side has gone. */
export function forgetPeer(host: PortHost, row: PortRow): void {
  host.plane.dropBacklog(row.index)
  host.plane.fdbSweep(row.index)
  row.set(P_FDB_COUNT, 0)
}

/**
 * The byte ring of a host port as its writer sees it: what the plane has queued, oldest first. Records can be
 * looked at ahead of being taken, so that one call writes several.
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
    const queued = this.#host.memory.u32[(this.#row.ring + R_COUNT) >>> 2] as number
    return queued > 0 && (this.#row.get(P_FLAGS) & PORT_METERED) !== 0
      ? this.#host.plane.ready(this.#row.index)
      : queued
  }

  /** Linear offset of the oldest record, or 0. */
  first(): number {
    return this.#host.plane.ringFirst(this.#row.ring)
  }

  /** Linear offset of the record after one; only while `count` says that there is one more. */
  next(record: number): number {
    const { u32 } = this.#host.memory
    const base = u32[(this.#row.ring + R_BASE) >>> 2] as number
    const end = base + (u32[(this.#row.ring + R_BYTES) >>> 2] as number)
    const after = record + (u32[record >>> 2] as number)
    return after === end || u32[after >>> 2] === 0 ? base : after
  }

  /** Takes the oldest records away. */
  pop(count: number): void {
    const { plane } = this.#host
    for (let taken = 0; taken < count; taken++) {
      plane.ringFirst(this.#row.ring)
      plane.ringPop(this.#row.ring)
    }
  }
}

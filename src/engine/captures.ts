import { allocateCaptureRing, endCaptureRing } from '../core/capture-ring.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { RingferryError } from '../errors/errors.js'
import { nowUs, wallUs } from '../sys/clock.js'
import type { PortTable } from './port-table.js'

/** Ports that are captured at a time, each with a ring in the linear memory. */
export const MAX_CAPTURED_PORTS = 16

/** The capture rings of one engine. A ring outlives its port: whoever reads it closes it. */
export class Captures {
  readonly #memory: LinearMemory
  readonly #table: PortTable
  /** The row that each ring belongs to; -1: its port has gone. */
  readonly #rows = new Map<number, number>()

  constructor(memory: LinearMemory, table: PortTable) {
    this.#memory = memory
    this.#table = table
  }

  /**
   * Has what crosses a port copied into a ring from now on. Throws NOT_FOUND, BUSY or UNSUPPORTED.
   * @param snapBytes most bytes kept of a frame
   * @returns the linear offset of the ring, which whoever opened it closes
   */
  open(name: string, snapBytes: number): number {
    const row = this.#table.row(this.#table.get(name).index)
    if (row.capture !== 0) throw new RingferryError('BUSY', `port ${name}: it is captured already`)
    if (this.#rows.size >= MAX_CAPTURED_PORTS)
      throw new RingferryError(
        'BUSY',
        `port ${name}: ${MAX_CAPTURED_PORTS} ports are captured already; end another capture first`,
      )
    const ring = allocateCaptureRing(this.#memory, snapBytes, wallUs() - nowUs())
    if (ring === 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `port ${name}: the linear memory has no room for a capture; remove a port or give it more memory`,
      )
    this.#rows.set(ring, row.index)
    row.capture = ring
    return ring
  }

  /** Ends a capture and gives its ring back. */
  close(ring: number): void {
    const row = this.#rows.get(ring)
    if (row === undefined) return
    if (row >= 0) this.#table.row(row).capture = 0
    this.#rows.delete(ring)
    this.#memory.free(ring)
  }

  /** The port in a row goes: its reader is told. */
  forget(row: number): void {
    for (const [ring, of] of this.#rows) {
      if (of !== row) continue
      this.#table.row(row).capture = 0
      this.#rows.set(ring, -1)
      endCaptureRing(this.#memory, ring)
    }
  }
}

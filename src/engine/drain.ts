/**
 * A drained engine takes no new frame: what guests transmit stays in their rings, for whoever serves them next, and host
 * ports are not read. What it has taken goes on its way: held batches are published at once, backlogs move as guests post
 * buffers. Requests are served, so that guests may come and go.
 */
import { BURST } from '../aggregation/policy.js'
import type { Plane } from '../core/plane.js'
import type { Calls } from './calls.js'
import type { Containment, Work } from './containment.js'
import type { Descriptors } from './descriptors.js'
import type { PortTable } from './port-table.js'
import type { WokenPorts } from './woken-ports.js'

/** Between two looks at what guests have taken: nobody is asked for kicks, because their frames are not wanted. */
const PAUSE_MS = 1

export interface DrainParts {
  readonly plane: Plane
  readonly containment: Containment
  readonly table: PortTable
  readonly calls: Calls
  readonly woken: WokenPorts
  readonly descriptors: Descriptors
}

export class Drain {
  readonly #parts: DrainParts
  readonly #publish: Work
  readonly #never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

  constructor(parts: DrainParts) {
    this.#parts = parts
    this.#publish = (port) => {
      parts.plane.publishPort(port.index)
      return 0
    }
  }

  get isOn(): boolean {
    return this.#parts.containment.burst === 0
  }

  /** Takes no frame from now on, and publishes what is held. May be called again. */
  begin(): void {
    this.#parts.containment.burst = 0
    this.#publishHeld()
  }

  /** Takes frames again; whoever has some was not heard meanwhile. */
  end(): void {
    const { containment, table, woken } = this.#parts
    containment.burst = BURST
    for (const { index } of table.active) woken.wake(index)
  }

  /** In place of a sleep. */
  pause(): void {
    this.#publishHeld()
    Atomics.wait(this.#never, 0, 0, PAUSE_MS)
    this.#parts.descriptors.poll(0)
  }

  #publishHeld(): void {
    const { table, containment, calls } = this.#parts
    for (const port of table.vifs) containment.run(port, this.#publish, 0)
    calls.send()
  }
}

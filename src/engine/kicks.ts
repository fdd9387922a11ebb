import { Globals } from '../core/globals.js'
import { G_RENOTIFY_US } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import type { Calls } from './calls.js'
import type { Containment, Work } from './containment.js'
import type { PortTable } from './port-table.js'

/** What is asked of all guests before and after a sleep: kicks, and an answer to calls that nothing came of. */
export class Kicks {
  readonly #globals: Globals
  readonly #containment: Containment
  readonly #table: PortTable
  readonly #calls: Calls
  readonly #arm: Work
  readonly #disarm: Work
  readonly #renotify: Work

  constructor(memory: LinearMemory, plane: Plane, containment: Containment, table: PortTable, calls: Calls) {
    this.#globals = new Globals(memory)
    this.#containment = containment
    this.#table = table
    this.#calls = calls
    this.#arm = (port) => plane.armPort(port.index)
    this.#disarm = (port) => {
      plane.disarmPort(port.index)
      return 0
    }
    this.#renotify = (port) => {
      plane.renotifyPort(port.index)
      return 0
    }
  }

  #all(work: Work): number {
    const ports = this.#table.active
    let found = 0
    for (let index = 0; index < ports.length; index++)
      if (this.#containment.run(ports[index]!, work, 0) !== 0) found++
    return found
  }

  /** Asks every guest for kicks. Returns whether work has come meanwhile. */
  arm(): boolean {
    return this.#all(this.#arm) > 0
  }

  disarm(): void {
    this.#all(this.#disarm)
  }

  /** Calls guests again that have not answered a call for long. Returns in how many microseconds to do it again. */
  renotify(): number {
    this.#globals.setF64(G_RENOTIFY_US, Number.POSITIVE_INFINITY)
    this.#all(this.#renotify)
    this.#calls.send()
    return this.#globals.getF64(G_RENOTIFY_US)
  }
}

/**
 * The boundary around what is done on behalf of one port: reading its requests, serving its rings, its ticks and retries,
 * mapping its memory. What fails there, be it a system call or a trap of the plane, detaches that port alone. What fails
 * outside cannot be laid at a port's door and ends the engine.
 */
import { BURST } from '../aggregation/policy.js'
import { Globals, portIndex } from '../core/globals.js'
import { G_PUBLISHING, MAX_PORTS } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import { RingferryError } from '../errors/errors.js'
import type { Port, RingPort } from '../port/port.js'

/** Something done on behalf of a port; the argument's meaning is its own. Made once, so that a call makes no closure. */
export type Work<P extends Port = Port> = (port: P, argument: number) => number

/** Why something failed, in a line. A trap of the plane and a fault of the program keep their class's name. */
function reasonOf(error: unknown): string {
  if (error instanceof RingferryError) return error.message
  const isSystem = error instanceof Error && 'syscall' in error
  if (isSystem) return error.message
  return `internal error: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
}

export class Containment {
  readonly #globals: Globals
  readonly #plane: Plane
  readonly #portAt: (row: number) => Port | undefined
  #serving: Port | undefined
  /** Most chains taken from a ring in one turn: BURST, or 0 while the engine is drained. */
  burst = BURST

  /** @param portAt the port of a row of the port table */
  constructor(memory: LinearMemory, plane: Plane, portAt: (row: number) => Port | undefined) {
    this.#globals = new Globals(memory)
    this.#plane = plane
    this.#portAt = portAt
  }

  /** The port on whose behalf something is being done. */
  get serving(): Port | undefined {
    return this.#serving
  }

  /** Does something on behalf of a port. Returns what it returns; 0 when it failed. */
  run<P extends Port>(port: P, work: Work<P>, argument: number): number {
    this.#serving = port
    try {
      return work(port, argument)
    } catch (error) {
      this.#contain(port, error)
      return 0
    } finally {
      this.#serving = undefined
    }
  }

  /** The same for one burst of a vif, without a call through a function value: it is polled some hundred thousand times a second. */
  poll(port: RingPort): number {
    this.#serving = port
    try {
      return this.#plane.poll(port.index, this.burst)
    } catch (error) {
      this.#contain(port, error)
      return 0
    } finally {
      this.#serving = undefined
    }
  }

  /** Opens a port. Its failure is the caller's: the port is nobody's yet. */
  open(port: Port): void {
    this.#serving = port
    try {
      port.open()
    } finally {
      this.#serving = undefined
    }
  }

  /** Publishes the held batches that are due; a trap is laid to the port whose ring was being published. */
  publishHeld(): void {
    try {
      this.#plane.serveHeld()
    } catch (error) {
      const port = this.#publishing()
      if (!port) throw error
      this.#contain(port, error)
    }
  }

  /** The port whose ring the plane was publishing when it trapped; asked once. */
  #publishing(): Port | undefined {
    const at = this.#globals.get(G_PUBLISHING)
    this.#globals.set(G_PUBLISHING, 0)
    return at === 0 ? undefined : this.#portAt(portIndex(at))
  }

  /** Detaches the port that something failed for, and publishes what the burst had written for others by then. */
  #contain(port: Port, error: unknown): void {
    let culprit = this.#publishing() ?? port
    let reason = reasonOf(error)
    // Each round takes one port's rings out of the lists.
    for (let rounds = 0; rounds < MAX_PORTS; rounds++) {
      culprit.fail(reason)
      try {
        this.#plane.publish()
        return
      } catch (next) {
        const other = this.#publishing()
        if (!other) throw next
        culprit = other
        reason = reasonOf(next)
      }
    }
    throw error
  }
}

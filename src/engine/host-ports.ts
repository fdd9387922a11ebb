import { BURST } from '../aggregation/policy.js'
import type { Plane } from '../core/plane.js'
import type { HostPort } from '../port/port.js'
import type { Calls } from './calls.js'
import type { Containment, Work } from './containment.js'
import type { PortTable } from './port-table.js'
import type { WokenPorts } from './woken-ports.js'

const TRANSMIT: Work<HostPort> = (port) => port.transmit()

/** Moves the frames of the ports that read and write descriptors themselves. */
export class HostPorts {
  readonly #plane: Plane
  readonly #containment: Containment
  readonly #table: PortTable
  readonly #woken: WokenPorts
  readonly #calls: Calls
  readonly #receive: Work

  constructor(plane: Plane, containment: Containment, table: PortTable, woken: WokenPorts, calls: Calls) {
    this.#plane = plane
    this.#containment = containment
    this.#table = table
    this.#woken = woken
    this.#calls = calls
    this.#receive = (port) => {
      if (port.hasRings) {
        port.checkCommands()
        return 0
      }
      if (containment.burst === 0) return 0
      const count = port.receive(BURST)
      if (count > 0) plane.publish()
      return count
    }
  }

  /** Reads the ports that were woken, control queues of vifs among them; a port with more to read stays woken. */
  receiveWoken(): number {
    const ports = this.#table.active
    let moved = 0
    this.#woken.begin()
    for (let at = 0; at < ports.length; at++) {
      const port = ports[at]!
      if (!this.#woken.take(port.index)) continue
      const count = this.#containment.run(port, this.#receive, 0)
      if (count >= BURST) this.#woken.wake(port.index)
      if (count === 0) continue
      moved += count
      this.#calls.send()
    }
    this.#calls.send()
    return moved
  }

  /** Writes what is queued for host ports: after every burst, because one burst may fill a quarter of a ring. */
  transmit(): number {
    const ports = this.#table.hostPorts
    let moved = 0
    for (let at = 0; at < ports.length; at++) {
      const port = ports[at]!
      if (port.hasOutput()) moved += this.#containment.run(port, TRANSMIT, 0)
    }
    return moved
  }

  /** Forwards what rate limits have held back of the frames that host ports read. */
  release(): number {
    const ports = this.#table.limited
    let moved = 0
    for (let at = 0; at < ports.length; at++) moved += this.#plane.releaseFrom(ports[at]!.index)
    if (moved > 0) this.#calls.send()
    return moved
  }
}

import {
  ACTIVE_AT,
  G_ACTIVE,
  GLOBALS_AT,
  MAX_PORTS,
  P_FROM_RING,
  PORT_BYTES,
  PORTS_AT,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { RingferryError } from '../errors/errors.js'
import type { HostPort, Port, RingPort } from '../port/port.js'

/**
 * The ports of one engine. Outside of it a port is known by its name; its row, a place in the plane's port table, is known
 * here and to what works for the engine.
 */
export class PortTable {
  readonly #memory: LinearMemory
  readonly #rows: (Port | undefined)[] = new Array(MAX_PORTS).fill(undefined)
  #active: readonly Port[] = []
  #hostPorts: readonly HostPort[] = []
  #limited: readonly HostPort[] = []
  #vifs: readonly RingPort[] = []

  constructor(memory: LinearMemory) {
    this.#memory = memory
  }

  /** The port in a row. */
  at(row: number): Port | undefined {
    return this.#rows[row]
  }

  /** The port of a name. Throws NOT_FOUND. */
  get(name: string): Port {
    const port = this.#active.find((candidate) => candidate.name === name)
    if (!port) throw new RingferryError('NOT_FOUND', `port ${name}: there is no such port`)
    return port
  }

  /** A row for a new port. Throws USAGE for a name that is taken, UNSUPPORTED when all rows are. */
  freeRow(name: string): number {
    if (this.#active.some((port) => port.name === name))
      throw new RingferryError('USAGE', `port ${name}: the name is taken; choose another`)
    const row = this.#rows.indexOf(undefined)
    if (row < 0)
      throw new RingferryError('UNSUPPORTED', `port ${name}: a switch has at most ${MAX_PORTS} ports`)
    return row
  }

  insert(port: Port): void {
    this.#rows[port.index] = port
    this.#setActive([...this.#active, port])
  }

  take(port: Port): void {
    this.#setActive(this.#active.filter((candidate) => candidate !== port))
    this.#rows[port.index] = undefined
  }

  /** All ports, in turn order. */
  get active(): readonly Port[] {
    return this.#active
  }

  /** Those that move frames themselves. */
  get hostPorts(): readonly HostPort[] {
    return this.#hostPorts
  }

  /** Host ports whose frames may wait for a rate limit. */
  get limited(): readonly HostPort[] {
    return this.#limited
  }

  /** Those that the plane serves. */
  get vifs(): readonly RingPort[] {
    return this.#vifs
  }

  #setActive(ports: readonly Port[]): void {
    const { u32 } = this.#memory
    this.#active = ports
    this.#hostPorts = ports.filter((port) => !port.hasRings)
    this.#limited = this.#hostPorts.filter(
      ({ index }) => u32[(PORTS_AT + index * PORT_BYTES + P_FROM_RING) >>> 2] !== 0,
    )
    this.#vifs = ports.filter((port) => port.hasRings)
    for (const [at, port] of ports.entries()) u32[(ACTIVE_AT >>> 2) + at] = port.index
    u32[(GLOBALS_AT + G_ACTIVE) >>> 2] = ports.length
  }
}

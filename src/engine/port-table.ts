import { Globals } from '../core/globals.js'
import { ACTIVE_AT, G_ACTIVE, MAX_PORTS, P_FROM_RING } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { PortRow } from '../core/port-row.js'
import { RingferryError } from '../errors/errors.js'
import type { HostPort, Port, RingPort } from '../port/port.js'
import { pointMirrors } from './mirrors.js'

/**
 * The ports of one engine. Outside of it a port is known by its name; its row, a place in the plane's port table, is known
 * here and to what works for the engine.
 */
export class PortTable {
  readonly #globals: Globals
  readonly #rows: readonly PortRow[]
  readonly #ports: (Port | undefined)[] = new Array(MAX_PORTS).fill(undefined)
  #active: readonly Port[] = []
  #hostPorts: readonly HostPort[] = []
  #limited: readonly HostPort[] = []
  #vifs: readonly RingPort[] = []

  constructor(memory: LinearMemory) {
    this.#globals = new Globals(memory)
    this.#rows = Array.from({ length: MAX_PORTS }, (_, index) => new PortRow(memory, index))
  }

  /** A row of the plane's port table. */
  row(index: number): PortRow {
    return this.#rows[index] as PortRow
  }

  /** The port in a row. */
  at(row: number): Port | undefined {
    return this.#ports[row]
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
    const row = this.#ports.indexOf(undefined)
    if (row < 0)
      throw new RingferryError('UNSUPPORTED', `port ${name}: a switch has at most ${MAX_PORTS} ports`)
    return row
  }

  insert(port: Port): void {
    this.#ports[port.index] = port
    this.#setActive([...this.#active, port])
  }

  take(port: Port): void {
    this.#setActive(this.#active.filter((candidate) => candidate !== port))
    this.#ports[port.index] = undefined
  }

  /** The settings of a port have changed. */
  refresh(): void {
    this.#setActive(this.#active)
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
    this.#active = ports
    this.#hostPorts = ports.filter((port) => !port.hasRings)
    this.#limited = this.#hostPorts.filter(({ index }) => this.row(index).get(P_FROM_RING) !== 0)
    this.#vifs = ports.filter((port) => port.hasRings)
    for (const [at, port] of ports.entries()) this.#globals.setEntry(ACTIVE_AT, at, port.index)
    this.#globals.set(G_ACTIVE, ports.length)
    pointMirrors(ports, (index) => this.row(index))
  }
}

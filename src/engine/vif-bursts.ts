import { DeficitRoundRobin } from '../aggregation/drr.js'
import type { TuningSettings } from '../control/tuning-settings.js'
import type { Globals } from '../core/globals.js'
import { BUSY_AT, G_HELD, MAX_PORTS, P_SERVICE_US } from '../core/layout.js'
import type { Plane } from '../core/plane.js'
import type { Calls } from './calls.js'
import type { Containment } from './containment.js'
import type { EngineClock } from './engine-clock.js'
import type { EngineTime } from './engine-time.js'
import type { HostPorts } from './host-ports.js'
import type { PortTable } from './port-table.js'

/** Engine time that a vif of weight 1 may use before the next one's turn: some bursts of small frames. */
const QUANTUM_US = 20
/** A burst that took longer, because the host took the core away, is not held against the guest. */
const MAX_DEBT_US = 5_000

/** What a burst needs of the engine. */
export interface BurstParts {
  readonly globals: Globals
  readonly plane: Plane
  readonly settings: TuningSettings
  readonly containment: Containment
  readonly table: PortTable
  readonly calls: Calls
  readonly hostPorts: HostPorts
  readonly clock: EngineClock
  readonly time: EngineTime
}

/** Serves the vifs, burst by burst, and publishes what is held for them. */
export class VifBursts {
  readonly #parts: BurstParts
  readonly #inOrder: boolean
  #order = new DeficitRoundRobin(0, QUANTUM_US, MAX_DEBT_US)
  /** Places of the vifs in the order, by the rows of their ports. */
  readonly #places = new Uint8Array(MAX_PORTS)

  /** @param isScheduled whether who has used less of the engine's time comes first; false: in turn */
  constructor(parts: BurstParts, isScheduled: boolean) {
    this.#parts = parts
    this.#inOrder = isScheduled
  }

  /** Begins anew, after ports or weights have changed: deficits are forgotten. */
  reorder(): void {
    const { settings, table } = this.#parts
    this.#order = new DeficitRoundRobin(table.vifs.length, QUANTUM_US, MAX_DEBT_US)
    for (const [at, port] of table.vifs.entries()) {
      this.#order.weights[at] = settings.target(port.index).weight
      this.#places[port.index] = at
    }
  }

  /**
   * As many bursts as there are vifs with something to do. Whose burst is next is decided by the engine's time that each
   * has used (deficit round robin), so a guest that floods, or whose frames are expensive, pays for them itself. Returns
   * the frames moved.
   * @param isIdle whether nothing was moved before: then ports at rest are looked at in any case
   */
  serve(isIdle: boolean): number {
    const { containment, calls, hostPorts, globals } = this.#parts
    const order = this.#order
    const vifs = this.#parts.table.vifs
    const busy = this.#findBusy(isIdle)
    let moved = 0
    for (let i = 0; i < busy; i++) order.activate(this.#places[globals.entry(BUSY_AT, i)]!)
    for (let bursts = 0; bursts < busy; bursts++) {
      const at = this.#inOrder ? order.next() : this.#places[globals.entry(BUSY_AT, bursts)]!
      if (at < 0) break
      const port = vifs[at]!
      const count = containment.poll(port)
      if (count === 0) {
        order.deactivate(at)
        continue
      }
      moved += count
      calls.send()
      hostPorts.transmit()
      this.#charge(at, port.index)
    }
    return moved
  }

  /** Lists the vifs with something to do at BUSY_AT. Returns how many. */
  #findBusy(isIdle: boolean): number {
    try {
      return this.#parts.plane.findBusy(isIdle ? 1 : 0)
    } catch {
      return this.#listAll()
    }
  }

  /** A ring cannot be read: its own poll will trap, too, and that is laid to its port. */
  #listAll(): number {
    const { globals, table } = this.#parts
    for (const [i, port] of table.vifs.entries()) globals.setEntry(BUSY_AT, i, port.index)
    return table.vifs.length
  }

  /** Charges a vif with the time since the clock was last read. */
  #charge(at: number, index: number): void {
    const { table, clock, time } = this.#parts
    const from = clock.now
    clock.read()
    const us = clock.now - from
    this.#order.charge(at, us)
    const row = table.row(index)
    row.setF64(P_SERVICE_US, row.getF64(P_SERVICE_US) + us)
    time.addWork(us)
  }

  /** Publishes the held batches that are due; that is work of the engine, too. */
  publishHeld(): void {
    const { globals, containment, calls, clock, time } = this.#parts
    const isWork = globals.get(G_HELD) > 0
    containment.publishHeld()
    calls.send()
    if (!isWork) return
    const from = clock.now
    clock.read()
    time.addWork(clock.now - from)
  }
}

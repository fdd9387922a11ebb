import { DeficitRoundRobin } from '../aggregation/drr.js'
import type { TuningSettings } from '../control/tuning-settings.js'
import type { Globals } from '../core/globals.js'
import { G_HELD, P_SERVICE_US } from '../core/layout.js'
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

  /** @param isScheduled whether who has used less of the engine's time comes first; false: in turn */
  constructor(parts: BurstParts, isScheduled: boolean) {
    this.#parts = parts
    this.#inOrder = isScheduled
  }

  /** Begins anew, after ports or weights have changed: deficits are forgotten. */
  reorder(): void {
    const { settings, table } = this.#parts
    this.#order = new DeficitRoundRobin(table.vifs.length, QUANTUM_US, MAX_DEBT_US)
    for (const [at, port] of table.vifs.entries())
      this.#order.weights[at] = settings.target(port.index).weight
  }

  /**
   * As many bursts as there are vifs. Whose burst is next is decided by the engine's time that each has used (deficit
   * round robin), so a guest that floods, or whose frames are expensive, pays for them itself. Returns the frames moved.
   */
  serve(): number {
    const { containment, calls, hostPorts } = this.#parts
    const order = this.#order
    const vifs = this.#parts.table.vifs
    let moved = 0
    for (let at = 0; at < vifs.length; at++) order.activate(at)
    for (let bursts = 0; bursts < vifs.length; bursts++) {
      const at = this.#inOrder ? order.next() : bursts
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

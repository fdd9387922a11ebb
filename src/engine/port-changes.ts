/**
 * Changes of the ports, made between two bursts. A list of them is carried out whole or not at all:
 *
 *   check: names, claims, rows, settings -> take what the settings need -> add what is independent of removals
 *   -> remove what stands in the way and add the rest -> write the settings -> remove the others
 *
 * Up to the third step all can be undone without a trace. Where a port must go before another can come (the same name,
 * socket or device) and the other fails, the first is opened again; its peer has to attach anew.
 */
import type { RequestScheduler } from '../control/request-scheduler.js'
import type { TuningSettings, VifSettings } from '../control/tuning-settings.js'
import { MAX_PORTS } from '../core/layout.js'
import type { Plane } from '../core/plane.js'
import { RingferryError } from '../errors/errors.js'
import type { PortChange, PreparedChange } from '../port/change.js'
import type { PortConfig } from '../port/config.js'
import { createPort, type PortMaker } from '../port/create.js'
import type { Port, PortHost } from '../port/port.js'
import type { BridgeEvents } from './bridge-events.js'
import type { Calls } from './calls.js'
import type { Captures } from './captures.js'
import type { Containment, Work } from './containment.js'
import type { Decisions } from './decisions.js'
import { doAll } from './do-all.js'
import type { LoopGuard } from './loop-guard.js'
import type { PortTable } from './port-table.js'
import type { Reports } from './reports.js'
import { sortChanges } from './sorted-changes.js'
import { readTarget } from './vif-target.js'

/** Who keeps something of ports, by row or by port. */
export interface ChangedParts {
  readonly plane: Plane
  readonly containment: Containment
  readonly table: PortTable
  readonly settings: TuningSettings
  readonly calls: Calls
  readonly captures: Captures
  readonly requests: RequestScheduler
  readonly reports: Reports
  readonly decisions: Decisions
  readonly bridgeEvents: BridgeEvents
  readonly loopGuard: LoopGuard | undefined
}

/** A port with the change that it is ready for, and what that does to its target and weight. */
interface Ready {
  readonly port: Port
  readonly change: PreparedChange
  readonly target: Partial<VifSettings>
}

const commit =
  (change: PreparedChange): Work =>
  () => {
    change.commit()
    return 0
  }

export class PortChanges {
  readonly #host: PortHost
  readonly #parts: ChangedParts

  constructor(host: PortHost, parts: ChangedParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Adds a port. Throws a RingferryError, leaving nothing behind, when it cannot be opened. */
  add(config: PortConfig, make: PortMaker = createPort): Port {
    const { table, calls, containment, settings } = this.#parts
    const row = table.freeRow(config.name)
    const target = readTarget(config)
    const port = make(this.#host, row, config)
    calls.trust(row)
    containment.open(port)
    settings.setTarget(row, target)
    table.insert(port)
    this.#parts.decisions.portsChanged()
    return port
  }

  /** Removes a port. Throws NOT_FOUND. */
  remove(name: string): void {
    const { plane, table, settings, bridgeEvents, loopGuard, requests, reports, decisions } = this.#parts
    const port = table.get(name)
    plane.publish()
    table.take(port)
    this.#parts.captures.forget(port.index)
    plane.fdbSweep(port.index)
    settings.forget(port.index)
    bridgeEvents.forget(port.index)
    loopGuard?.forget(port.index)
    try {
      port.close()
    } finally {
      requests.forget(port.index)
      reports.forget(port)
      decisions.portsChanged()
    }
  }

  /** Carries out a list of changes. Throws a RingferryError, as if nothing had been asked, when one of them cannot be. */
  apply(changes: readonly PortChange[]): void {
    const { table } = this.#parts
    const present = table.active.map(({ config }) => config)
    const { sets, free, blocking, bound, others } = sortChanges(changes, present, MAX_PORTS)
    const undo: (() => void)[] = []
    const add = (config: PortConfig): void => {
      this.add(config)
      undo.push(() => this.remove(config.name))
    }
    const ready: Ready[] = []
    const reopened: string[] = []
    try {
      for (const config of sets) {
        const each = this.#prepare(config)
        ready.push(each)
        undo.push(() => each.change.cancel())
      }
      for (const config of free) add(config)
      for (const config of blocking) {
        this.remove(config.name)
        undo.push(() => reopened.push(this.#reopen(config)))
      }
      for (const config of bound) add(config)
    } catch (error) {
      doAll(undo.reverse())
      if (!(error instanceof RingferryError) || reopened.length === 0) throw error
      throw new RingferryError(error.code, [error.message, ...reopened].join('; '), { cause: error })
    }
    this.#commit(ready)
    doAll(others.map(({ name }) => this.remove.bind(this, name)))
  }

  #prepare(config: PortConfig): Ready {
    const { targetUs, weight } = readTarget(config)
    const port = this.#parts.table.get(config.name)
    const change = port.prepare(config)
    // What was tuned since stays, unless the setting is another one.
    const target = {
      ...(change.settings.includes('targetUs') ? { targetUs } : {}),
      ...(change.settings.includes('weight') ? { weight } : {}),
    }
    return { port, change, target }
  }

  /** Opens a port again whose place another was to take. Returns what became of it. */
  #reopen(config: PortConfig): string {
    if (config.kind === 'embedded') return `port ${config.name} has gone with its guest`
    try {
      this.add(config)
      return `port ${config.name} is open again, its peer must attach anew`
    } catch (error) {
      return `port ${config.name} has gone: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  #commit(ready: readonly Ready[]): void {
    const { containment, settings, table, decisions } = this.#parts
    for (const { port, change, target } of ready) {
      containment.run(port, commit(change), 0)
      settings.setTarget(port.index, target)
    }
    table.refresh()
    const changed = new Set(ready.flatMap(({ change }) => change.settings))
    if (changed.has('weight')) decisions.portsChanged()
    else if (changed.has('publish') || changed.has('targetUs')) decisions.apply()
  }
}

import type { Controller, VifTarget } from '../control/controller.js'
import type { RequestScheduler } from '../control/request-scheduler.js'
import type { Plane } from '../core/plane.js'
import type { PortConfig } from '../port/config.js'
import { createPort } from '../port/create.js'
import type { Port, PortHost } from '../port/port.js'
import type { BridgeEvents } from './bridge-events.js'
import type { Calls } from './calls.js'
import type { Containment } from './containment.js'
import type { Decisions } from './decisions.js'
import type { LoopGuard } from './loop-guard.js'
import type { PortTable } from './port-table.js'
import type { Reports } from './reports.js'

function targetOf(config: PortConfig): VifTarget {
  if (config.kind !== 'vif' && config.kind !== 'embedded') return {}
  return {
    ...(config.targetUs === undefined ? {} : { targetUs: config.targetUs }),
    ...(config.weight === undefined ? {} : { weight: config.weight }),
  }
}

/** Who keeps something of ports, by row or by port. */
export interface ChangedParts {
  readonly plane: Plane
  readonly containment: Containment
  readonly table: PortTable
  readonly controller: Controller
  readonly calls: Calls
  readonly requests: RequestScheduler
  readonly reports: Reports
  readonly decisions: Decisions
  readonly bridgeEvents: BridgeEvents
  readonly loopGuard: LoopGuard | undefined
}

/** Changes of the ports, made between two bursts. */
export class PortChanges {
  readonly #host: PortHost
  readonly #parts: ChangedParts

  constructor(host: PortHost, parts: ChangedParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Adds a port. Throws a RingferryError, leaving nothing behind, when it cannot be opened. */
  add(config: PortConfig): Port {
    const { table, calls, containment, controller } = this.#parts
    const row = table.freeRow(config.name)
    const port = createPort(this.#host, row, config)
    calls.trust(row)
    containment.open(port)
    controller.setTarget(row, targetOf(config))
    table.insert(port)
    this.#parts.decisions.portsChanged()
    return port
  }

  /** Removes a port. Throws NOT_FOUND. */
  remove(name: string): void {
    const { plane, table, controller, bridgeEvents, loopGuard, requests, reports, decisions } = this.#parts
    const port = table.get(name)
    plane.publish()
    table.take(port)
    plane.fdbSweep(port.index)
    controller.forget(port.index)
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
}

import { randomFillSync } from 'node:crypto'
import { Controller } from '../control/controller.js'
import { DecisionInForce } from '../control/in-force.js'
import { Pace } from '../control/pace.js'
import { RequestScheduler } from '../control/request-scheduler.js'
import { TuningSettings } from '../control/tuning-settings.js'
import { FDB_SEED_WORDS, seedFdb } from '../core/fdb.js'
import { Globals } from '../core/globals.js'
import { GrantCopies } from '../core/grant-copies.js'
import { G_FDB_AGE_S, G_FDB_LIMIT, MAX_PORTS } from '../core/layout.js'
import { LinearMemory } from '../core/linear-memory.js'
import { instantiatePlane } from '../core/plane.js'
import { nowUs } from '../sys/clock.js'
import { BridgeEvents } from './bridge-events.js'
import { Calls } from './calls.js'
import { Captures } from './captures.js'
import { Containment, type Work } from './containment.js'
import { Decisions } from './decisions.js'
import { Descriptors } from './descriptors.js'
import { Detachments } from './detachments.js'
import { Drain } from './drain.js'
import { EngineClock } from './engine-clock.js'
import {
  DEFAULT_AGEING_S,
  DEFAULT_MAX_ADDRESSES,
  DEFAULT_REQUEST_SHARE,
  type EngineOptions,
} from './engine-options.js'
import { EngineTime } from './engine-time.js'
import { HostPorts } from './host-ports.js'
import { Injection } from './injection.js'
import { Kicks } from './kicks.js'
import { LoopGuard } from './loop-guard.js'
import { MissedGranules } from './missed-granules.js'
import { Pauses } from './pauses.js'
import { planeModule } from './plane-module.js'
import { PortTable } from './port-table.js'
import { type Report, Reports } from './reports.js'
import { VifBursts } from './vif-bursts.js'
import { WokenPorts } from './woken-ports.js'

const REQUEST: Work = (port) => (port.serveRequest() ? 1 : 0)

/** What an engine consists of, put together: each has its own, down to the memory, so that a process may have several. */
export type EngineParts = ReturnType<typeof makeParts>

/** @param report what becomes of the reports of ports, those that are too many left out */
export function makeParts(options: EngineOptions, report: Report) {
  const memory = new LinearMemory(options.memoryBytes)
  const globals = new Globals(memory)
  const grants = new GrantCopies(memory)
  const plane = instantiatePlane(memory, planeModule(), grants)
  const table = new PortTable(memory)
  const containment = new Containment(memory, plane, (row) => table.at(row))
  const detachments = new Detachments(memory, containment, table)
  const calls = new Calls(memory, (row) => detachments.blocksCalls(row))
  const settings = new TuningSettings(options)
  const inForce = new DecisionInForce(settings)
  const controller = (options.decides ?? true) ? new Controller(memory, settings.buffer) : undefined
  const pace = new Pace(inForce, options.spinUs)
  const time = new EngineTime(pace)
  const clock = new EngineClock(memory)
  const woken = new WokenPorts(settings)
  const hostPorts = new HostPorts(plane, containment, table, woken, calls)
  const requests = new RequestScheduler({
    ports: MAX_PORTS,
    share: options.requestShare ?? DEFAULT_REQUEST_SHARE,
    serve: (row) => {
      const port = table.at(row)
      return port !== undefined && containment.run(port, REQUEST, 0) !== 0
    },
    clock: nowUs,
    used: () => time.threadUs(),
  })
  // A seed that no guest can know.
  seedFdb(memory.u64, randomFillSync(new BigUint64Array(FDB_SEED_WORDS)))
  globals.set(G_FDB_AGE_S, options.ageingS ?? DEFAULT_AGEING_S)
  globals.set(G_FDB_LIMIT, options.maxAddresses ?? DEFAULT_MAX_ADDRESSES)
  const bursts = new VifBursts(
    { globals, plane, settings, containment, table, calls, hostPorts, clock, time },
    options.schedule ?? true,
  )
  // At once: what a guest loses may be given to another by the next handler.
  const descriptors = new Descriptors(memory, containment, () => detachments.whereMemoryIsLost())
  const kicks = new Kicks(memory, plane, containment, table, calls)
  return {
    memory,
    globals,
    grants,
    plane,
    table,
    containment,
    detachments,
    calls,
    captures: new Captures(memory, table),
    drain: new Drain({ plane, containment, table, calls, woken, descriptors }),
    injection: new Injection(memory, plane, table, containment, calls),
    settings,
    inForce,
    pace,
    time,
    clock,
    woken,
    hostPorts,
    requests,
    bursts,
    reports: new Reports(report),
    descriptors,
    kicks,
    decisions: new Decisions({ settings, inForce, controller, table, bursts, clock, time }),
    pauses: new Pauses({ globals, pace, time, kicks, woken, descriptors, requests }),
    misses: new MissedGranules(memory, containment, table),
    bridgeEvents: new BridgeEvents(memory),
    loopGuard: (options.loopGuard ?? true) ? new LoopGuard(memory, plane) : undefined,
  }
}

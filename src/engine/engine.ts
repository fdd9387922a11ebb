/**
 * The engine: a synchronous loop around the plane.
 *
 *   turn:  clock -> poll each vif (one burst) -> calls -> read woken host ports -> calls
 *          -> write host ports -> map missed granules -> detach who broke the protocol
 *   idle:  spin, bounded and adaptive -> ask all guests for kicks -> look once more -> epoll -> turns again
 *
 * No promise, closure or view per frame. A turn does a bounded amount of work, so that no port waits for
 * more than one burst of each other port. Everything a port reports goes through `onReport`.
 */

import { randomFillSync } from 'node:crypto'
import { DeficitRoundRobin } from '../aggregation/drr.js'
import {
  type ControlledVif,
  Controller,
  type ControllerOptions,
  type EngineUse,
  type VifTarget,
} from '../control/controller.js'
import { RequestScheduler } from '../control/request-scheduler.js'
import { changeTuning, readTuning, type TuneChange, type TuneState } from '../control/tuning.js'
import { warmUpController } from '../control/warm-up.js'
import { FDB_SEED_WORDS, seedFdb } from '../core/fdb.js'
import {
  ACTIVE_AT,
  CALLS_AT,
  G_ACTIVE,
  G_ASLEEP,
  G_BROKEN,
  G_CALLS,
  G_FDB_AGE_S,
  G_FDB_LIMIT,
  G_GENERATION,
  G_HELD,
  G_HELD_US,
  G_MISSES,
  G_NOW_S,
  G_NOW_US,
  G_PUBLISHING,
  G_RATE_AT_US,
  G_REMIND_US,
  G_WOKE_US,
  GLOBALS_AT,
  MAX_PORTS,
  MISSES_AT,
  P_FLAGS,
  P_FROM_RING,
  P_SERVICE_US,
  PORT_BROKEN,
  PORT_BYTES,
  PORTS_AT,
  VRINGS_PER_PORT,
} from '../core/layout.js'
import { LinearMemory } from '../core/linear-memory.js'
import { instantiatePlane, type Plane } from '../core/plane.js'
import { RingferryError } from '../errors/errors.js'
import { GranulePool } from '../grants/granule-pool.js'
import type { PortConfig } from '../port/config.js'
import { createPort } from '../port/create.js'
import type { HostPort, Port, PortEvent, PortHost, PortStatus, RingPort } from '../port/port.js'
import { nowUs, sharpenTimers, ThreadClock } from '../sys/clock.js'
import { Epoll } from '../sys/epoll.js'
import { canSignal, signalEventfd } from '../sys/eventfd.js'
import { FaultGuard } from '../sys/fault-guard.js'
import { EINTR } from '../sys/libc.js'
import { BridgeEvents } from './bridge-events.js'
import { LoopGuard } from './loop-guard.js'
import { planeModule } from './plane-module.js'

interface Handler {
  /** On whose behalf the descriptor is watched; undefined: the engine's own. */
  readonly owner: Port | undefined
  readonly onEvents: (events: number) => void
  /** The same, as work on behalf of a port. */
  readonly work: (port: Port, events: number) => number
}

/** Why something failed, in a line. A trap of the plane and a fault of the program keep their class's name. */
function reasonOf(error: unknown): string {
  if (error instanceof RingferryError) return error.message
  const isSystem = error instanceof Error && 'syscall' in error
  if (isSystem) return error.message
  return `internal error: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
}

/** Most chains taken from a ring, and frames read from a host port, in one turn. */
export const BURST = 64
/** Turns between two looks at epoll while there is work. */
const TURNS_PER_EPOLL = 32
/** The same with ports whose descriptors tell by epoll alone that they can be read or written. */
const TURNS_PER_EPOLL_WITH_HOST_PORTS = 2
const TICK_US = 100_000
/** Granules mapped for one port in one turn, and the longest time that a turn spends on mapping them. */
const MAX_MAPPED_PER_TURN = 64
const MAPPING_US = 1_000
/** Reports of one port between two ticks; of more, the last one is made at the tick. */
const MAX_REPORTS_PER_TICK = 32
/** Part of the engine's time that the requests of one port may take in the long run. */
const REQUEST_SHARE = 0.25
/** A turn that found nothing and took longer was interrupted: others used the processor meanwhile. */
const MAX_SPIN_TURN_US = 3
const SWEEP_US = 5_000_000
/** A resting engine looks so often for guests that have not answered a call. */
const REMIND_EVERY_US = 1_000
/** Ports whose guests do not kick are looked at so often in the time that their frames may take. */
const POLLS_PER_TARGET = 2
/** An engine that waits for its processor for more of the time looks after every sleep how long it waited. */
const CONTENDED_SHARE = 0.005
/** Engine time that a vif of weight 1 may use before the next one's turn: some bursts of small frames. */
const QUANTUM_US = 20
/** A burst that took longer, because the host took the core away, is not held against the guest. */
const MAX_DEBT_US = 5_000
const BLOCKED_CALL = 'its call descriptor blocks: O_NONBLOCK was cleared, and it is full'
const CLOCK = (GLOBALS_AT + G_NOW_US) >>> 3
const HELD = (GLOBALS_AT + G_HELD_US) >>> 3
const REMIND = (GLOBALS_AT + G_REMIND_US) >>> 3
const RATE_AT = (GLOBALS_AT + G_RATE_AT_US) >>> 3
const NEVER = 1e18
const HELD_COUNT = (GLOBALS_AT + G_HELD) >>> 2

function targetOf(config: PortConfig): VifTarget {
  if (config.kind !== 'vif' && config.kind !== 'embedded') return {}
  return {
    ...(config.targetUs === undefined ? {} : { targetUs: config.targetUs }),
    ...(config.weight === undefined ? {} : { weight: config.weight }),
  }
}

export interface EngineOptions extends ControllerOptions {
  /** Linear memory in bytes. Default 4 GB; all of it is only address space until guests map into it. */
  readonly memoryBytes?: number
  /** Longest time in microseconds that the loop spins before it sleeps. Default 20; 0 never spins. */
  readonly spinUs?: number
  /** Seconds after which a silent address is forgotten. Default 300. */
  readonly ageingS?: number
  /** Most addresses in the forwarding database. Default 16384. */
  readonly maxAddresses?: number
  /** Whether vifs are served in the order of the engine's time they used. Default true; false: in turn. */
  readonly schedule?: boolean
  /** Whether a port is held down for a while when what leaves it comes back. Default true. */
  readonly loopGuard?: boolean
  /** Part of the engine's time that messages of one port's peer may take in the long run, to 1. Default 0.25. */
  readonly requestShare?: number
  readonly onReport?: (port: PortStatus, event: PortEvent, detail: string) => void
}

export class Engine implements PortHost {
  readonly memory: LinearMemory
  readonly plane: Plane
  readonly pool: GranulePool
  /** Sets how long frames are held for each vif. */
  readonly controller: Controller
  readonly #bridgeEvents: BridgeEvents
  readonly #loopGuard: LoopGuard | undefined
  readonly #faults: FaultGuard
  #faultsSeen = 0
  readonly #epoll = new Epoll()
  readonly #handlers = new Map<number, Handler>()
  /** The port on whose behalf something is being done. */
  #serving: Port | undefined
  readonly #ports: (Port | undefined)[] = new Array(MAX_PORTS).fill(undefined)
  /** Ports in turn order, and which of them move frames themselves. */
  #active: Port[] = []
  #hostPorts: HostPort[] = []
  /** Host ports whose frames may wait for a rate limit. */
  #limited: HostPort[] = []
  readonly #calls = new Int32Array(MAX_PORTS * VRINGS_PER_PORT).fill(-1)
  /** Ports whose guest made a call wait: from then on it is asked first whether it can. */
  readonly #wary = new Uint8Array(MAX_PORTS)
  #anyWary = false
  /** Ports whose guest makes a call wait, to be detached when the burst is over. */
  #blocking: Port[] = []
  readonly #woken = new Uint8Array(MAX_PORTS)
  #anyWoken = false
  /** Indices of ports whose guests do not kick. */
  readonly #polled = new Set<number>()
  readonly #requests: RequestScheduler
  /** Granules mapped in this turn, and reports since the last tick, by port. */
  readonly #mapped = new Uint8Array(MAX_PORTS)
  readonly #reports = new Uint32Array(MAX_PORTS)
  /** The last report of each port that has made too many. */
  readonly #lateReports = new Map<Port, readonly [PortEvent, string]>()
  readonly #onReport: NonNullable<EngineOptions['onReport']>
  readonly #spinMaxUs: number
  #spinUs = 0
  #spunUs = 0
  #workedUs = 0
  #wakes = 0
  /** When guests were last reminded by an engine that rests. */
  #remindedUs = 0
  /** When the last sleep ended. */
  #awakeUs = 0
  #isContended = false
  /** Time waited for the processor when last read: at the last tick, at the last wake-up. */
  #waitedAtTick = 0
  #waitedAtWake = 0
  readonly #threadClock = new ThreadClock()
  #second = -1
  readonly #schedule: boolean
  /** Ports that the plane serves, and their order by time used. */
  #served: RingPort[] = []
  #order = new DeficitRoundRobin(0, QUANTUM_US, MAX_DEBT_US)
  #lastTickUs = 0
  #lastSweepUs = 0
  #turns = 0
  #running = false
  #vifs: ControlledVif[] = []

  constructor(options: EngineOptions = {}) {
    this.memory = new LinearMemory(options.memoryBytes)
    this.#faults = new FaultGuard(this.memory.u8, this.memory.granules)
    this.plane = instantiatePlane(this.memory, planeModule())
    this.pool = new GranulePool(this.memory)
    this.#spinMaxUs = options.spinUs ?? 20
    this.#schedule = options.schedule ?? true
    this.#onReport = options.onReport ?? (() => {})
    this.controller = new Controller(this.memory, options)
    this.#bridgeEvents = new BridgeEvents(this.memory)
    // A seed that no guest can know.
    seedFdb(this.memory.u64, randomFillSync(new BigUint64Array(FDB_SEED_WORDS)))
    if (options.loopGuard ?? true) this.#loopGuard = new LoopGuard(this.memory, this.plane)
    this.#requests = new RequestScheduler({
      ports: MAX_PORTS,
      share: options.requestShare ?? REQUEST_SHARE,
      serve: (index) => {
        const port = this.#ports[index]
        return port !== undefined && this.#onBehalfOf(port, this.#requestPort, 0) !== 0
      },
      clock: nowUs,
      used: () => this.#threadClock.us(),
    })
    this.#global(G_FDB_AGE_S, options.ageingS ?? 300)
    this.#global(G_FDB_LIMIT, options.maxAddresses ?? 16384)
    this.#readClock()
  }

  #portField(index: number, field: number): number {
    return this.memory.u32[(PORTS_AT + index * PORT_BYTES + field) >>> 2] as number
  }

  #global(field: number, value: number): void {
    this.memory.u32[(GLOBALS_AT + field) >>> 2] = value
  }

  /** Microseconds on the engine's clock when it was last read. It lives in the plane's globals: no heap number. */
  get #now(): number {
    return this.memory.f64[CLOCK] as number
  }

  #readClock(): void {
    const us = nowUs()
    this.memory.f64[CLOCK] = us
    const second = Math.floor(us / 1e6)
    if (second === this.#second) return
    this.#second = second
    this.#global(G_NOW_S, second)
    this.#global(G_GENERATION, (this.memory.u32[(GLOBALS_AT + G_GENERATION) >>> 2] as number) + 1)
  }

  // ---- ports ----

  /** Adds a port. Throws a RingferryError, leaving nothing behind, when it cannot be opened. */
  addPort(config: PortConfig): Port {
    if (this.#active.some((port) => port.name === config.name))
      throw new RingferryError('USAGE', `port ${config.name}: the name is taken; choose another`)
    const index = this.#ports.indexOf(undefined)
    if (index < 0)
      throw new RingferryError('UNSUPPORTED', `port ${config.name}: a switch has at most ${MAX_PORTS} ports`)
    const port = createPort(this, index, config)
    this.#wary[index] = 0
    this.#serving = port
    try {
      port.open()
    } finally {
      this.#serving = undefined
    }
    this.#ports[index] = port
    this.controller.setTarget(index, targetOf(config))
    this.#setActive([...this.#active, port])
    this.applyPolicy()
    return port
  }

  removePort(name: string): void {
    const port = this.#active.find((candidate) => candidate.name === name)
    if (!port) throw new RingferryError('NOT_FOUND', `port ${name}: there is no such port`)
    this.plane.flush()
    this.#setActive(this.#active.filter((candidate) => candidate !== port))
    this.#ports[port.index] = undefined
    this.plane.fdbSweep(port.index)
    this.controller.forget(port.index)
    this.#bridgeEvents.forget(port.index)
    this.#loopGuard?.forget(port.index)
    port.close()
    this.#requests.forget(port.index)
    this.#lateReports.delete(port)
    this.applyPolicy()
  }

  #setActive(ports: Port[]): void {
    this.#active = ports
    this.#hostPorts = ports.filter((port) => !port.hasRings)
    this.#limited = this.#hostPorts.filter(({ index }) => this.#portField(index, P_FROM_RING) !== 0)
    this.#served = ports.filter((port) => port.hasRings)
    this.#order = new DeficitRoundRobin(this.#served.length, QUANTUM_US, MAX_DEBT_US)
    for (const [at, port] of this.#served.entries())
      this.#order.weights[at] = this.controller.target(port.index).weight
    for (const [index, port] of ports.entries()) this.memory.u32[(ACTIVE_AT >>> 2) + index] = port.index
    this.#global(G_ACTIVE, ports.length)
  }

  /** The vifs that the policy decides for: those without a publication mode of their own. */
  get #controlled(): ControlledVif[] {
    return this.#served.filter((port) => port.isControlled)
  }

  /** Writes the limits of a policy that measures nothing; the others set theirs period by period. */
  applyPolicy(): void {
    this.#vifs = this.#controlled
    this.controller.hurry()
    if (this.controller.active) return
    this.#readClock()
    this.controller.run(this.#now, this.#vifs, this.#use())
  }

  /** Changes the tuning of the running engine, and reads it. Throws RingferryErrors of changeTuning. */
  tune(change: TuneChange): TuneState {
    // Reading disturbs nothing: no tick restarts, no decision is taken, no vif's turn is forgotten.
    if (Object.keys(change).length > 0) {
      changeTuning(this.controller, this.#vifs, change)
      if (change.weight !== undefined) this.#setActive(this.#active)
      this.applyPolicy()
    }
    return readTuning(this.memory, this.controller, this.#vifs)
  }

  /** A port's state, with what the engine knows of it. */
  statusOf(port: Port): PortStatus {
    const heldDown = this.#loopGuard?.heldDown(port.index)
    return { ...port.status(), ...(heldDown === undefined ? {} : { heldDown }) }
  }

  get ports(): readonly Port[] {
    return this.#active
  }

  // ---- what ports ask for ----

  watch(fd: number, events: number, onEvents: (events: number) => void): void {
    this.#epoll.add(fd, events)
    const work = (_: Port, mask: number): number => {
      onEvents(mask)
      return 0
    }
    this.#handlers.set(fd, { owner: this.#serving, onEvents, work })
  }

  rewatch(fd: number, events: number): void {
    this.#epoll.modify(fd, events)
  }

  unwatch(fd: number): void {
    if (!this.#handlers.delete(fd)) return
    this.#epoll.remove(fd)
  }

  setCall(vringId: number, fd: number): void {
    this.#calls[vringId] = fd
  }

  wake(index: number): void {
    this.#woken[index] = 1
    this.#anyWoken = true
  }

  request(index: number): void {
    this.#requests.ask(index)
  }

  setPolled(index: number, on: boolean): void {
    if (on) this.#polled.add(index)
    else this.#polled.delete(index)
  }

  /** Longest sleep in microseconds that the ports allow whose guests do not kick. */
  get #polledUs(): number {
    let us = Number.POSITIVE_INFINITY
    if (this.#polled.size > 0)
      for (const index of this.#polled) us = Math.min(us, this.controller.target(index).targetUs)
    return us / POLLS_PER_TARGET
  }

  /** Serves the control queues of those ports, too. */
  #wakePolled(): void {
    if (this.#polled.size > 0) for (const index of this.#polled) this.wake(index)
  }

  report(port: Port, event: PortEvent, detail: string): void {
    const made = (this.#reports[port.index] as number) + 1
    this.#reports[port.index] = made
    if (made <= MAX_REPORTS_PER_TICK) this.#onReport(this.statusOf(port), event, detail)
    else this.#lateReports.set(port, [event, detail])
  }

  /** Makes the last of the reports that were too many: the port's state is right again with it. */
  #reportLate(): void {
    this.#reports.fill(0)
    for (const [port, [event, detail]] of this.#lateReports)
      this.#onReport(this.statusOf(port), event, detail)
    this.#lateReports.clear()
  }

  // ---- the boundary ----
  //
  // Whatever is done on behalf of one port is done here: reading its requests, serving its rings, its ticks and
  // retries, mapping its memory. What fails there, be it a system call or a trap of the plane, detaches that port
  // alone. What fails outside cannot be laid at a port's door and ends the engine.

  #onBehalfOf<P extends Port>(
    port: P,
    work: (port: P, argument: number) => number,
    argument: number,
  ): number {
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

  readonly #transmitPort = (port: HostPort): number => port.transmit()
  readonly #receivePort = (port: Port): number => {
    if (port.hasRings) {
      port.checkCommands()
      return 0
    }
    const count = port.receive(BURST)
    if (count > 0) this.plane.flush()
    return count
  }
  readonly #requestPort = (port: Port): number => (port.serveRequest() ? 1 : 0)
  readonly #tickPort = (port: Port, now: number): number => {
    port.tick(now)
    return 0
  }
  readonly #mapPort = (port: RingPort, granule: number): number => {
    port.mapMissed(granule)
    return 0
  }
  readonly #breachPort = (port: RingPort): number => {
    port.breach()
    return 0
  }
  readonly #armPort = (port: Port): number => this.plane.armPort(port.index)
  readonly #disarmPort = (port: Port): number => {
    this.plane.disarmPort(port.index)
    return 0
  }
  readonly #remindPort = (port: Port): number => {
    this.plane.remindPort(port.index)
    return 0
  }

  /** Publishes held batches; a trap is laid to the port whose ring was being published. */
  #serveHeld(all: number): void {
    try {
      this.plane.serveHeld(all)
    } catch (error) {
      const port = this.#publishing()
      if (!port) throw error
      this.#contain(port, error)
    }
  }

  /** The port whose ring the plane was publishing when it trapped; asked once. */
  #publishing(): Port | undefined {
    const at = (GLOBALS_AT + G_PUBLISHING) >>> 2
    const row = this.memory.u32[at] as number
    this.memory.u32[at] = 0
    return row === 0 ? undefined : this.#ports[(row - PORTS_AT) / PORT_BYTES]
  }

  /** Detaches the port that something failed for, and publishes what the burst had written for others by then. */
  #contain(port: Port, error: unknown): void {
    let culprit = this.#publishing() ?? port
    let reason = reasonOf(error)
    // Each turn takes one port's rings out of the lists.
    for (let turns = 0; turns < MAX_PORTS; turns++) {
      culprit.fail(reason)
      try {
        this.plane.flush()
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

  // ---- the loop ----

  /** Sends the calls that the plane collected. */
  #sendCalls(): void {
    const at = (GLOBALS_AT + G_CALLS) >>> 2
    const count = this.memory.u32[at] as number
    if (count === 0) return
    this.memory.u32[at] = 0
    const list = CALLS_AT >>> 2
    for (let index = 0; index < count; index++) {
      const id = this.memory.u32[list + index] as number
      const fd = this.#calls[id] as number
      if (fd < 0 || (this.#anyWary && this.#wary[(id / VRINGS_PER_PORT) | 0] === 1 && !canSignal(fd)))
        continue
      if (signalEventfd(fd) === EINTR) this.#callBlocked(id)
    }
  }

  /** A call waited until the watchdog interrupted it. The other calls of its port would, too. */
  #callBlocked(vringId: number): void {
    const index = Math.floor(vringId / VRINGS_PER_PORT)
    this.#calls.fill(-1, index * VRINGS_PER_PORT, (index + 1) * VRINGS_PER_PORT)
    this.#wary[index] = 1
    this.#anyWary = true
    const port = this.#ports[index]
    if (port && !this.#blocking.includes(port)) this.#blocking.push(port)
  }

  /** As #onBehalfOf, without a call through a function value: a vif is polled some hundred thousand times a second. */
  #pollVif(port: Port): number {
    this.#serving = port
    try {
      return this.plane.poll(port.index, BURST)
    } catch (error) {
      this.#contain(port, error)
      return 0
    } finally {
      this.#serving = undefined
    }
  }

  /**
   * Serves the vifs, as many bursts as there are vifs. Whose burst is next is decided by the engine's time that
   * each has used (deficit round robin), so a guest that floods, or whose frames are expensive, pays for them itself.
   * Returns the frames moved.
   */
  #serveVifs(): number {
    const order = this.#order
    const vifs = this.#served
    let moved = 0
    for (let at = 0; at < vifs.length; at++) order.activate(at)
    for (let bursts = 0; bursts < vifs.length; bursts++) {
      const at = this.#schedule ? order.next() : bursts
      if (at < 0) break
      const port = vifs[at] as RingPort
      const count = this.#pollVif(port)
      if (count === 0) {
        order.deactivate(at)
        continue
      }
      moved += count
      this.#sendCalls()
      this.#writeHostPorts()
      const from = this.#now
      this.#readClock()
      const to = this.#now
      order.charge(at, to - from)
      this.#addService(port.index, to - from)
      this.#workedUs += to - from
    }
    return moved
  }

  /**
   * What the engine has done so far. In a thread of its own its work is the thread's processor time without spinning, so
   * that kicks, sleeps and wake-ups count as what they cost; where the caller drives the engine, the time of bursts and
   * publications.
   */
  #use(): EngineUse {
    const [spunUs, wakes] = [this.#spunUs, this.#wakes]
    if (!this.#running) return { workedUs: this.#workedUs, spunUs, waitedUs: 0, wakes }
    const clock = this.#threadClock
    // Reading how long it waited costs more than the rest together; an engine that hardly waits is asked at every tick only.
    const waitedUs = this.#isContended ? clock.waitedUs() : this.#waitedAtTick
    return { workedUs: clock.us() - spunUs, spunUs, waitedUs, wakes }
  }

  /** Publishing held batches is work of the engine, too. */
  #chargeHeld(): void {
    const from = this.#now
    this.#readClock()
    this.#workedUs += this.#now - from
  }

  /** Writes what is queued for host ports: after every burst, because one burst may fill a quarter of a ring. */
  #writeHostPorts(): number {
    let moved = 0
    for (let index = 0; index < this.#hostPorts.length; index++) {
      const port = this.#hostPorts[index] as HostPort
      if (port.hasOutput()) moved += this.#onBehalfOf(port, this.#transmitPort, 0)
    }
    return moved
  }

  /** Forwards what rate limits have held back of the frames that host ports read. */
  #releaseHostPorts(): number {
    let moved = 0
    for (let index = 0; index < this.#limited.length; index++)
      moved += this.plane.releaseFrom((this.#limited[index] as HostPort).index)
    if (moved > 0) this.#sendCalls()
    return moved
  }

  /** One turn over all ports. Returns the frames moved. */
  #turn(): number {
    this.#turns++
    this.memory.f64[RATE_AT] = NEVER
    let moved = this.#serveVifs()
    if (this.controller.isDue(this.#now)) this.controller.run(this.#now, this.#vifs, this.#use())
    const held = (this.memory.u32[HELD_COUNT] as number) > 0
    this.#serveHeld(0)
    this.#sendCalls()
    if (held) this.#chargeHeld()
    if (this.#anyWoken) moved += this.#serveWoken()
    moved += this.#releaseHostPorts()
    moved += this.#writeHostPorts()
    this.#requests.run(moved > 0)
    if (this.#faults.counter[0] !== this.#faultsSeen) this.#detachFaulted()
    if (this.#blocking.length > 0) this.#detachBlocking()
    this.#mapMisses()
    this.#detachBroken()
    return moved
  }

  /** Charges a port with time of the engine's thread. */
  #addService(index: number, us: number): void {
    const at = (PORTS_AT + index * PORT_BYTES + P_SERVICE_US) >>> 3
    this.memory.f64[at] = (this.memory.f64[at] as number) + us
  }

  /** Reads the ports that were woken; a port with more to read stays woken. */
  #serveWoken(): number {
    let moved = 0
    this.#anyWoken = false
    for (let index = 0; index < this.#active.length; index++) {
      const port = this.#active[index] as Port
      if (this.#woken[port.index] === 0) continue
      this.#woken[port.index] = 0
      const count = this.#onBehalfOf(port, this.#receivePort, 0)
      if (count >= BURST) this.wake(port.index)
      if (count === 0) continue
      moved += count
      this.#sendCalls()
    }
    this.#sendCalls()
    return moved
  }

  #mapMisses(): void {
    const at = (GLOBALS_AT + G_MISSES) >>> 2
    const count = this.memory.u32[at] as number
    if (count === 0) return
    this.memory.u32[at] = 0
    this.#mapped.fill(0)
    const list = MISSES_AT >>> 2
    const endUs = nowUs() + MAPPING_US
    // From another place each turn, so that no port always comes last. What is left is missed again.
    for (let step = 0; step < count; step++) {
      const index = (step + this.#turns) % count
      const row = this.memory.u32[list + index * 2] as number
      const mapped = (this.#mapped[row] as number) + 1
      if (mapped > MAX_MAPPED_PER_TURN) continue
      this.#mapped[row] = mapped
      const port = this.#ports[row]
      if (port?.hasRings)
        this.#onBehalfOf(port, this.#mapPort, this.memory.u32[list + index * 2 + 1] as number)
      if (nowUs() > endUs) break
    }
  }

  /** Detaches the guests whose memory went away under us: zero pages have taken its place. */
  #detachFaulted(): void {
    this.#faultsSeen = this.#faults.counter[0] as number
    for (const offset of this.#faults.take()) this.#served.some((port) => port.loseMemory(offset))
  }

  #detachBlocking(): void {
    for (const port of this.#blocking.splice(0)) port.fail(BLOCKED_CALL)
  }

  #detachBroken(): void {
    const at = (GLOBALS_AT + G_BROKEN) >>> 2
    if (this.memory.u32[at] === 0) return
    this.memory.u32[at] = 0
    for (const port of this.#served) {
      const flags = this.memory.u32[(PORTS_AT + port.index * PORT_BYTES + P_FLAGS) >>> 2] as number
      if ((flags & PORT_BROKEN) !== 0) this.#onBehalfOf(port, this.#breachPort, 0)
    }
  }

  /** Whether a port was woken, or has a request that may be served now. */
  get #isAsked(): boolean {
    return this.#anyWoken || this.#requests.dueUs(this.#now) === 0
  }

  /** Looks at epoll and calls the handlers. Returns the events seen. */
  #poll(timeoutUs: number): number {
    this.#global(G_ASLEEP, timeoutUs > 0 ? 1 : 0)
    const count = this.#epoll.wait(timeoutUs)
    this.#global(G_ASLEEP, 0)
    for (let index = 0; index < count; index++) {
      const fd = this.#epoll.fd(index)
      const handler = this.#handlers.get(fd)
      if (handler?.owner) this.#onBehalfOf(handler.owner, handler.work, this.#epoll.events(index))
      else handler?.onEvents(this.#epoll.events(index))
      // At once: what a guest loses may be given to another by the next handler.
      if (this.#faults.counter[0] !== this.#faultsSeen) this.#detachFaulted()
    }
    return count
  }

  #tick(now: number): void {
    if (this.#running) {
      const waited = this.#threadClock.waitedUs()
      this.#isContended = waited - this.#waitedAtTick > CONTENDED_SHARE * (now - this.#lastTickUs)
      this.#waitedAtTick = waited
      this.#waitedAtWake = waited
    }
    this.#lastTickUs = now
    for (const port of this.#active) this.#onBehalfOf(port, this.#tickPort, now)
    const report: PortHost['report'] = (port, event, detail) => this.report(port, event, detail)
    this.#bridgeEvents.look(now, this.#active, report)
    this.#loopGuard?.look(now, this.#active, report)
    this.#sendCalls()
    this.#reportLate()
    if (now - this.#lastSweepUs < SWEEP_US) return
    this.#lastSweepUs = now
    this.plane.fdbSweep(-1)
  }

  /** Asks every guest for kicks. Returns whether work has come meanwhile. */
  #arm(): boolean {
    let work = false
    for (let index = 0; index < this.#active.length; index++)
      if (this.#onBehalfOf(this.#active[index] as Port, this.#armPort, 0) !== 0) work = true
    return work
  }

  /** Calls guests again that have not answered a call for long. Returns in how many microseconds to look again. */
  #remind(): number {
    this.memory.f64[REMIND] = Number.POSITIVE_INFINITY
    for (let index = 0; index < this.#active.length; index++)
      this.#onBehalfOf(this.#active[index] as Port, this.#remindPort, 0)
    this.#sendCalls()
    return this.memory.f64[REMIND] as number
  }

  #disarm(): void {
    for (let index = 0; index < this.#active.length; index++)
      this.#onBehalfOf(this.#active[index] as Port, this.#disarmPort, 0)
  }

  /** Sleeps until something happens, at most until the next tick or `maxUs`. */
  #sleep(maxUs: number): void {
    const start = nowUs()
    if (this.controller.restUs > 0 && !this.#anyWoken) {
      this.#rest(Math.min(maxUs, this.controller.restUs), start)
      return
    }
    if (this.#arm() || this.#anyWoken) {
      this.#poll(0)
    } else {
      const before = nowUs()
      this.#workedUs += before - start
      const untilTick = Math.max(0, this.#lastTickUs + TICK_US - before)
      const remindUs = this.#remind()
      const dueUs = Math.min(this.memory.f64[HELD] as number, this.#untilRelease(before))
      this.#poll(Math.min(untilTick, maxUs, dueUs, remindUs, this.#polledUs, this.#requests.dueUs(before)))
      this.#wakePolled()
      const woke = nowUs()
      this.#wakes++
      this.#awakeUs = woke
      const slept = woke - before
      this.memory.f64[(GLOBALS_AT + G_WOKE_US) >>> 3] = woke - Math.min(slept, this.#waitedSinceWake())
      if (slept < this.#spinMaxUs) this.#spinUs = Math.min(this.#spinMaxUs, this.#spinUs * 2 + 2)
      else this.#spinUs = this.#spinUs < 2 ? 0 : this.#spinUs / 2
    }
    this.#disarm()
  }

  /** Microseconds until a frame that a rate limit holds back may go on. */
  #untilRelease(now: number): number {
    return Math.max(0, (this.memory.f64[RATE_AT] as number) - now)
  }

  /**
   * How long the engine waited for its processor after what woke it, in microseconds: frames waited as long. At most what it
   * has waited since it last looked, because others took the processor in the middle of its work, too.
   */
  #waitedSinceWake(): number {
    if (!this.#isContended) return 0
    const waited = this.#threadClock.waitedUs()
    const since = waited - this.#waitedAtWake
    this.#waitedAtWake = waited
    // Not known after a rest, which counts as a whole.
    return Number.isNaN(since) ? 0 : since
  }

  /**
   * Sleeps without asking for kicks: while the CPU is scarce the guests' frames gather in their rings, and neither
   * they nor we pay for a kick and a switch for each. What that costs in delay is measured as queue.
   */
  #rest(restUs: number, start: number): void {
    if (start - this.#remindedUs >= REMIND_EVERY_US) {
      this.#remindedUs = start
      this.#remind()
    }
    const before = nowUs()
    this.#poll(Math.min(restUs, this.memory.f64[HELD] as number, this.#polledUs, this.#untilRelease(before)))
    this.#wakePolled()
    this.#wakes++
    this.#awakeUs = nowUs()
    this.#waitedAtWake = Number.NaN
    this.#workedUs += before - start
  }

  /**
   * One round: turns while there is work, then at most one sleep. For tests and for programs that drive the
   * engine themselves; `run` is the same without end.
   * @param maxUs longest sleep in microseconds; 0 only looks
   */
  step(maxUs = 0): number {
    let moved = 0
    this.#poll(0)
    for (let turns = 0; turns < 64; turns++) {
      this.#readClock()
      if (this.#now - this.#lastTickUs >= TICK_US) this.#tick(this.#now)
      const count = this.#turn()
      moved += count
      if (count === 0 && !this.#isAsked) break
    }
    if (moved === 0) this.#sleep(maxUs)
    return moved
  }

  /** Runs until stop(). */
  run(): void {
    warmUpController()
    sharpenTimers()
    this.#running = true
    this.#readClock()
    let idleSince = this.#now
    let sinceEpoll = 0
    while (this.#running) {
      this.#readClock()
      const now = this.#now
      if (now - this.#lastTickUs >= TICK_US) this.#tick(now)
      const moved = this.#turn()
      if (moved > 0 || this.#isAsked) {
        idleSince = now
        if (
          ++sinceEpoll >= (this.#hostPorts.length > 0 ? TURNS_PER_EPOLL_WITH_HOST_PORTS : TURNS_PER_EPOLL)
        ) {
          sinceEpoll = 0
          this.#poll(0)
        }
        if (now - this.#awakeUs >= this.controller.workUs) this.#rest(this.controller.restUs, now)
      } else if (now - idleSince < this.#spinUs && this.controller.maySpin(this.#spunUs)) {
        this.#poll(0)
        this.#readClock()
        this.#spunUs += Math.min(this.#now - now, MAX_SPIN_TURN_US)
      } else {
        this.#sleep(TICK_US)
        this.#readClock()
        idleSince = this.#now
        sinceEpoll = 0
      }
    }
  }

  stop(): void {
    this.#running = false
  }

  /** Turns made since the start. */
  get turns(): number {
    return this.#turns
  }

  /** Removes all ports, also when one of them cannot be closed in order, and frees what the engine holds. */
  close(): void {
    const failures: unknown[] = []
    for (const port of [...this.#active]) {
      try {
        this.removePort(port.name)
      } catch (error) {
        failures.push(error)
      }
    }
    this.#epoll.close()
    this.#threadClock.free()
    this.#faults.close()
    if (failures.length > 0) throw failures[0]
  }
}

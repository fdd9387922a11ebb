/**
 * The engine: a synchronous loop around the plane.
 *
 *   turn:  clock -> poll each vif (one burst) -> calls -> read woken host ports -> calls
 *          -> write host ports -> serve requests -> detach who broke the protocol -> map missed granules
 *   pause: spin, bounded and adaptive -> ask all guests for kicks -> poll once more -> epoll -> turns again
 *
 * Whether it turns, spins, sleeps or rests is decided in src/control/pace; what a turn consists of lies in the files
 * beside this one. No promise, closure or view per frame. A turn does a bounded amount of work, so that no port waits for
 * more than one burst of each other port. Everything a port reports goes through `onReport`.
 */
import type { DecisionInForce } from '../control/in-force.js'
import { REST, SPIN, TICK_US, TURN } from '../control/pace.js'
import type { TuneChange } from '../control/tuning.js'
import type { TuningSettings } from '../control/tuning-settings.js'
import { type FdbFilter, macBits } from '../core/fdb.js'
import type { GrantCopies } from '../core/grant-copies.js'
import { G_RATE_AT_US, G_SPIN_US, G_SPUN_US, G_WAKE_US } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import { GranulePool } from '../grants/granule-pool.js'
import type { PortChange } from '../port/change.js'
import type { PortConfig } from '../port/config.js'
import { createPort, type PortMaker } from '../port/create.js'
import { KeptConnections } from '../port/kept-connections.js'
import type { Port, PortEvent, PortHost, PortStatus } from '../port/port.js'
import { sharpenTimers } from '../sys/clock.js'
import type { Work } from './containment.js'
import { doAll } from './do-all.js'
import type { EngineOptions } from './engine-options.js'
import { type EngineParts, makeParts } from './engine-parts.js'
import type { InjectedFrame, InjectionWay } from './injection.js'
import { PortChanges } from './port-changes.js'

const SWEEP_US = 5_000_000
/** Turns of one step at most. */
const TURNS_PER_STEP = 64
const NEVER = 1e18

const TICK: Work = (port, nowUs) => {
  port.tick(nowUs)
  return 0
}

/**
 * An engine in the caller's thread: ports, bridge and controller over one linear memory, driven by step() or run().
 * `Switch` runs one in a thread of its own.
 */
export class Engine implements PortHost {
  readonly memory: LinearMemory
  readonly plane: Plane
  readonly pool: GranulePool
  readonly grants: GrantCopies
  readonly kept: KeptConnections | undefined
  /** The tuning as it was set; its buffer holds what was decided, too. */
  readonly settings: TuningSettings
  /** The decision that the engine goes by. */
  readonly inForce: DecisionInForce
  readonly #parts: EngineParts
  readonly #changes: PortChanges
  #sweptUs = 0
  #turns = 0
  /** Whether the last turn moved nothing. */
  #isIdle = true
  #isRunning = false

  constructor(options: EngineOptions = {}) {
    const parts = makeParts(options, (port, event, detail) =>
      options.onReport?.(this.statusOf(port), event, detail),
    )
    this.#parts = parts
    this.memory = parts.memory
    this.plane = parts.plane
    this.grants = parts.grants
    this.settings = parts.settings
    this.inForce = parts.inForce
    this.pool = new GranulePool(parts.memory)
    this.kept = options.keeping && new KeptConnections(options.keeping)
    this.#changes = new PortChanges(this, parts)
  }

  // ---- ports and tuning, from outside ----

  /**
   * Adds a port. Throws a RingferryError, leaving nothing behind, when it cannot be opened.
   * @param make makes it, where the caller has what it is made of
   */
  addPort(config: PortConfig, make: PortMaker = createPort): Port {
    return this.#changes.add(config, make)
  }

  /** Removes a port. Throws NOT_FOUND. */
  removePort(name: string): void {
    this.#changes.remove(name)
  }

  /**
   * Adds, removes and changes ports between two bursts: all of it, or nothing. Throws a RingferryError that says why it
   * cannot be.
   */
  apply(changes: readonly PortChange[]): void {
    this.#changes.apply(changes)
  }

  get ports(): readonly Port[] {
    return this.#parts.table.active
  }

  /** A port's state, with what the engine knows of it. */
  statusOf(port: Port): PortStatus {
    const heldDown = this.#parts.loopGuard?.heldDown(port.index)
    return { ...port.status(), ...(heldDown === undefined ? {} : { heldDown }) }
  }

  /** Changes the tuning; readTuning tells what it is. Throws RingferryErrors of changeTuning. */
  tune(change: TuneChange): void {
    this.#parts.decisions.tune(change)
  }

  /**
   * Has what crosses a port copied into a ring that `CaptureRingReader` reads. Throws NOT_FOUND, BUSY or UNSUPPORTED.
   * @param snapBytes most bytes kept of a frame
   * @returns the linear offset of the ring
   */
  openCapture(name: string, snapBytes: number): number {
    return this.#parts.captures.open(name, snapBytes)
  }

  /** Ends a capture. @param ring as openCapture() told */
  closeCapture(ring: number): void {
    this.#parts.captures.close(ring)
  }

  /** Forgets addresses. Returns how many there were. Throws NOT_FOUND for an unknown port. */
  flushFdb({ port, vlan = -1, mac }: FdbFilter): number {
    const row = port === undefined ? -1 : this.#parts.table.get(port).index
    return this.plane.fdbFlush(row, vlan, mac === undefined ? -1n : macBits(mac))
  }

  /** Takes no frame any more, and publishes what is held; what waits goes on. May be called again. */
  drain(): void {
    this.#parts.drain.begin()
  }

  /** Takes frames again. */
  resume(): void {
    this.#parts.drain.end()
  }

  /** Hands frames to a port, a burst at most. Throws NOT_FOUND or USAGE. */
  inject(name: string, way: InjectionWay, frames: readonly InjectedFrame[]): void {
    this.#parts.injection.inject(name, way, frames)
  }

  // ---- what ports ask for ----

  watch(fd: number, events: number, onEvents: (events: number) => void): void {
    this.#parts.descriptors.watch(fd, events, onEvents)
  }

  rewatch(fd: number, events: number): void {
    this.#parts.descriptors.rewatch(fd, events)
  }

  unwatch(fd: number): void {
    this.#parts.descriptors.unwatch(fd)
  }

  setCall(vringId: number, fd: number): void {
    this.#parts.calls.set(vringId, fd)
  }

  setNotify(vringId: number, notify: (() => void) | undefined): void {
    this.#parts.calls.setNotify(vringId, notify)
  }

  wake(index: number): void {
    this.#parts.woken.wake(index)
  }

  request(index: number): void {
    this.#parts.requests.ask(index)
  }

  setPolled(index: number, on: boolean): void {
    this.#parts.woken.setPolled(index, on)
  }

  report(port: Port, event: PortEvent, detail: string): void {
    this.#parts.reports.make(port, event, detail)
  }

  // ---- the loop ----

  /** One turn over all ports. Returns the frames moved. */
  #turn(): number {
    const { globals, bursts, decisions, woken, hostPorts, requests, detachments, misses } = this.#parts
    this.#turns++
    globals.setF64(G_RATE_AT_US, NEVER)
    const wasIdle = this.#isIdle
    let moved = bursts.serve(wasIdle)
    decisions.runIfDue()
    bursts.publishHeld()
    if (woken.any) moved += hostPorts.receiveWoken()
    moved += hostPorts.release()
    moved += hostPorts.transmit()
    // No pause without a look at the ports at rest: of what a rate limit holds back only their polls tell.
    if (moved === 0 && !wasIdle) moved = bursts.serve(true)
    this.#isIdle = moved === 0
    requests.run(moved > 0)
    detachments.whereMemoryIsLost()
    detachments.whereCallsBlock()
    misses.map(this.#turns)
    detachments.whereProtocolIsBroken()
    return moved
  }

  /** Whether a port was woken, or has a request that may be served now. */
  get #isAsked(): boolean {
    const { woken, requests, clock } = this.#parts
    return woken.any || requests.dueUs(clock.now) === 0
  }

  #tick(now: number): void {
    const { globals, time, pace, containment, bridgeEvents, loopGuard, calls, reports, decisions } =
      this.#parts
    time.tick(now)
    pace.ticked(now, time.waitedShare)
    globals.setF64(G_WAKE_US, pace.wakeUs)
    globals.setF64(G_SPIN_US, pace.maxSpinUs)
    this.kept?.tick()
    for (const port of this.ports) containment.run(port, TICK, now)
    const report: PortHost['report'] = (port, event, detail) => this.report(port, event, detail)
    bridgeEvents.check(now, this.ports, report)
    loopGuard?.check(now, this.ports, report)
    decisions.tick(report)
    calls.send()
    reports.tick()
    if (now - this.#sweptUs < SWEEP_US) return
    this.#sweptUs = now
    this.plane.fdbSweep(-1)
  }

  /**
   * One round: turns while there is work, then at most one pause. For tests and for programs that drive the
   * engine themselves; `run` is the same without end.
   * @param maxUs longest pause in microseconds; 0 only polls
   */
  step(maxUs = 0): number {
    const { clock, pace, pauses, woken, descriptors, drain } = this.#parts
    let moved = 0
    descriptors.poll(0)
    for (let turns = 0; turns < TURNS_PER_STEP; turns++) {
      clock.read()
      if (pace.isTickDue(clock.now)) this.#tick(clock.now)
      const count = this.#turn()
      moved += count
      if (count === 0 && !this.#isAsked) break
    }
    if (moved > 0) return moved
    if (drain.isOn) drain.pause()
    else if (pace.pause(woken.any) === REST) pauses.rest(maxUs)
    else pauses.sleep(maxUs)
    return moved
  }

  /** Runs until stop(). */
  run(): void {
    const { globals, clock, pace, pauses, time, descriptors, table, drain } = this.#parts
    sharpenTimers()
    this.#isRunning = true
    time.ownsThread = true
    clock.read()
    pace.resumed(clock.now)
    while (this.#isRunning) {
      clock.read()
      const now = clock.now
      if (pace.isTickDue(now)) this.#tick(now)
      const hasWork = this.#turn() > 0 || this.#isAsked
      if (hasWork && pace.isPollDue(table.hostPorts.length > 0)) descriptors.poll(0)
      const next = pace.next(now, hasWork)
      if (next === TURN) continue
      if (drain.isOn) {
        drain.pause()
        clock.read()
        pace.resumed(clock.now)
        continue
      }
      if (next === SPIN) {
        descriptors.poll(0)
        clock.read()
        pace.spun(now, clock.now)
        globals.setF64(G_SPUN_US, pace.spunUs)
        continue
      }
      if (next === REST) pauses.rest(TICK_US)
      else pauses.sleep(TICK_US)
      clock.read()
      pace.resumed(clock.now)
    }
  }

  stop(): void {
    this.#isRunning = false
  }

  /** Turns made since the start. */
  get turns(): number {
    return this.#turns
  }

  /**
   * Removes all ports, also when one of them cannot be closed in order, and frees what the engine holds. Guests that are kept
   * are left to the next process.
   */
  close(): void {
    const { descriptors, time, detachments } = this.#parts
    if (this.kept) this.kept.isLeft = true
    doAll([
      ...this.ports.map(
        ({ name }) =>
          () =>
            this.removePort(name),
      ),
      () => descriptors.close(),
      () => time.free(),
      () => detachments.close(),
    ])
  }
}

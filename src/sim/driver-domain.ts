/**
 * The driver domain's thread: the engine's loop with modelled time. Whose burst is next, when it spins, sleeps or rests, and
 * how long frames are held is decided by the engine's own code (DeficitRoundRobin, Pace, Controller, the plane's hold rule);
 * here is what that costs.
 *
 *   unit of work = one burst of one port, or the held batches that are due; what it published is seen at its end
 */
import { DeficitRoundRobin } from '../aggregation/drr.js'
import { BURST } from '../aggregation/policy.js'
import { Controller } from '../control/controller.js'
import { DecisionInForce } from '../control/in-force.js'
import { MAX_SPIN_TURN_US, Pace, REST, SLEEP, SPIN, type Step, TICK_US, TURN } from '../control/pace.js'
import type { TuningSettings } from '../control/tuning-settings.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Costs } from './architecture.js'
import { DriverWork } from './driver-work.js'
import type { EventList } from './event-list.js'
import type { Frames } from './frames.js'
import type { Processors } from './processors.js'
import type { DepthOfRings, Moved, OnPort } from './rings.js'
import type { ThreadState, Work } from './scheduler.js'

/** As the engine's: time of a turn at weight 1, and what one is charged with at most. */
const QUANTUM_US = 20
const MAX_DEBT_US = 5_000
/** Most frames that a unit takes, those out of backlogs included. */
const MOST_MOVED = 4096

/** What a driver domain is made of. */
export interface DriverDomainParts {
  readonly name: string
  readonly events: EventList
  readonly processors: Processors
  readonly frames: Frames
  readonly rings: DepthOfRings
  readonly memory: LinearMemory
  readonly settings: TuningSettings
  readonly costs: Costs
  readonly core: number
  /** Whether it is the processor of a VM, too. */
  readonly isShared: boolean
  readonly ghz: number
  /** Cycles that a byte costs beside, because it is not in the cache. */
  readonly missCycles: number
  /** Numbers of its ports, rising; and which of them are NICs. */
  readonly ports: readonly number[]
  readonly isNic: (port: number) => boolean
  /** A port was called; or frames of it can be taken without. */
  readonly onCall: OnPort
  readonly onShown: OnPort
  /** Frames of a port were taken: its sender has room again. */
  readonly onTaken: (port: number, nowNs: number) => void
}

/** A spin that is shorter would be many events for nothing. */
const LEAST_SPIN_NS = 1000

/** The controller is looked at so long before it is due: sums of times are rounded. */
const LOOK_EARLY_US = 1

/**
 * Of what a sleep costs: before it, once it has asked for kicks, of which one that comes ends the sleep before it has begun; and after it,
 * until it looks at its clock again. As a trace of sched_switch and sched_waking on Linux 6.18 has them (docs/decisions/0020-the-scheduler-of-the-simulator.md).
 */
const LEAVING_PART = 0.3
const RETURN_PART = 0.2

/** leaving: it has asked for kicks, and is about to sleep. */
type State = 'awake' | 'spinning' | 'leaving' | 'sleeping' | 'resting'

export class DriverDomain implements Work {
  readonly name: string
  readonly weight = 1
  readonly cap = 0
  readonly cores: readonly number[]
  readonly controller: Controller
  readonly inForce: DecisionInForce
  readonly pace: Pace
  readonly order: DeficitRoundRobin
  readonly #parts: DriverDomainParts
  readonly #thread: ThreadState
  readonly #moved: Moved = {
    frames: new Int32Array(MOST_MOVED),
    count: 0,
    work: 0,
    publications: 0,
    calls: 0,
    continues: false,
  }
  readonly #timer: number
  #state: State = 'awake'
  #timerId = 0
  #pausedUs = 0
  #plannedUs = 0
  #spunUntilUs = 0
  /** What its thread had waited for its processor when the present pause began. */
  #waitedNs = 0
  #waitedAtTickNs = 0
  /** When the present turn began, bursts that are left of it, and frames that it has moved. */
  #turnUs = 0
  #left = 0
  #movedInTurn = 0
  #servesHeld = false
  readonly #work: DriverWork
  /** Frames are published one by one: each is a unit of its own. */
  /** Cycles of interrupts and wake-ups that the next unit pays for. */
  #owedCycles = 0
  /** When the controller is looked at next. */
  #lookUs = 0
  #served = -1
  #lateCalls = 0
  #wokenByCall = false

  constructor(parts: DriverDomainParts) {
    this.#parts = parts
    const { events, processors, settings, memory, core, ports } = parts
    this.name = parts.name
    this.cores = [core]
    this.inForce = new DecisionInForce(settings)
    this.controller = new Controller(memory, settings.buffer)
    const publishesEach = parts.isShared && settings.limits?.maxFrames === 1
    this.#work = new DriverWork({ ...parts, publishesEach })
    this.pace = new Pace(this.inForce)
    this.order = new DeficitRoundRobin(ports.at(-1)! + 1, QUANTUM_US, MAX_DEBT_US)
    this.#thread = processors.add(this)
    this.#timer = events.register((id, nowNs) => {
      if (id === this.#timerId && (this.#state === 'sleeping' || this.#state === 'resting'))
        processors.wake(this.#thread, nowNs)
    })
    processors.wake(this.#thread, 0)
  }

  get thread(): ThreadState {
    return this.#thread
  }

  /** Of its processor time, in microseconds: without spinning. */
  get workedUs(): number {
    return Math.max(0, this.#thread.usedNs / 1000 - this.pace.spunUs)
  }

  /** Whether whoever puts frames into a ring must notify it. */
  get wantsKicks(): boolean {
    return (this.#state === 'sleeping' || this.#state === 'leaving') && !this.#wokenByCall
  }

  get isSpinning(): boolean {
    return this.#state === 'spinning'
  }

  /** Frames lie in a transmit ring. */
  arrived(nowNs: number): void {
    if (this.isSpinning) this.#parts.processors.cut(this.#thread, nowNs)
    else if (this.wantsKicks) {
      this.#wokenByCall = true
      this.#parts.processors.wake(this.#thread, nowNs)
    }
  }

  /** The NIC's interrupt is one more thing to do. */
  interrupted(): void {
    this.#owedCycles += this.#parts.costs.driver.toVm.interrupt
  }

  begin(nowNs: number): number {
    const nowUs = nowNs / 1000
    if (this.#state === 'leaving' && !this.#wokenByCall) {
      this.#pause(SLEEP, nowUs, nowNs)
      return 0
    }
    if (this.#state !== 'awake') this.#resume(nowUs)
    for (;;) {
      const cycles = this.#next(nowUs)
      if (cycles > 0) {
        const owed = this.#owedCycles
        this.#owedCycles = 0
        return Math.max(1, Math.round((cycles + owed) / this.#parts.ghz))
      }
      const hasMoved = this.#movedInTurn > 0
      this.#movedInTurn = 0
      const step = this.pace.next(hasMoved ? this.#turnUs : nowUs, hasMoved)
      if (step === TURN) continue
      if (step === SPIN) {
        this.#state = 'spinning'
        this.#pausedUs = nowUs
        // It looks at held batches all the while: the first that is due ends it.
        const us = Math.min(this.pace.spinLeftUs(nowUs), this.#parts.rings.heldDueUs(nowUs))
        return Math.max(LEAST_SPIN_NS, Math.round(us * 1000))
      }
      if (step === SLEEP) {
        this.#state = 'leaving'
        this.#plannedUs = Number.POSITIVE_INFINITY
        this.#pausedUs = nowUs
        this.#waitedNs = this.#thread.waitedNs
        const leavingNs = this.#wakeNs(LEAVING_PART)
        if (leavingNs > 0) return leavingNs
      }
      this.#pause(step, nowUs, nowNs)
      return 0
    }
  }

  /** A part of what a sleep costs. */
  #wakeNs(part: number): number {
    return Math.round((this.#parts.costs.driver.toVm.wake * part) / this.#parts.ghz)
  }

  #resume(nowUs: number): void {
    if (this.#state === 'spinning') {
      // Until its processor was given to another: what passed since is no spinning.
      this.#spun(this.#pausedUs, this.#spunUntilUs)
      this.#state = 'awake'
      return
    }
    const isSleep = this.#state !== 'resting'
    if (isSleep) {
      const waitedUs = (this.#thread.waitedNs - this.#waitedNs) / 1000
      const wokeUs = nowUs + this.#wakeNs(RETURN_PART) / 1000
      this.pace.slept(this.#pausedUs, wokeUs, this.#plannedUs, waitedUs)
      // What it waited for its processor its frames waited. A rest is all theirs.
      this.#parts.rings.woke(nowUs - waitedUs)
    } else this.pace.rested(nowUs)
    this.pace.resumed(nowUs)
    this.#owedCycles += this.#parts.costs.driver.toVm.wake * (isSleep ? 1 - LEAVING_PART : 1)
    this.#state = 'awake'
    this.#wokenByCall = false
  }

  /** Time that it has looked for work in vain, turn by turn. */
  #spun(fromUs: number, toUs: number): void {
    for (let atUs = fromUs; atUs < toUs; atUs += MAX_SPIN_TURN_US)
      this.pace.spun(atUs, Math.min(toUs, atUs + MAX_SPIN_TURN_US))
  }

  #pause(step: Step, nowUs: number, nowNs: number): void {
    const NEVER = Number.POSITIVE_INFINITY
    const heldUs = this.#parts.rings.heldDueUs(nowUs)
    const due = { heldUs, releaseUs: NEVER, pollUs: NEVER, renotifyUs: NEVER, requestUs: NEVER }
    const us = step === SLEEP ? this.pace.sleepUs(nowUs, TICK_US, due) : this.pace.restUs(TICK_US, due)
    this.#plannedUs = us
    if (step === REST) this.#pausedUs = nowUs
    this.#state = step === SLEEP ? 'sleeping' : 'resting'
    this.#parts.events.schedule(nowNs + Math.max(1, Math.ceil(us * 1000)), this.#timer, ++this.#timerId)
  }

  /** The next thing to do; its cycles, 0: nothing. */
  #next(nowUs: number): number {
    const { rings, ports } = this.#parts
    this.#decide(nowUs)
    if (this.#left === 0 && !this.#servesHeld) {
      this.#turnUs = nowUs
      for (let at = 0; at < ports.length; at++) this.order.activate(ports[at]!)
      this.#left = ports.length
    }
    while (this.#left > 0) {
      this.#left--
      const port = this.order.next()
      if (port < 0) {
        this.#left = 0
        break
      }
      if (!rings.hasWork(port)) {
        rings.pollEmpty(port, nowUs)
        this.order.deactivate(port)
        continue
      }
      const moved = this.#clear()
      moved.continues = this.#work.continues(port)
      rings.poll(port, this.#work.publishesEach ? 1 : BURST, nowUs, moved)
      if (moved.work === 0) {
        this.order.deactivate(port)
        continue
      }
      this.#movedInTurn += moved.work
      this.#servesHeld = this.#left === 0
      const cycles = this.#work.burst(port, moved)
      this.#served = port
      this.order.charge(port, cycles / this.#parts.ghz / 1000)
      return cycles
    }
    this.#servesHeld = false
    const moved = this.#clear()
    rings.serveHeld(nowUs, moved)
    if (moved.publications === 0) return 0
    return this.#work.publication(moved)
  }

  #clear(): Moved {
    this.#moved.count = 0
    this.#moved.work = 0
    this.#moved.publications = 0
    this.#moved.calls = 0
    return this.#moved
  }

  #decide(nowUs: number): void {
    if (nowUs >= this.#lookUs) this.#look(nowUs)
    if (this.pace.isTickDue(nowUs)) this.#tick(nowUs)
  }

  #tick(nowUs: number): void {
    const { waitedNs } = this.#thread
    this.pace.ticked(nowUs, (waitedNs - this.#waitedAtTickNs) / 1000 / (nowUs - this.pace.tickUs))
    this.#waitedAtTickNs = waitedNs
  }

  /** Lets the controller run if it is due, and goes by what it has decided. Nobody else changes a model's settings. */
  #look(nowUs: number): void {
    if (this.controller.dueUs(nowUs) === 0)
      this.controller.run(nowUs, {
        workedUs: this.workedUs,
        spunUs: this.pace.spunUs,
        waitedUs: this.#thread.waitedNs / 1000,
        wakes: this.pace.wakes,
      })
    const { rings } = this.#parts
    if (this.inForce.isNew) this.inForce.take((row, limits) => rings.setLimits(row, limits))
    this.#lookUs = nowUs + this.controller.dueUs(nowUs) - LOOK_EARLY_US
  }

  end(nowNs: number): void {
    if (this.isSpinning) {
      this.#spunUntilUs = nowNs / 1000
      return
    }
    if (this.#state === 'leaving') return
    const { rings, onCall, onShown, onTaken } = this.#parts
    const port = this.#served
    this.#served = -1
    rings.show(onCall, onShown, nowNs)
    if (port >= 0) onTaken(port, nowNs)
    this.#owedCycles += (rings.lateCalls - this.#lateCalls) * this.#parts.costs.driver.toVm.call
    this.#lateCalls = rings.lateCalls
  }
}

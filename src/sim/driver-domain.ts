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
import { MAX_SPIN_TURN_US, Pace, type REST, SLEEP, SPIN, TICK_US, TURN } from '../control/pace.js'
import type { TuningSettings } from '../control/tuning-settings.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { type Costs, type FrameCycles, frameCycles } from './architecture.js'
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

type State = 'awake' | 'spinning' | 'sleeping' | 'resting'

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
  /** Bursts left in the present turn, and frames that it has moved. */
  #left = 0
  #movedInTurn = 0
  #servesHeld = false
  /**
   * Frames are published one by one: each is a unit of its own, because a receiver on this processor may run between two. Those of one
   * poll pay for it once: how many of it are left, and whose they are.
   */
  readonly #publishesEach: boolean
  #pollLeft = 0
  #polled = -1
  /** Cycles of a frame by its way, and of the NIC's driver beside. */
  readonly #toVm: FrameCycles
  readonly #fromVm: FrameCycles
  readonly #across: FrameCycles
  readonly #receiveCycles: number
  readonly #transmitCycles: number
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
    const { toVm, fromVm, across } = parts.costs.driver
    this.#toVm = frameCycles(toVm, parts.missCycles, false)
    this.#fromVm = frameCycles(fromVm, parts.missCycles, false)
    this.#across = frameCycles(across, parts.missCycles, false)
    this.#receiveCycles = toVm.nic
    this.#transmitCycles = fromVm.nic
    this.#publishesEach = parts.isShared && settings.limits?.maxFrames === 1
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
    return this.#state === 'sleeping' && !this.#wokenByCall
  }

  get isSpinning(): boolean {
    return this.#state === 'spinning'
  }

  /** Frames lie in a transmit ring. */
  arrived(nowNs: number): void {
    if (this.#state === 'spinning') this.#parts.processors.cut(this.#thread, nowNs)
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
    if (this.#state !== 'awake') this.#resume(nowUs)
    for (;;) {
      const cycles = this.#work(nowUs)
      if (cycles > 0) {
        const owed = this.#owedCycles
        this.#owedCycles = 0
        return Math.max(1, Math.round((cycles + owed) / this.#parts.ghz))
      }
      const hasMoved = this.#movedInTurn > 0
      this.#movedInTurn = 0
      const step = this.pace.next(nowUs, hasMoved)
      if (step === TURN) continue
      if (step === SPIN) {
        this.#state = 'spinning'
        this.#pausedUs = nowUs
        // It looks at held batches all the while: the first that is due ends it.
        const us = Math.min(this.pace.spinUs, this.#parts.rings.heldDueUs(nowUs))
        return Math.max(LEAST_SPIN_NS, Math.round(us * 1000))
      }
      this.#pause(step, nowUs, nowNs)
      return 0
    }
  }

  #resume(nowUs: number): void {
    if (this.#state === 'spinning') {
      // Until its processor was given to another: what passed since is no spinning.
      for (let atUs = this.#pausedUs; atUs < this.#spunUntilUs; atUs += MAX_SPIN_TURN_US)
        this.pace.spun(atUs, Math.min(this.#spunUntilUs, atUs + MAX_SPIN_TURN_US))
      this.#state = 'awake'
      return
    }
    if (this.#state === 'sleeping') {
      const waitedUs = (this.#thread.waitedNs - this.#waitedNs) / 1000
      this.pace.slept(this.#pausedUs, nowUs, this.#plannedUs, waitedUs)
      // What it waited for its processor its frames waited. A rest is all theirs.
      this.#parts.rings.woke(nowUs - waitedUs)
    } else this.pace.rested(nowUs)
    this.pace.resumed(nowUs)
    this.#owedCycles += this.#parts.costs.driver.toVm.wake
    this.#state = 'awake'
    this.#wokenByCall = false
  }

  #pause(step: typeof SLEEP | typeof REST, nowUs: number, nowNs: number): void {
    const NEVER = Number.POSITIVE_INFINITY
    const heldUs = this.#parts.rings.heldDueUs(nowUs)
    const due = { heldUs, releaseUs: NEVER, pollUs: NEVER, renotifyUs: NEVER, requestUs: NEVER }
    const us = step === SLEEP ? this.pace.sleepUs(nowUs, TICK_US, due) : this.pace.restUs(TICK_US, due)
    this.#plannedUs = us
    this.#pausedUs = nowUs
    this.#waitedNs = this.#thread.waitedNs
    this.#state = step === SLEEP ? 'sleeping' : 'resting'
    this.#parts.events.schedule(nowNs + Math.max(1, Math.ceil(us * 1000)), this.#timer, ++this.#timerId)
  }

  /** The next thing to do; its cycles, 0: nothing. */
  #work(nowUs: number): number {
    const { rings, ports } = this.#parts
    this.#decide(nowUs)
    if (this.#left === 0 && !this.#servesHeld) {
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
      moved.continues = this.#publishesEach && this.#polled === port && this.#pollLeft > 0
      rings.poll(port, this.#publishesEach ? 1 : BURST, nowUs, moved)
      if (moved.work === 0) {
        this.order.deactivate(port)
        continue
      }
      this.#movedInTurn += moved.work
      this.#servesHeld = this.#left === 0
      const cycles = Math.max(1, this.#burstCycles(port, moved))
      this.#served = port
      this.order.charge(port, cycles / this.#parts.ghz / 1000)
      return cycles
    }
    this.#servesHeld = false
    const moved = this.#clear()
    rings.serveHeld(nowUs, moved)
    if (moved.publications === 0) return 0
    return this.#publicationCycles(moved)
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
    if (this.pace.isTickDue(nowUs)) this.pace.ticked(nowUs)
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

  #burstCycles(port: number, moved: Moved): number {
    const { from, to, bytes } = this.#parts.frames
    const { isNic } = this.#parts
    let cycles = this.#pollCycles(port, moved) + this.#publicationCycles(moved)
    for (let at = 0; at < moved.count; at++) {
      const frame = moved.frames[at]!
      const isToNic = isNic(to[frame]!)
      if (isNic(from[frame]!)) {
        cycles += this.#toVm.frame + this.#toVm.byte * bytes[frame]!
        cycles += this.#receiveCycles
      } else if (isToNic) cycles += this.#fromVm.frame + this.#fromVm.byte * bytes[frame]!
      else cycles += this.#across.frame + this.#across.byte * bytes[frame]!
      if (isToNic) cycles += this.#transmitCycles
    }
    return cycles
  }

  /** One call into the plane: a burst, which a call that is due at once ends. */
  #pollCycles(port: number, moved: Moved): number {
    const { poll } = this.#parts.costs.driver.across
    if (!this.#publishesEach) return poll
    if (!moved.continues) this.#pollLeft = BURST
    this.#polled = port
    this.#pollLeft = moved.calls > 0 ? 0 : this.#pollLeft - 1
    return moved.continues ? 0 : poll
  }

  #publicationCycles({ publications, calls }: Moved): number {
    const { toVm } = this.#parts.costs.driver
    return publications * toVm.publication + calls * toVm.call
  }

  end(nowNs: number): void {
    if (this.#state === 'spinning') {
      this.#spunUntilUs = nowNs / 1000
      return
    }
    const { rings, onCall, onShown, onTaken } = this.#parts
    const port = this.#served
    this.#served = -1
    rings.show(onCall, onShown, nowNs)
    if (port >= 0) onTaken(port, nowNs)
    this.#owedCycles += (rings.lateCalls - this.#lateCalls) * this.#parts.costs.driver.toVm.call
    this.#lateCalls = rings.lateCalls
  }
}

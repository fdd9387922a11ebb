/**
 * Threads and processors. A thread works in units: `begin` says how long the next one takes, `end` makes visible what it
 * did. Between two units a processor asks its scheduler who is next; a unit is as long as a burst of frames, and is not
 * divided, except by cut(), which ends a unit of mere spinning.
 *
 *   wake(thread) --> ready --> [scheduler: next] --> switch cost --> unit --> unit --> ... nothing to do: it sleeps
 */
import type { EventList } from './event-list.js'
import type { Scheduler, ThreadState, Work } from './scheduler.js'

/** An event's number holds a processor's in its low bits, above it the number of a unit: 31 bits together. */
const CORE_BITS = 7
export const MOST_CORES = 1 << CORE_BITS
const UNIT_MASK = (1 << (31 - CORE_BITS)) - 1

/** Looks on while a model runs. Times in nanoseconds. */
export interface Tracer {
  /** A thread has worked on a processor. */
  unit(thread: string, processor: number, fromNs: number, toNs: number): void
}

/** How many there are, and what they take, in nanoseconds. */
export interface ProcessorTimes {
  readonly cores: number
  /** From one thread to another. */
  readonly switchNs: number
  /** From waking a thread of another processor to its being ready. One of the same processor is ready at once. */
  readonly wakeNs: number
}

/** All processors of a machine and the threads on them. */
export class Processors {
  readonly threads: ThreadState[] = []
  readonly busyNs: Float64Array
  switches = 0
  /** Told of every unit of work. */
  tracer: Tracer | undefined
  readonly #events: EventList
  readonly #scheduler: Scheduler
  readonly #switchNs: number
  readonly #wakeNs: number
  /** By processor: who runs (-1: nobody), who ran last, when the unit began, its number. */
  readonly #running: Int32Array
  readonly #last: Int32Array
  readonly #beganNs: Float64Array
  /** Up to when the scheduler was told what the running thread has used. */
  readonly #chargedNs: Float64Array
  readonly #units: Int32Array
  /** The processor whose thread has just ended a unit, while what that does to others is decided; -1: none. */
  #working = -1
  readonly #ended: number
  readonly #woken: number

  constructor(events: EventList, scheduler: Scheduler, { cores, switchNs, wakeNs }: ProcessorTimes) {
    this.#events = events
    this.#scheduler = scheduler
    this.#switchNs = switchNs
    this.#wakeNs = wakeNs
    this.busyNs = new Float64Array(cores)
    this.#running = new Int32Array(cores).fill(-1)
    this.#last = new Int32Array(cores).fill(-1)
    this.#beganNs = new Float64Array(cores)
    this.#chargedNs = new Float64Array(cores)
    this.#units = new Int32Array(cores)
    this.#ended = events.register((packed, nowNs) => this.#unitEnded(packed, nowNs))
    this.#woken = events.register((index, nowNs) => this.#ready(index, nowNs))
  }

  add(work: Work): ThreadState {
    // One literal: an object put together of several has a hidden class of its own in each run.
    const thread: ThreadState = {
      index: this.threads.length,
      work,
      isReady: false,
      isRunning: false,
      core: work.cores[0] ?? 0,
      usedNs: 0,
      waitedNs: 0,
      readySinceNs: 0,
      switches: 0,
    }
    this.threads.push(thread)
    this.#scheduler.add(thread)
    return thread
  }

  /**
   * A sleeping thread has something to do: it is ready after what a wake-up takes.
   * @param polls whether it is looking for it
   */
  wake(thread: ThreadState, nowNs: number, polls = false): void {
    if (thread.isReady || thread.isRunning) return
    thread.isReady = true
    if (thread.work.cores.length === 1 && thread.core === this.#working) this.#ready(thread.index, nowNs)
    else this.#events.schedule(nowNs + (polls ? 0 : this.#wakeNs), this.#woken, thread.index)
  }

  #ready(index: number, nowNs: number): void {
    const thread = this.threads[index]!
    thread.readySinceNs = nowNs
    thread.core = this.#choose(thread)
    this.#scheduler.enqueue(thread, nowNs, true)
    const running = this.#running[thread.core]!
    if (running === -1) this.#dispatch(thread.core, nowNs)
    else if (thread.core !== this.#working) {
      const other = this.threads[running]!
      if (!other.work.isSpinning) return
      this.#charge(other, nowNs)
      if (this.#scheduler.mustYield(other, nowNs)) this.cut(other, nowNs)
    }
  }

  /** Where a thread goes that was woken: an idle processor, first the one it knows; else the one with fewest waiting. */
  #choose(thread: ThreadState): number {
    const { cores } = thread.work
    if (cores.length === 1 || this.#isIdle(thread.core)) return thread.core
    let best = cores[0]!
    for (const core of cores) {
      if (this.#isIdle(core)) return core
      if (this.#scheduler.waiting(core) < this.#scheduler.waiting(best)) best = core
    }
    return best
  }

  #isIdle(core: number): boolean {
    return this.#running[core] === -1 && this.#scheduler.waiting(core) === 0
  }

  #dispatch(core: number, nowNs: number): void {
    for (;;) {
      const thread = this.#scheduler.next(core, nowNs)
      if (!thread) {
        this.#running[core] = -1
        const againNs = this.#scheduler.dueNs(core)
        if (againNs < Number.POSITIVE_INFINITY)
          this.#events.schedule(Math.max(nowNs, againNs), this.#ended, -1 - core)
        return
      }
      thread.isReady = false
      thread.isRunning = true
      thread.waitedNs += nowNs - thread.readySinceNs
      const isOther = this.#last[core] !== thread.index
      const tookNs = thread.work.begin(nowNs)
      if (tookNs <= 0) {
        thread.isRunning = false
        this.#scheduler.blocked(thread, nowNs)
        continue
      }
      if (isOther) {
        this.switches++
        thread.switches++
        this.#last[core] = thread.index
      }
      this.#begin(core, thread, nowNs, tookNs + (isOther ? this.#switchNs : 0))
      return
    }
  }

  #begin(core: number, thread: ThreadState, nowNs: number, tookNs: number): void {
    this.#running[core] = thread.index
    this.#beganNs[core] = nowNs
    this.#chargedNs[core] = nowNs
    const unit = (this.#units[core]! + 1) & UNIT_MASK
    this.#units[core] = unit
    this.#events.schedule(nowNs + tookNs, this.#ended, unit * MOST_CORES + core)
  }

  /** What a running thread has used since it was told last. */
  #charge(thread: ThreadState, nowNs: number): void {
    const { core } = thread
    const usedNs = nowNs - this.#chargedNs[core]!
    this.#chargedNs[core] = nowNs
    thread.usedNs += usedNs
    this.busyNs[core]! += usedNs
    this.#scheduler.charge(thread, usedNs, nowNs)
  }

  /** Ends the unit that a thread is in, now: it was only waiting for something to happen. */
  cut(thread: ThreadState, nowNs: number): void {
    if (!thread.isRunning || this.#running[thread.core] !== thread.index) return
    this.#unitEnded(this.#units[thread.core]! * MOST_CORES + thread.core, nowNs)
  }

  #unitEnded(packed: number, nowNs: number): void {
    if (packed < 0) {
      const core = -1 - packed
      if (this.#running[core] === -1) this.#dispatch(core, nowNs)
      return
    }
    const core = packed & (MOST_CORES - 1)
    // One that was cut has ended before.
    if (packed >>> CORE_BITS !== this.#units[core] || this.#running[core] === -1) return
    const thread = this.threads[this.#running[core]!]!
    this.tracer?.unit(thread.work.name, core, this.#beganNs[core]!, nowNs)
    this.#charge(thread, nowNs)
    this.#units[core] = (this.#units[core]! + 1) & UNIT_MASK
    this.#working = core
    thread.work.end(nowNs)
    this.#working = -1
    if (!this.#scheduler.mustYield(thread, nowNs)) {
      const tookNs = thread.work.begin(nowNs)
      if (tookNs > 0) {
        this.#begin(core, thread, nowNs, tookNs)
        return
      }
      thread.isRunning = false
      this.#scheduler.blocked(thread, nowNs)
    } else {
      thread.isRunning = false
      thread.isReady = true
      thread.readySinceNs = nowNs
      this.#scheduler.enqueue(thread, nowNs, false)
    }
    this.#dispatch(core, nowNs)
  }
}

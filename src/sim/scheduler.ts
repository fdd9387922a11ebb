/** Threads as a scheduler sees them, and what it decides: who runs next on a processor. */

/** What runs on a processor. */
export interface Work {
  readonly name: string
  /** Relative to others. */
  readonly weight: number
  /** Most of a processor that it gets, as a share; 0: no limit. */
  readonly cap: number
  /** Processors that it may run on. */
  readonly cores: readonly number[]
  /** Whether the present unit is mere spinning: it ends as soon as another thread goes first. */
  readonly isSpinning?: boolean
  /**
   * Whether it goes before all others, as what no scheduler decides on does: interrupts, a hypervisor's other guests. Heeded by the fair
   * scheduler; under credits it takes turns as others do.
   */
  readonly isForemost?: boolean
  /** Begins a unit of work. Returns how long it takes, in nanoseconds; 0: there is nothing to do, and it sleeps. */
  begin(nowNs: number): number
  /** The unit is over. */
  end(nowNs: number): void
}

/** A thread as the processors see it. */
export interface ThreadState {
  readonly index: number
  readonly work: Work
  isReady: boolean
  isRunning: boolean
  core: number
  usedNs: number
  /** Between being ready and running. */
  waitedNs: number
  readySinceNs: number
  switches: number
}

/** All run queues of a machine. Times in nanoseconds. */
export interface Scheduler {
  add(thread: ThreadState): void
  /** The thread waits on its processor. @param isWoken it slept before; else its turn is over */
  enqueue(thread: ThreadState, nowNs: number, isWoken: boolean): void
  /** Takes the next thread of a processor's queue; undefined: nobody may run now. */
  next(core: number, nowNs: number): ThreadState | undefined
  /** Threads that wait for a processor. */
  waiting(core: number): number
  /** The running thread has used so much. */
  charge(thread: ThreadState, usedNs: number, nowNs: number): void
  /** Whether another one goes before the running thread, at the end of one of its units. */
  mustYield(thread: ThreadState, nowNs: number): boolean
  /** The running thread has nothing to do. */
  blocked(thread: ThreadState, nowNs: number): void
  /** When somebody may run again who may not now; infinite: nobody waits for time. */
  dueNs(core: number): number
}

/**
 * Fair shares as Linux gives them since 6.12 (EEVDF with delayed dequeue). A thread's virtual time is what it has had of its
 * processor, by weight; it is eligible while that is no more than the mean of all on the queue. Of the eligible ones that
 * with the earliest virtual deadline is next: a slice after its virtual time when it came.
 *
 *              blocked, not ahead of the mean
 *     QUEUED ------------------------------------> ASLEEP   remembers its lag behind the mean
 *       |  ^------------------------------------------'
 *       |   woken: placed as far behind the mean
 *       |
 *       |  blocked, ahead of the mean              picked    (mean has caught up)
 *       '-----------------------------> DELAYED ----------> ASLEEP, with no lag
 *          woken: stays where it is,       |
 *          or at the mean                  '--> on the queue all the while, and part of the mean
 *
 * Of two threads of one processor, of which one wakes the other for each frame, the woken one goes first while it is behind,
 * which each of its turns makes up for a little. When both are even it waits until the other one sleeps, or until a tick of the
 * clock decides anew, some milliseconds later; then it is behind. A trace of sched_switch shows both on Linux 6.18
 * (docs/decisions/0020-the-scheduler-of-the-simulator.md).
 *
 * Sources: Stoica, Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995; Linux 6.18, Documentation/scheduler/sched-eevdf.rst
 * and the descriptions in kernel/sched/features.h (PLACE_LAG, RUN_TO_PARITY, DELAY_DEQUEUE, DELAY_ZERO).
 */
import type { Scheduler, ThreadState } from './scheduler.js'

/** A slice is this times one more than the logarithm of the processors, of which eight count. */
const BASE_SLICE_NS = 700_000
const MOST_CORES = 8
/** Of a clock of 250 Hz, as distributions build their kernels. */
const TICK_NS = 4_000_000
/** Sums of times are rounded: so near to a mean is it. */
const ROUNDING_NS = 0.01

const ASLEEP = 0
const QUEUED = 1
const DELAYED = 2

/** A thread's account with its processor. All but the weight in nanoseconds of virtual time. */
interface Account {
  readonly thread: ThreadState
  readonly weight: number
  /** Not accounted: it goes before all others. */
  readonly isForemost: boolean
  state: typeof ASLEEP | typeof QUEUED | typeof DELAYED
  /** On whose queue it is. */
  queue: Queue
  virtualNs: number
  deadlineNs: number
  /** Used, but not yet counted. */
  uncountedNs: number
  /** Until then nobody goes before it while it is eligible. */
  protectedNs: number
  /** How far it was behind the mean when it fell asleep; below 0: ahead of it. */
  lagNs: number
}

/** A processor. */
interface Queue {
  /** All that are accounted: the running one and delayed ones, too. */
  readonly accounts: Account[]
  /** Those that are not, waiting. */
  readonly foremost: Account[]
  running: Account | undefined
  /** Woken since it was last decided who runs. */
  readonly woken: Account[]
  /** Whether the running one's slice or protection was found to be over. */
  isOver: boolean
  /** Number of the last tick that was seen. */
  tick: number
  /** The virtual time when the last one left. */
  leftNs: number
}

export class FairScheduler implements Scheduler {
  readonly #sliceNs: number
  readonly #accounts: Account[] = []
  readonly #queues: Queue[]

  constructor(cores: number) {
    this.#sliceNs = BASE_SLICE_NS * (1 + Math.floor(Math.log2(Math.min(MOST_CORES, cores))))
    this.#queues = Array.from({ length: cores }, () => ({
      ...{ accounts: [], foremost: [], running: undefined, woken: [], isOver: false },
      ...{ tick: 0, leftNs: 0 },
    }))
  }

  add(thread: ThreadState): void {
    const { weight, isForemost = false } = thread.work
    this.#accounts[thread.index] = {
      thread,
      weight,
      isForemost,
      state: ASLEEP,
      queue: this.#queues[thread.core]!,
      virtualNs: 0,
      deadlineNs: 0,
      uncountedNs: 0,
      protectedNs: 0,
      lagNs: 0,
    }
  }

  waiting(core: number): number {
    const { accounts, foremost, running } = this.#queues[core]!
    let waiting = foremost.length
    for (const account of accounts) if (account.state === QUEUED && account !== running) waiting++
    return waiting
  }

  /** Weights of all on the queue. */
  #weights({ accounts }: Queue): number {
    let weights = 0
    for (const { weight } of accounts) weights += weight
    return weights
  }

  /** The weighted mean of their virtual times. */
  #meanNs(queue: Queue): number {
    const { accounts } = queue
    if (accounts.length === 0) return queue.leftNs
    if (accounts.length === 1) return accounts[0]!.virtualNs
    let sum = 0
    for (const { weight, virtualNs } of accounts) sum += weight * virtualNs
    return sum / this.#weights(queue)
  }

  /** Counts what the running one has used; a slice that is used up is followed by another. */
  #count(queue: Queue): void {
    const { running, accounts } = queue
    if (!running || running.uncountedNs === 0) return
    running.virtualNs += running.uncountedNs / running.weight
    running.uncountedNs = 0
    const isUsedUp = running.virtualNs >= running.deadlineNs
    if (isUsedUp) running.deadlineNs = running.virtualNs + this.#sliceNs / running.weight
    if (accounts.length > 1 && (isUsedUp || running.virtualNs >= running.protectedNs)) queue.isOver = true
  }

  /** Puts one on the queue as far behind the mean as its lag says. */
  #place(account: Account, queue: Queue): void {
    const { weight, lagNs } = account
    const meanNs = this.#meanNs(queue)
    const others = this.#weights(queue)
    // Once it is there the mean itself lies nearer to it.
    account.virtualNs = others === 0 ? meanNs : meanNs - (lagNs * (others + weight)) / others
    account.deadlineNs = account.virtualNs + this.#sliceNs / weight
    account.state = QUEUED
    account.queue = queue
    queue.accounts.push(account)
  }

  #remove(account: Account): void {
    const { queue } = account
    const { accounts } = queue
    accounts[accounts.indexOf(account)] = accounts[accounts.length - 1]!
    accounts.length--
    account.state = ASLEEP
    if (accounts.length === 0) queue.leftNs = account.virtualNs
  }

  #lagOf({ virtualNs, weight, queue }: Account): number {
    const most = Math.max(2 * this.#sliceNs, TICK_NS) / weight
    return Math.max(-most, Math.min(most, this.#meanNs(queue) - virtualNs))
  }

  enqueue(thread: ThreadState, _nowNs: number, isWoken: boolean): void {
    const account = this.#accounts[thread.index]!
    const queue = this.#queues[thread.core]!
    if (account.isForemost) {
      queue.foremost.push(account)
      return
    }
    // Its turn is over: it is on the queue.
    if (!isWoken) return
    if (account.state === DELAYED && account.queue !== queue) this.#takeOff(account)
    if (account.state === DELAYED) this.#wakeDelayed(account)
    else {
      this.#count(queue)
      this.#place(account, queue)
    }
    queue.woken.push(account)
  }

  /** One that was left on the queue: the running one's time is counted after this. */
  #wakeDelayed(account: Account): void {
    const { queue } = account
    account.state = QUEUED
    if (this.#lagOf(account) <= 0) return
    this.#remove(account)
    account.lagNs = 0
    this.#place(account, queue)
  }

  #takeOff(account: Account): void {
    account.lagNs = Math.min(0, this.#lagOf(account))
    this.#remove(account)
  }

  /** Who should have the processor, of those that are accounted. */
  #first({ accounts, running }: Queue, meanNs: number): Account | undefined {
    const mostNs = meanNs + ROUNDING_NS
    const isEligible = running?.state === QUEUED && running.virtualNs <= mostNs
    if (isEligible && running.virtualNs < running.protectedNs) return running
    let first = isEligible ? running : undefined
    let least: Account | undefined
    for (const account of accounts) {
      if (!least || account.virtualNs < least.virtualNs) least = account
      if (account === running || account.virtualNs > mostNs) continue
      if (!first || account.deadlineNs < first.deadlineNs) first = account
    }
    return first ?? least
  }

  next(core: number, nowNs: number): ThreadState | undefined {
    const queue = this.#queues[core]!
    queue.tick = Math.floor(nowNs / TICK_NS)
    const foremost = queue.foremost.shift()
    if (foremost) return foremost.thread
    this.#count(queue)
    queue.woken.length = 0
    queue.isOver = false
    for (;;) {
      const first = this.#first(queue, this.#meanNs(queue))
      if (!first) {
        queue.running = undefined
        return undefined
      }
      if (first.state === QUEUED) {
        if (first !== queue.running) first.protectedNs = first.deadlineNs
        queue.running = first
        return first.thread
      }
      this.#takeOff(first)
    }
  }

  charge({ index }: ThreadState, usedNs: number): void {
    const account = this.#accounts[index]!
    if (!account.isForemost) account.uncountedNs += usedNs
  }

  mustYield({ index, core }: ThreadState, nowNs: number): boolean {
    const queue = this.#queues[core]!
    const account = this.#accounts[index]!
    if (account.isForemost) return false
    if (queue.foremost.length > 0) return true
    const tick = Math.floor(nowNs / TICK_NS)
    const isTick = tick !== queue.tick
    queue.tick = tick
    if (queue.accounts.length < 2) {
      queue.woken.length = 0
      if (isTick) this.#count(queue)
      return false
    }
    if (isTick || queue.woken.length > 0) this.#count(queue)
    // The groups of the sessions have slices, too: a tick finds one of them used up, and decides anew.
    if (isTick || queue.isOver) return true
    if (queue.woken.length === 0) return false
    const first = this.#first(queue, this.#meanNs(queue))
    const goes = first !== account && queue.woken.includes(first!)
    queue.woken.length = 0
    return goes
  }

  blocked({ index, core }: ThreadState): void {
    const account = this.#accounts[index]!
    if (account.isForemost) return
    const queue = this.#queues[core]!
    queue.running = account
    this.#count(queue)
    queue.running = undefined
    if (account.virtualNs > this.#meanNs(queue) + ROUNDING_NS) {
      account.state = DELAYED
      return
    }
    account.lagNs = this.#lagOf(account)
    this.#remove(account)
  }

  dueNs(): number {
    return Number.POSITIVE_INFINITY
  }
}

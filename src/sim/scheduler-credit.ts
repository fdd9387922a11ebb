/**
 * Xen's credit scheduler: every 30 ms all that were active get credits by weight, every 10 ms the running one pays 100; who
 * has credits goes before who has none, and who was woken with credits before both (boost) until it has run for a tick. A
 * cap keeps a thread from running once it has had its part. Source: Xen's xen/common/sched/credit.c, version 4.17, as
 * described by Cherkasova, Gupta, Vahdat, "Comparison of the three CPU schedulers in Xen", 2007.
 */
import type { Scheduler, ThreadState } from './scheduler.js'

const PERIOD_NS = 30_000_000
const TICK_NS = 10_000_000
const TURN_NS = 30_000_000
const BOOST = 0
const UNDER = 1
const OVER = 2

interface Account {
  readonly thread: ThreadState
  /** In nanoseconds of a processor. */
  creditNs: number
  priority: number
  turnNs: number
  /** Used since the last tick and in the present period. */
  tickNs: number
  periodNs: number
  isActive: boolean
}

export class CreditScheduler implements Scheduler {
  readonly #cores: number
  readonly #queues: Account[][]
  readonly #accounts: Account[] = []
  #periodEndNs = PERIOD_NS

  constructor(cores: number) {
    this.#cores = cores
    this.#queues = Array.from({ length: cores }, () => [])
  }

  add(thread: ThreadState): void {
    this.#accounts[thread.index] = {
      ...{ thread, creditNs: 0, priority: UNDER, turnNs: 0, tickNs: 0, periodNs: 0, isActive: false },
    }
  }

  waiting(core: number): number {
    return this.#queues[core]!.length
  }

  /** Begins new periods, as many as have passed. */
  #account(nowNs: number): void {
    if (nowNs < this.#periodEndNs) return
    this.#periodEndNs = nowNs - ((nowNs - this.#periodEndNs) % PERIOD_NS) + PERIOD_NS
    const active = this.#accounts.filter(({ isActive }) => isActive)
    const weights = active.reduce((sum, { thread }) => sum + thread.work.weight, 0)
    for (const account of active) {
      const { weight, cap } = account.thread.work
      const shareNs = (PERIOD_NS * this.#cores * weight) / weights
      account.creditNs = Math.min(
        PERIOD_NS,
        account.creditNs + (cap > 0 ? Math.min(shareNs, cap * PERIOD_NS) : shareNs),
      )
      account.priority = account.creditNs > 0 ? UNDER : OVER
      account.periodNs = 0
      account.isActive = account.thread.isReady || account.thread.isRunning
    }
  }

  enqueue(thread: ThreadState, nowNs: number, isWoken: boolean): void {
    this.#account(nowNs)
    const account = this.#accounts[thread.index]!
    account.isActive = true
    if (isWoken && account.priority === UNDER) account.priority = BOOST
    this.#queues[thread.core]!.push(account)
  }

  #mayRun({ thread, periodNs }: Account): boolean {
    return thread.work.cap === 0 || periodNs < thread.work.cap * PERIOD_NS
  }

  #best(core: number): number {
    const queue = this.#queues[core]!
    let best = -1
    for (let at = 0; at < queue.length; at++)
      if (this.#mayRun(queue[at]!) && (best < 0 || queue[at]!.priority < queue[best]!.priority)) best = at
    return best
  }

  next(core: number, nowNs: number): ThreadState | undefined {
    this.#account(nowNs)
    const best = this.#best(core)
    if (best < 0) return undefined
    const [account] = this.#queues[core]!.splice(best, 1) as [Account]
    account.turnNs = 0
    return account.thread
  }

  charge(thread: ThreadState, usedNs: number): void {
    const account = this.#accounts[thread.index]!
    account.creditNs = Math.max(-PERIOD_NS, account.creditNs - usedNs)
    account.turnNs += usedNs
    account.tickNs += usedNs
    account.periodNs += usedNs
    if (account.tickNs < TICK_NS) return
    account.tickNs -= TICK_NS
    account.priority = account.creditNs > 0 ? UNDER : OVER
  }

  mustYield(thread: ThreadState, nowNs: number): boolean {
    this.#account(nowNs)
    const account = this.#accounts[thread.index]!
    if (!this.#mayRun(account)) return true
    const best = this.#best(thread.core)
    if (best < 0) return false
    const { priority } = this.#queues[thread.core]![best]!
    return priority < account.priority || (account.turnNs >= TURN_NS && priority === account.priority)
  }

  blocked(thread: ThreadState): void {
    // One that sleeps has not used its turn up: it may be boosted again.
    const account = this.#accounts[thread.index]!
    if (account.priority === BOOST) account.priority = UNDER
  }

  dueNs(core: number): number {
    return this.#queues[core]!.length > 0 ? this.#periodEndNs : Number.POSITIVE_INFINITY
  }
}

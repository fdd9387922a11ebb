/**
 * Fair shares: who has had least of its processor, by weight, is next. A thread that slept comes back with no more than a
 * little credit. Source: Linux's CFS as described in Documentation/scheduler/sched-design-CFS.rst; its tunables as they are
 * by default on small machines.
 */
import type { Scheduler, ThreadState } from './scheduler.js'

/** Turns of all that wait come within this, and none is shorter than that, in nanoseconds. */
const LATENCY_NS = 6_000_000
const LEAST_TURN_NS = 750_000
/** One that was woken goes before the running one if it has had so much less. */
const WAKE_GRANULARITY_NS = 1_000_000
/** Credit of one that slept. */
const SLEEPER_NS = LATENCY_NS / 2

export class FairScheduler implements Scheduler {
  readonly #queues: ThreadState[][]
  /** By thread: time used by weight, and when its turn began in terms of it. */
  readonly #virtualNs: number[] = []
  readonly #turnNs: number[] = []
  readonly #leastNs: Float64Array
  readonly #isPreempted: boolean[]

  constructor(cores: number) {
    this.#queues = Array.from({ length: cores }, () => [])
    this.#leastNs = new Float64Array(cores)
    this.#isPreempted = Array.from({ length: cores }, () => false)
  }

  add({ index }: ThreadState): void {
    this.#virtualNs[index] = 0
    this.#turnNs[index] = 0
  }

  waiting(core: number): number {
    return this.#queues[core]!.length
  }

  enqueue(thread: ThreadState, _nowNs: number, isWoken: boolean): void {
    const { core, index } = thread
    if (isWoken) {
      const leastNs = this.#leastNs[core]!
      this.#virtualNs[index] = Math.max(this.#virtualNs[index]!, leastNs - SLEEPER_NS)
      if (leastNs - this.#virtualNs[index]! > WAKE_GRANULARITY_NS) this.#isPreempted[core] = true
    }
    this.#queues[core]!.push(thread)
  }

  next(core: number): ThreadState | undefined {
    const queue = this.#queues[core]!
    if (queue.length === 0) return undefined
    let best = 0
    for (let at = 1; at < queue.length; at++)
      if (this.#virtualNs[queue[at]!.index]! < this.#virtualNs[queue[best]!.index]!) best = at
    const thread = queue[best]!
    queue[best] = queue[queue.length - 1]!
    queue.length--
    this.#isPreempted[core] = false
    this.#turnNs[thread.index] = 0
    this.#leastNs[core] = Math.max(this.#leastNs[core]!, this.#virtualNs[thread.index]!)
    return thread
  }

  charge({ index, core, work }: ThreadState, usedNs: number): void {
    this.#virtualNs[index]! += usedNs / work.weight
    this.#turnNs[index]! += usedNs
    let leastNs = this.#virtualNs[index]!
    for (const other of this.#queues[core]!) leastNs = Math.min(leastNs, this.#virtualNs[other.index]!)
    this.#leastNs[core] = Math.max(this.#leastNs[core]!, leastNs)
  }

  mustYield({ index, core }: ThreadState): boolean {
    const waiting = this.#queues[core]!.length
    if (waiting === 0) return false
    return (
      this.#isPreempted[core]! || this.#turnNs[index]! >= Math.max(LEAST_TURN_NS, LATENCY_NS / (waiting + 1))
    )
  }

  blocked(): void {}

  dueNs(): number {
    return Number.POSITIVE_INFINITY
  }
}

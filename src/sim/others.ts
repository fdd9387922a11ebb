/**
 * What else a processor does: threads that no model names (a compiler, a collector, the kernel) take it from time to time, and
 * whoever is ready meanwhile waits for the end of that stretch. Stretches begin as a Poisson process, and their lengths are
 * exponential: so what a frame waits for them is, too.
 */
import type { EventList } from './event-list.js'
import type { Processors } from './processors.js'
import type { ThreadState, Work } from './scheduler.js'
import type { Stream } from './streams.js'

export interface OthersParts {
  readonly events: EventList
  readonly processors: Processors
  readonly stream: Stream
  readonly core: number
  /** Stretches a second, above 0, and how long one lasts in the mean, in microseconds. */
  readonly perS: number
  readonly meanUs: number
}

/** The others of one processor. A stretch is one unit of work: nobody goes before it is over. */
export class Others implements Work {
  readonly name: string
  readonly weight = 1
  readonly cap = 0
  readonly isForemost = true
  readonly cores: readonly number[]
  readonly #thread: ThreadState
  /** Nanoseconds that they have still to work. */
  #leftNs = 0

  constructor({ events, processors, stream, core, perS, meanUs }: OthersParts) {
    this.name = `others on processor ${core}`
    this.cores = [core]
    this.#thread = processors.add(this)
    const next = (nowNs: number): void =>
      events.schedule(nowNs + Math.ceil(stream.exponential(1e9 / perS)), come, 0)
    const come = events.register((_, nowNs) => {
      this.#leftNs += Math.ceil(stream.exponential(meanUs * 1000))
      processors.wake(this.#thread, nowNs)
      next(nowNs)
    })
    next(0)
  }

  begin(): number {
    const ns = this.#leftNs
    this.#leftNs = 0
    return ns
  }

  end(): void {}
}

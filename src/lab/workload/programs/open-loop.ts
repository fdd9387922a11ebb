/**
 * Open-loop delays. Probes leave at times that were drawn before, whatever happens to earlier ones, and the delay
 * of a probe counts from the time at which it was *due*. A closed loop waits for each answer and so leaves out just
 * the probes that a pause would have delayed (coordinated omission):
 *
 *     due         | | | | | | | | | |            a pause of 8 probes: open loop counts 8, 7, 6 ... 1
 *     answered    | |               |||||||||    closed loop counts one of 8
 */
import { DelayCounts, type DelayReport } from './delay-counts.js'
import { randomNumbers } from './random.js'

/** Times of a Poisson process in ms from 0 to `totalMs`, of `ratePerS` events a second. The seed fixes them. */
export function poissonTimes(ratePerS: number, totalMs: number, seed: number): Float64Array {
  const random = randomNumbers(seed)
  const times: number[] = []
  for (let at = 0; ; ) {
    at += (-Math.log(1 - random()) * 1000) / ratePerS
    if (at >= totalMs) return Float64Array.from(times)
    times.push(at)
  }
}

export interface OpenLoopReport extends DelayReport {
  /** Probes due in the window, and how many of them had no answer. */
  readonly due: number
  readonly lost: number
}

/** Which probes were answered, and how late. All times in ms on one clock. */
export class OpenLoopLog {
  readonly #dueMs: ArrayLike<number>
  readonly #fromMs: number
  readonly #toMs: number
  readonly #seen: Uint8Array
  readonly #counts = new DelayCounts()
  #answered = 0
  #waiting: number

  /** @param dueMs when each probe is due; those due in [fromMs, toMs) count */
  constructor(dueMs: ArrayLike<number>, fromMs: number, toMs: number) {
    this.#dueMs = dueMs
    this.#fromMs = fromMs
    this.#toMs = toMs
    this.#seen = new Uint8Array(dueMs.length)
    this.#waiting = dueMs.length
  }

  /** Probes without an answer so far. */
  get waiting(): number {
    return this.#waiting
  }

  /** An answer has come. Unknown numbers and second answers are ignored. */
  answered(number: number, atMs: number): void {
    if (this.#seen[number] !== 0) return
    this.#seen[number] = 1
    this.#waiting--
    const due = this.#dueMs[number] as number
    if (due < this.#fromMs || due >= this.#toMs) return
    this.#answered++
    this.#counts.add((atMs - due) * 1000)
  }

  report(): OpenLoopReport {
    const all = Array.from(this.#dueMs).filter((due) => due >= this.#fromMs && due < this.#toMs)
    return { ...this.#counts.report(), due: all.length, lost: all.length - this.#answered }
  }
}

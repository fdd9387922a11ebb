/**
 * Whether delay targets are kept. Every second each vif's delays of the last 10 s are held against its target:
 *
 *     no-load --100 frames--> met --p99 beyond it for 5 s--> missed --p99 within it for 10 s--> met
 *
 * A load of fewer than 100 frames in 10 s is judged by the last 5 min; with fewer than 100 frames even there, there is no p99
 * to speak of. p99 between the target and 5 % beyond it changes nothing: a histogram knows no better than 3 %. What was
 * measured with another target, another guest or before the port was added anew does not count.
 */
import { budgetWords, type ExplainedMiss, explainMiss } from './promise-cause.js'
import { EngineWindow } from './promise-engine.js'
import type { PromiseReading, VifReading } from './promise-reading.js'
import { LEAST_FRAMES, type PromiseFacts, type PromiseState, type PromiseVerdict } from './promise-verdict.js'
import { VifWindows } from './promise-windows.js'
import { promiseWords } from './promise-words.js'

/** So far beyond the target p99 is surely beyond it. */
const MISSED_FACTOR = 1.05
const MISSED_AFTER_MS = 5_000
const MET_AFTER_MS = 10_000
const [SHORT_S, LONG_S] = [10, 300]

interface Moment {
  readonly atMs: number
  readonly time: Date
}

/** The promise to one vif. */
export class VifPromise {
  readonly #windows = new VifWindows()
  #state: PromiseState = 'no-load'
  #since: Date
  #identity = ''
  /** When p99 was first beyond the target, and within it, without having been the other since. */
  #beyond: Moment | undefined
  #within: Moment | undefined
  #miss: ExplainedMiss | undefined
  #announced: PromiseState | undefined

  constructor(time: Date) {
    this.#since = time
  }

  /** What was measured so far does not count any more. */
  restart(): void {
    this.#identity = ''
  }

  /** Takes a reading. @param nowMs on a clock that never goes back; @param time the same for people */
  take(nowMs: number, time: Date, reading: VifReading, engine: EngineWindow): PromiseVerdict {
    const { row, guest, targetUs, notHeld } = reading
    const identity = [row, guest, targetUs, notHeld].join('/')
    if (identity !== this.#identity || !this.#windows.add(nowMs, reading, engine)) {
      this.#identity = identity
      this.#windows.restart(reading)
      this.#enter(reading.notHeld === undefined ? 'no-load' : 'not-held', time)
    }
    const { last10s, last300s } = this.#windows
    const judged = last10s.frames >= LEAST_FRAMES ? last10s : last300s
    const p99Us = judged.frames >= LEAST_FRAMES ? judged.quantileUs(0.99) : Number.NaN
    if (notHeld === undefined) this.#judge({ atMs: nowMs, time }, p99Us, targetUs)
    const overBudget = notHeld === undefined && this.#windows.isOverBudget(engine)
    const isLate = this.#state === 'missed' && p99Us > targetUs
    const evidence = isLate || overBudget ? this.#windows.evidence(reading, engine, judged) : undefined
    if (isLate && evidence) this.#miss = explainMiss(evidence)
    const facts: PromiseFacts = {
      name: reading.name,
      state: this.#state,
      since: this.#since.toISOString(),
      targetUs,
      missedByUs: this.#state === 'missed' ? Math.max(0, p99Us - targetUs) : null,
      cause: this.#state === 'missed' ? (this.#miss?.cause ?? null) : null,
      overBudget,
      windowS: judged === last10s ? SHORT_S : LONG_S,
      last10s: last10s.summary(targetUs),
      last300s: last300s.summary(targetUs),
      ...this.#windows.savings(),
    }
    return {
      ...facts,
      ...promiseWords(facts, reading, this.#miss, overBudget && evidence ? budgetWords(evidence) : undefined),
    }
  }

  /** The state if it is another than that which was last told: each change is told once. */
  takeChange(): 'missed' | 'met' | undefined {
    const state = this.#state
    if ((state !== 'missed' && state !== 'met') || state === this.#announced) return undefined
    // That all is well from the beginning is no news.
    const isNews = state === 'missed' || this.#announced !== undefined
    this.#announced = state
    return isNews ? state : undefined
  }

  #enter(state: PromiseState, time: Date): void {
    this.#beyond = undefined
    this.#within = undefined
    if (state !== this.#state) this.#since = time
    this.#state = state
  }

  #judge(now: Moment, p99Us: number, targetUs: number): void {
    if (Number.isNaN(p99Us)) {
      if (this.#state !== 'no-load') this.#enter('no-load', now.time)
      return
    }
    if (p99Us > MISSED_FACTOR * targetUs) {
      this.#within = undefined
      this.#beyond ??= now
      const { atMs, time } = this.#beyond
      if (this.#state !== 'missed' && now.atMs - atMs >= MISSED_AFTER_MS) this.#enter('missed', time)
      return
    }
    if (p99Us <= targetUs) {
      this.#beyond = undefined
      this.#within ??= now
    }
    const { atMs, time } = this.#within ?? now
    if (this.#state === 'no-load' || now.atMs - atMs >= MET_AFTER_MS) this.#enter('met', time)
  }
}

/** A verdict that has become another: what is told as an event. */
export interface PromiseChange {
  readonly event: 'target-missed' | 'target-met'
  readonly verdict: PromiseVerdict
}

/** Judges all vifs of a switch, reading by reading. */
export class PromiseJudge {
  readonly #engine = new EngineWindow()
  readonly #vifs = new Map<string, VifPromise>()

  /**
   * Takes a reading; one a second is meant.
   * @param nowMs on a clock that never goes back; @param time the same for people
   */
  take(
    nowMs: number,
    time: Date,
    reading: PromiseReading,
  ): { readonly verdicts: readonly PromiseVerdict[]; readonly changes: readonly PromiseChange[] } {
    this.#engine.take(nowMs, reading)
    const names = new Set(reading.vifs.map(({ name }) => name))
    for (const name of this.#vifs.keys()) if (!names.has(name)) this.#vifs.delete(name)
    const changes: PromiseChange[] = []
    const verdicts = reading.vifs.map((vif) => {
      const promise = this.#vifs.get(vif.name) ?? new VifPromise(time)
      this.#vifs.set(vif.name, promise)
      const verdict = promise.take(nowMs, time, vif, this.#engine)
      const change = promise.takeChange()
      if (change) changes.push({ event: `target-${change}`, verdict })
      return verdict
    })
    return { verdicts, changes }
  }

  /** What was measured of a vif does not count any more: it got another guest. */
  restart(name: string): void {
    this.#vifs.get(name)?.restart()
  }
}

/**
 * Keeps the processors of engine and guests awake while src/control/awake says so: from the control thread, which reads
 * what the engine counts. The engine notices nothing but that it wakes faster.
 */
import { cpus as onlineCpus } from 'node:os'
import { AwakeRule, type AwakeState } from '../control/awake.js'
import { readCounter } from '../core/counters.js'
import { EngineSigns } from '../core/globals.js'
import { C_CALLS } from '../core/layout.js'
import { allowedCpus } from '../sys/affinity.js'
import { nowUs } from '../sys/clock.js'
import { IdleThreads } from '../sys/idle-threads.js'
import { holdWakeLatency } from '../sys/wake-latency.js'

/** Between two decisions while on: threads spin on by themselves for one slice, which is longer. */
const CHECK_MS = 20
/** The same while off: looking costs time, too. */
const CALM_CHECK_MS = 80
/** Between two looks at the processors on which the switch may run. */
const CPUS_EVERY_US = 1_000_000

/** Keeping awake as it is now. Times in microseconds. */
export interface AwakeTuning {
  /** Share of the processors' time that may be burnt. */
  readonly share: number
  readonly state: AwakeState
  /** Why it is unavailable; else empty. */
  readonly reason: string
  /** The processors that are kept awake when it is on; empty before the first time. */
  readonly cpus: readonly number[]
  /** Processor time of the idle class used so far, which is no part of the engine's budget. */
  readonly burntUs: number
  /** Whether the kernel keeps all processors out of deep idle states meanwhile (PM QoS). */
  readonly holdsLatency: boolean
  /** What a wake-up costs when nothing keeps the processors awake, and as last measured; null: not known. */
  readonly asleepUs: number | null
  readonly wakeUs: number | null
}

const known = (us: number): number | null => (Number.isNaN(us) ? null : us)

export class KeepAwake {
  readonly #memory: BigUint64Array
  readonly #signs: EngineSigns
  readonly #rows: () => readonly number[]
  readonly #rule = new AwakeRule(0)
  #timer: NodeJS.Timeout | undefined
  #threads: IdleThreads | undefined
  #release: (() => void) | undefined
  #ending: Promise<void> = Promise.resolve()
  /** Of threads that have ended. */
  #burntBeforeUs = 0
  #reason = ''
  #lookedUs = 0
  /** Wake-ups so far: of the engine by its circle, calls by ports that come and go. */
  #wakes = 0
  #engineWakes: number
  readonly #calls = new Map<number, number>()

  /** @param memory the engine's linear memory; @param rows the rows of the ports that there are */
  constructor(memory: SharedArrayBuffer, rows: () => readonly number[]) {
    this.#memory = new BigUint64Array(memory)
    this.#signs = new EngineSigns(memory)
    this.#rows = rows
    this.#engineWakes = this.#signs.wakes
  }

  /** @param share of the processors' time that may be burnt; 0: never */
  set share(share: number) {
    if (share === this.#rule.share) return
    this.#rule.share = share
    this.#reason = ''
    clearTimeout(this.#timer)
    if (share === 0) {
      this.#rest()
      return
    }
    this.#countWakes()
    this.#checkIn(CHECK_MS)
  }

  get tuning(): AwakeTuning {
    const { share, state, asleepUs } = this.#rule
    const wakeUs = known(this.#signs.wakeUs)
    return {
      share,
      state: this.#reason === '' ? state : 'unavailable',
      reason: this.#reason,
      cpus: this.#threads?.cpus ?? [],
      burntUs: this.#burntUs(),
      holdsLatency: this.#release !== undefined,
      asleepUs: share === 0 ? wakeUs : known(asleepUs),
      wakeUs,
    }
  }

  #burntUs(): number {
    return this.#burntBeforeUs + (this.#threads?.burntUs() ?? 0)
  }

  #countWakes(): void {
    const engineWakes = this.#signs.wakes
    this.#wakes += (engineWakes - this.#engineWakes) >>> 0
    this.#engineWakes = engineWakes
    for (const row of this.#rows()) {
      const calls = readCounter(this.#memory, row, C_CALLS)
      // A row that was given to another port begins anew.
      this.#wakes += Math.max(0, calls - (this.#calls.get(row) ?? calls))
      this.#calls.set(row, calls)
    }
  }

  #checkIn(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), ms)
    this.#timer.unref()
  }

  #check(): void {
    try {
      const now = nowUs()
      if (now - this.#lookedUs >= CPUS_EVERY_US) this.#fitCpus(now)
      this.#countWakes()
      const state = this.#rule.decide({
        nowUs: now,
        wakes: this.#wakes,
        wakeUs: this.#signs.wakeUs,
        burntUs: this.#burntUs(),
        processors: this.#threads?.cpus.length ?? 1,
      })
      if (state === 'on') this.#keep()
      else this.#rest()
      this.#checkIn(state === 'on' ? CHECK_MS : CALM_CHECK_MS)
    } catch (error) {
      // What the machine refuses once it refuses again: say so, and go on as a switch without.
      this.#reason = (error as Error).message
      this.#rest()
    }
  }

  /** Threads for the processors on which the process may run now: they come and go by hot plug and by taskset. */
  #fitCpus(now: number): void {
    this.#lookedUs = now
    const allowed = allowedCpus(process.pid)
    const cpus = this.#threads?.cpus
    if (cpus?.length === allowed.length && cpus.every((cpu, at) => cpu === allowed[at])) return
    this.#end()
    this.#threads = new IdleThreads(allowed)
  }

  #keep(): void {
    const threads = this.#threads as IdleThreads
    if (!threads.isOn && threads.cpus.length === onlineCpus().length) this.#release = holdWakeLatency()
    threads.on()
  }

  #rest(): void {
    this.#threads?.off()
    this.#release?.()
    this.#release = undefined
  }

  #end(): void {
    this.#rest()
    const threads = this.#threads
    this.#threads = undefined
    if (!threads) return
    this.#burntBeforeUs += threads.burntUs()
    this.#ending = Promise.all([this.#ending, threads.close()]).then(() => {})
  }

  /** Ends all threads; what they burnt stays known. */
  async close(): Promise<void> {
    this.share = 0
    this.#end()
    await this.#ending
  }
}

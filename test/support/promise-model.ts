/** A switch's readings for verdicts, second by second in modelled time. */
import type { EngineFigures, Verdict, VifFigures } from '../../src/aggregation/policy.js'
import { type PromiseChange, PromiseJudge } from '../../src/control/promise.js'
import type { PromiseReading, VifReading } from '../../src/control/promise-reading.js'
import type { PromiseVerdict } from '../../src/control/promise-verdict.js'
import { COUNTER_NAMES, type CounterName } from '../../src/core/counters.js'
import { newCounts, record } from '../../src/core/histogram.js'

const MS_PER_S = 1_000
const US_PER_S = 1e6

/** Frames with one delay: before the switch came to them, and by decision. Microseconds. */
export interface ModelledFrames {
  readonly frames: number
  readonly queueUs?: number
  readonly holdUs?: number
}

/** What happens in one second. */
export interface ModelledSecond {
  readonly load?: readonly ModelledFrames[]
  readonly counted?: Partial<Record<CounterName, number>>
  readonly waitShare?: number
  readonly decided?: Verdict
  readonly figures?: EngineFigures
  readonly vifFigures?: VifFigures
  readonly wakeUs?: number
}

/** One vif of a modelled switch, judged at the end of every second. */
export class ModelledPromise {
  readonly #judge = new PromiseJudge()
  #delays = { total: newCounts(), queue: newCounts(), hold: newCounts() }
  #counts = new Map<CounterName, number>()
  #nowMs = 0
  #waitedUs = 0
  readonly changes: PromiseChange[] = []
  budget = 0.5
  reading: Pick<VifReading, 'row' | 'name' | 'guest' | 'isAttached' | 'targetUs' | 'policy' | 'notHeld'> & {
    isRateLimited: boolean
  } = {
    row: 3,
    name: 'g1',
    guest: 'a',
    isAttached: true,
    targetUs: 200,
    policy: 'adaptive',
    notHeld: undefined,
    isRateLimited: false,
  }

  /** The port was removed and added: all that is counted of it begins again. */
  addAgain(): void {
    this.#delays = { total: newCounts(), queue: newCounts(), hold: newCounts() }
    this.#counts = new Map()
  }

  restart(): void {
    this.#judge.restart('g1')
  }

  get #reading(): VifReading {
    const counts = Object.fromEntries(COUNTER_NAMES.map((name) => [name, this.#counts.get(name) ?? 0]))
    const { total, queue, hold } = this.#delays
    return {
      ...this.reading,
      delays: { total: total.slice(), queue: queue.slice(), hold: hold.slice() },
      counters: { counts: counts as Record<CounterName, number>, drops: {} },
      decided: undefined,
    }
  }

  #count(name: CounterName, by: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by)
  }

  /** So many seconds of the same. Returns the verdict at their end. */
  run(seconds: number, second: ModelledSecond): PromiseVerdict {
    let verdict: PromiseVerdict | undefined
    for (let i = 0; i < seconds; i++) verdict = this.#second(second)
    return verdict as PromiseVerdict
  }

  #second({
    load = [],
    counted = {},
    waitShare = 0,
    decided,
    figures,
    vifFigures = {},
    wakeUs,
  }: ModelledSecond): PromiseVerdict {
    this.#nowMs += MS_PER_S
    this.#waitedUs += waitShare * US_PER_S
    for (const { frames, queueUs = 0, holdUs = 0 } of load) {
      for (let i = 0; i < frames; i++) {
        record(this.#delays.queue, queueUs)
        record(this.#delays.hold, holdUs)
        record(this.#delays.total, queueUs + holdUs)
      }
      this.#count('published_frames', frames)
    }
    for (const [name, by] of Object.entries(counted)) this.#count(name as CounterName, by)
    const reading: PromiseReading = {
      budget: this.budget,
      waitedUs: this.#waitedUs,
      wakeUs,
      decision: figures && { atUs: this.#nowMs, applied: true, restUs: 0, figures, vifs: [] },
      vifs: [{ ...this.#reading, decided: decided && this.#decision(decided, vifFigures) }],
    }
    const { verdicts, changes } = this.#judge.take(this.#nowMs, new Date(this.#nowMs), reading)
    this.changes.push(...changes)
    return verdicts[0] as PromiseVerdict
  }

  #decision(verdict: Verdict, figures: VifFigures): VifReading['decided'] {
    const limits = { holdUs: 0, maxFrames: 1, maxBytes: 1, gapUs: 1, urgentPublish: false }
    return { vif: 3, limits, verdict, figures }
  }

  /** Without the vif: its port was removed. */
  runWithout(): void {
    this.#nowMs += MS_PER_S
    const reading = { ...this.undecided, vifs: [] }
    this.changes.push(...this.#judge.take(this.#nowMs, new Date(this.#nowMs), reading).changes)
  }

  /** What there is to read now, if nothing was decided yet. */
  get undecided(): PromiseReading {
    return {
      budget: this.budget,
      waitedUs: this.#waitedUs,
      wakeUs: undefined,
      decision: undefined,
      vifs: [this.#reading],
    }
  }
}

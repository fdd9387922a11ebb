import { countersSince, type PortCounters } from '../core/counters.js'
import type { MissEvidence } from './promise-cause.js'
import { DelayWindow, delaysBetween, framesBeyond } from './promise-delays.js'
import type { EngineWindow } from './promise-engine.js'
import type { VifReading } from './promise-reading.js'
import { SlidingSums } from './sliding-sums.js'

const SHORT = { stepMs: 1_000, steps: 10 } as const
const LONG = { stepMs: 10_000, steps: 30 } as const
/** Places of the sums over the short window; times in microseconds unless their name says otherwise. */
const AT = {
  published: 0,
  publishes: 1,
  calls: 2,
  bursts: 3,
  backlogged: 4,
  lateByQueue: 5,
  elapsed: 6,
  decided: 7,
  infeasible: 8,
  saved: 9,
  costed: 10,
  undecided: 11,
  floor: 12,
  floored: 13,
} as const
const SIZE = Object.keys(AT).length
/** A target counts as infeasible if it was for this part of the time. */
const OFTEN = 0.5

/** What publishing frame by frame would have cost beside, in microseconds; undefined: the policy knows no costs. */
function savedUs({ decided }: VifReading, { counts }: PortCounters): number | undefined {
  const { publishCostUs } = decided?.figures ?? {}
  return publishCostUs === undefined
    ? undefined
    : Math.max(0, counts.published_frames - counts.publishes) * publishCostUs
}

/** What was measured of one vif in the last 10 s and 5 min. Its memory is bounded: about 130 KB with a load. */
export class VifWindows {
  readonly last10s = new DelayWindow(SHORT.stepMs, SHORT.steps)
  readonly last300s = new DelayWindow(LONG.stepMs, LONG.steps)
  readonly #queue = new DelayWindow(SHORT.stepMs, SHORT.steps)
  readonly #hold = new DelayWindow(SHORT.stepMs, SHORT.steps)
  readonly #sums = new SlidingSums(SIZE, SHORT.stepMs, SHORT.steps)
  #before: VifReading | undefined

  /** Forgets all; what is counted from this reading on counts. */
  restart(reading: VifReading): void {
    for (const window of [this.last10s, this.last300s, this.#queue, this.#hold, this.#sums]) window.clear()
    this.#before = reading
  }

  /** Takes what was counted since the last reading. Returns false, taking nothing, when the counts have begun again. */
  add(nowMs: number, reading: VifReading, engine: EngineWindow): boolean {
    const before = this.#before
    if (!before) return false
    const total = delaysBetween(before.delays.total, reading.delays.total)
    const queue = delaysBetween(before.delays.queue, reading.delays.queue)
    const hold = delaysBetween(before.delays.hold, reading.delays.hold)
    const counted = countersSince(reading.counters, before.counters)
    if (!total || !queue || !hold || counted.counts.published_frames < 0) return false
    this.#before = reading
    this.last10s.add(nowMs, total)
    this.last300s.add(nowMs, total)
    this.#queue.add(nowMs, queue)
    this.#hold.add(nowMs, hold)
    this.#sums.add(nowMs, this.#values(reading, engine, counted, queue))
    return true
  }

  #values(reading: VifReading, engine: EngineWindow, counted: PortCounters, queue: Uint32Array): number[] {
    const { counts } = counted
    const { elapsedUs, isFresh } = engine
    const isInfeasible = reading.decided?.verdict === 'infeasible-cpu'
    const saved = savedUs(reading, counted)
    const values = new Array<number>(SIZE).fill(0)
    values[AT.published] = counts.published_frames
    values[AT.publishes] = counts.publishes
    values[AT.calls] = counts.calls
    values[AT.bursts] = counts.egress_bursts
    values[AT.backlogged] = counts.backlogged
    values[AT.lateByQueue] = framesBeyond(queue, reading.targetUs)
    values[AT.elapsed] = elapsedUs
    values[AT.decided] = isFresh ? elapsedUs : 0
    values[AT.infeasible] = isFresh && isInfeasible ? elapsedUs : 0
    const { queueP99Us, floorP99Us } = isFresh ? (reading.decided?.figures ?? {}) : {}
    values[AT.undecided] = (queueP99Us ?? 0) * elapsedUs
    values[AT.floor] = (floorP99Us ?? 0) * elapsedUs
    values[AT.floored] = floorP99Us === undefined ? 0 : elapsedUs
    values[AT.saved] = saved ?? 0
    values[AT.costed] = saved === undefined ? 0 : elapsedUs
    return values
  }

  #ratio(at: number, of: number): number | undefined {
    const { sums } = this.#sums
    const whole = sums[of] as number
    return whole > 0 ? (sums[at] as number) / whole : undefined
  }

  /** What aggregation brought over the short window; null: not known. */
  savings() {
    const known = (us: number): number | null => (Number.isNaN(us) ? null : us)
    const calls = this.#ratio(AT.calls, AT.published)
    return {
      queueP99Us: known(this.#queue.quantileUs(0.99)),
      holdP99Us: known(this.#hold.quantileUs(0.99)),
      batchFrames: this.#ratio(AT.published, AT.publishes) ?? null,
      callsSavedShare: calls === undefined ? null : Math.max(0, 1 - calls),
      cpuSavedShare: this.#ratio(AT.saved, AT.costed) ?? null,
    }
  }

  /** Whether keeping the targets takes more of a processor than the budget is, by the work of the switch alone. */
  isOverBudget({ neededShare = 0, budget }: EngineWindow): boolean {
    return neededShare > budget && (this.#ratio(AT.infeasible, AT.decided) ?? 0) >= OFTEN
  }

  /** What a cause is judged by. @param judged the window that the verdict rests on */
  evidence(reading: VifReading, engine: EngineWindow, judged: DelayWindow): MissEvidence {
    const { targetUs } = reading
    const framesPerUs = this.#ratio(AT.published, AT.elapsed) ?? 0
    const late = this.last10s.framesBeyond(targetUs)
    const { meanUs: queueUs } = this.#queue
    return {
      targetUs,
      p99Us: judged.quantileUs(0.99),
      queueP99Us: this.#queue.quantileUs(0.99),
      holdP99Us: this.#hold.quantileUs(0.99),
      lateShare: judged.framesBeyond(targetUs) / judged.frames,
      lateByQueueShare: late > 0 ? (this.#sums.sums[AT.lateByQueue] as number) / late : 0,
      backloggedShare: this.#ratio(AT.backlogged, AT.published) ?? 0,
      isRateLimited: reading.isRateLimited,
      burstFrames: this.#ratio(AT.published, AT.bursts) ?? 1,
      steadyBurstFrames: 1 + framesPerUs * engine.restUs,
      queuedFrames: Number.isNaN(queueUs) ? 0 : framesPerUs * queueUs,
      useShare: engine.useShare,
      waitShare: engine.waitShare,
      budget: engine.budget,
      isOverBudget: this.isOverBudget(engine),
      neededShare: engine.neededShare,
      undecidedP99Us: this.#ratio(AT.undecided, AT.decided),
      floorUs: this.#ratio(AT.floor, AT.floored),
      wakeUs: engine.wakeUs,
    }
  }
}

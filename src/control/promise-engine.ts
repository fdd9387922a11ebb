import type { EngineFigures } from '../aggregation/policy.js'
import type { PromiseReading } from './promise-reading.js'
import { SlidingSums } from './sliding-sums.js'

const STEP_MS = 1_000
const STEPS = 10
const US_PER_MS = 1_000
/** Places of the sums: times in microseconds. Figures count for the time since the last reading. */
const AT = { elapsed: 0, waited: 1, decided: 2, used: 3, needed: 4, rested: 5 } as const
const SIZE = Object.keys(AT).length

/** Share of a processor that all targets need at the longest delays that they allow, without what others took meanwhile. */
function neededShare({ needShare, trim, useShare, waitShare }: EngineFigures): number | undefined {
  if (needShare === undefined || trim === undefined || useShare === undefined) return undefined
  const wanted = useShare + (waitShare ?? 0)
  return needShare * trim * (wanted > 0 ? useShare / wanted : 1)
}

/** What the engine did in the last 10 s, as far as it explains delays. */
export class EngineWindow {
  readonly #sums = new SlidingSums(SIZE, STEP_MS, STEPS)
  #budget = 1
  #before: { readonly atMs: number; readonly waitedUs: number; readonly decidedUs: number } | undefined
  /** What a wake-up was found to cost, in microseconds; undefined: not known. */
  wakeUs: number | undefined
  /** Time since the last reading, in microseconds. */
  elapsedUs = 0
  /** Whether the controller has decided since the last reading: its figures are of now. */
  isFresh = false

  /** @param nowMs on a clock that never goes back */
  take(nowMs: number, { budget, waitedUs, wakeUs, decision }: PromiseReading): void {
    const decidedUs = decision?.atUs ?? 0
    const { atMs, ...before } = this.#before ?? { atMs: nowMs, waitedUs, decidedUs }
    this.#before = { atMs: nowMs, waitedUs, decidedUs }
    this.#budget = budget
    this.wakeUs = wakeUs
    this.elapsedUs = (nowMs - atMs) * US_PER_MS
    this.isFresh = decision !== undefined && decidedUs !== before.decidedUs
    const needed = this.isFresh ? neededShare(decision?.figures ?? {}) : undefined
    const values = new Array<number>(SIZE).fill(0)
    values[AT.elapsed] = this.elapsedUs
    values[AT.waited] = Math.max(0, waitedUs - before.waitedUs)
    if (decision && needed !== undefined) {
      values[AT.decided] = this.elapsedUs
      values[AT.used] = (decision.figures.useShare ?? 0) * this.elapsedUs
      values[AT.needed] = needed * this.elapsedUs
      values[AT.rested] = decision.restUs * (this.elapsedUs / US_PER_MS)
    }
    this.#sums.add(nowMs, values)
  }

  #share(at: number, of: number): number {
    const { sums } = this.#sums
    const whole = sums[of] as number
    return whole > 0 ? (sums[at] as number) / whole : 0
  }

  get budget(): number {
    return this.#budget
  }

  /** Share of the time in which the engine was ready to run and others had its processor. */
  get waitShare(): number {
    return this.#share(AT.waited, AT.elapsed)
  }

  /** Share of the time in which it worked, as far as it has decided. */
  get useShare(): number {
    return this.#share(AT.used, AT.decided)
  }

  /** Share of a processor that all targets need; undefined: the policy has no model, or nothing was decided. */
  get neededShare(): number | undefined {
    return (this.#sums.sums[AT.decided] as number) > 0 ? this.#share(AT.needed, AT.decided) : undefined
  }

  /** Mean rest between two polls, in microseconds. */
  get restUs(): number {
    return this.#share(AT.rested, AT.decided) * US_PER_MS
  }
}

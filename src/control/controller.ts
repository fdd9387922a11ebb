/**
 * The controller: every few milliseconds it reads what the plane counted for each vif, lets the policy decide, and writes the
 * decision down for the engine. It runs beside the engine's thread, or in it, between two turns: it knows nothing but the
 * memory that both share, and the time that it is given.
 *
 *   plane counters, histograms --> sample --> policy.decide --> tuning log --> DecisionInForce: limits in the port rows
 *   settings of the operator   ------------------^                  +--------> whoever wants to see it
 *
 * The engine's time is measured as a whole: what it used, and what it waited for its processor while others had it.
 *
 * Each tick only sees whether load or use have changed; while they stand still, decisions are far between.
 */
import { createPolicy } from '../aggregation/create.js'
import type { Policy } from '../aggregation/policy.js'
import type { MemoryViews } from '../core/memory-views.js'
import { TuningLog } from './tuning-log.js'
import { TuningReader, type VersionedSettings } from './tuning-reader.js'
import { VifMeter } from './vif-meter.js'

/** Microseconds between two ticks: while something is delayed, and while nothing is. */
export const PERIOD_US = 10_000
export const CALM_PERIOD_US = 20_000
/** Longest time between two decisions while nothing changes, in microseconds: with delays, and without. */
const LONGEST_STEADY_US = 100_000
const LONGEST_CALM_US = 500_000
/** Below this share of the budget no delay is considered. */
const CALM_USE = 0.8
/** Changes that call for a decision: of the load, as a part of it and in frames a tick; of the use, in shares of the core. */
const CHANGED_LOAD = 0.25
const CHANGED_FRAMES = 64
const CHANGED_USE = 0.1
/** After a change the estimates of the policy follow for so long, in microseconds: every tick decides. */
const FOLLOWING_US = 30_000

/** What the engine has done since its start. Times in microseconds. */
export interface EngineUse {
  /** In which it has worked. */
  readonly workedUs: number
  /** In which it has polled and found nothing, beside that. */
  readonly spunUs: number
  /** In which it was ready to run and others had its processor. */
  readonly waitedUs: number
  /** Sleeps that ended. */
  readonly wakes: number
}

/** What was done between two readings; never below 0, because an engine that begins to run by itself changes its clock. */
function between(before: EngineUse, now: EngineUse): EngineUse {
  const since = (name: keyof EngineUse): number => Math.max(0, now[name] - before[name])
  return {
    workedUs: since('workedUs'),
    spunUs: since('spunUs'),
    waitedUs: since('waitedUs'),
    wakes: since('wakes'),
  }
}

/** A time with what the engine had done and published until then. */
interface Mark {
  readonly atUs: number
  readonly done: EngineUse
  readonly frames: number
}

const NEVER = Number.NEGATIVE_INFINITY

/** Decides how long frames are held for each vif, and how the engine rests. */
export class Controller {
  readonly #memory: MemoryViews
  readonly #reader: TuningReader
  readonly #log: TuningLog
  #settings: VersionedSettings
  #policy: Policy
  /** By number of the vif. */
  readonly #meters = new Map<number, VifMeter>()
  /** The last tick, and where the present sample began; undefined before the first tick under a policy that measures. */
  #tick: Mark | undefined
  #begin: Mark | undefined
  #decidedUs = NEVER
  /** Whether the last tick saw another load, and when the last two ticks in a row did. */
  #wasOther = false
  #changedUs = NEVER
  /** Share of the core wanted and frames per microsecond at the last decision. */
  #decidedUse = 0
  #decidedRate = 0
  #delays = false

  /** @param memory the engine's; @param tuning the buffer of its TuningSettings */
  constructor(memory: MemoryViews, tuning: SharedArrayBuffer) {
    this.#memory = memory
    this.#reader = new TuningReader(tuning)
    this.#log = new TuningLog(tuning)
    this.#settings = this.#reader.settings()
    this.#policy = createPolicy(this.#settings.policy)
  }

  /** Takes over settings that have changed: the next tick decides, however calm it is. */
  #follow(): void {
    if (this.#reader.version === this.#settings.version) return
    const before = this.#settings
    const settings = this.#reader.settings()
    this.#settings = settings
    this.#decidedUs = NEVER
    const isOther = (name: 'policy' | 'budget' | 'dryRun'): boolean =>
      JSON.stringify(settings[name]) !== JSON.stringify(before[name])
    if (isOther('policy')) this.#policy = createPolicy(settings.policy)
    if (isOther('policy') || isOther('budget') || isOther('dryRun')) this.#tick = undefined
    const present = new Set(settings.rows.map(({ vif }) => vif))
    for (const vif of this.#meters.keys()) if (!present.has(vif)) this.#meters.delete(vif)
  }

  #meterOf(row: number, vif: number): VifMeter {
    let meter = this.#meters.get(vif)
    if (!meter) {
      meter = new VifMeter(this.#memory, row, vif)
      this.#meters.set(vif, meter)
    }
    return meter
  }

  /** In how many microseconds a tick is due; infinite under a policy that measures nothing, until the settings change. */
  dueUs(nowUs: number): number {
    this.#follow()
    if (this.#policy.limits) return Number.POSITIVE_INFINITY
    if (!this.#tick) return 0
    return Math.max(0, this.#tick.atUs + (this.#delays ? PERIOD_US : CALM_PERIOD_US) - nowUs)
  }

  /** Runs a tick, if one is due. @param done what the engine has done until now */
  run(nowUs: number, done: EngineUse): void {
    if (this.dueUs(nowUs) > 0) return
    const { budget, rows } = this.#settings
    let frames = 0
    for (const { row, vif } of rows) frames += this.#meterOf(row, vif).frames
    const now = { atUs: nowUs, done, frames }
    const last = this.#tick
    this.#tick = now
    if (!last || !this.#begin) {
      this.#log.ticked(done.spunUs + budget * CALM_PERIOD_US)
      // Nothing is known yet; decide on that, so that what an earlier policy left ends.
      this.#restart(now)
      this.#decide(now, { ...now, atUs: nowUs - PERIOD_US })
      return
    }
    const tickUs = nowUs - last.atUs
    const { workedUs, waitedUs } = between(last.done, done)
    const wantedUs = workedUs + waitedUs
    // What the budget leaves beside the work goes to spinning in the tick to come.
    this.#log.ticked(done.spunUs + Math.max(0, budget * tickUs - wantedUs))
    const use = wantedUs / tickUs
    const isScarce = this.#delays || use >= CALM_USE * budget
    const isChanged = isScarce && this.#hasChanged(nowUs, use, (frames - last.frames) / tickUs)
    if (!isScarce) this.#wasOther = false
    if (!this.#isWanted(nowUs, isScarce)) return
    if (isChanged && this.#decidedUs !== NEVER && nowUs - this.#begin.atUs > 2 * tickUs) {
      // A sample that is mostly of the time before the change says little: begin one, and decide at the next tick.
      this.#restart(now)
      return
    }
    this.#decide(now, this.#begin)
    this.#begin = now
  }

  #restart(now: Mark): void {
    this.#begin = now
    for (const { row, vif } of this.#settings.rows) this.#meterOf(row, vif).restart()
  }

  /**
   * Whether a decision is due. Nothing is to decide while nothing is delayed and the engine is far from its budget, and
   * little while load and use are what they were at the last decision.
   */
  #isWanted(nowUs: number, isScarce: boolean): boolean {
    if (isScarce && nowUs - this.#changedUs < FOLLOWING_US) return true
    return nowUs - this.#decidedUs >= (isScarce ? LONGEST_STEADY_US : LONGEST_CALM_US)
  }

  /** Whether use and load are others than at the last decision, twice in a row: once may be a sender that did not run. */
  #hasChanged(nowUs: number, use: number, rate: number): boolean {
    const least = CHANGED_FRAMES / PERIOD_US
    const isOther =
      Math.abs(use - this.#decidedUse) > CHANGED_USE ||
      Math.abs(rate - this.#decidedRate) > Math.max(least, CHANGED_LOAD * this.#decidedRate)
    const isChanged = isOther && this.#wasOther
    this.#wasOther = isOther
    if (isChanged) this.#changedUs = nowUs
    return isChanged
  }

  #decide(now: Mark, begin: Mark): void {
    const { version, budget, dryRun, rows } = this.#settings
    const periodUs = now.atUs - begin.atUs
    const { workedUs, waitedUs, wakes } = between(begin.done, now.done)
    const decision = this.#policy.decide({
      periodUs,
      busyUs: Math.min(workedUs, periodUs),
      waitUs: Math.min(waitedUs, periodUs),
      wakes,
      budget,
      vifs: rows.map(({ row, vif, ...settings }) => this.#meterOf(row, vif).sample(now.atUs, settings)),
    })
    this.#delays = decision.restUs > 0 || decision.vifs.some(({ limits }) => limits.holdUs > 0)
    this.#decidedUs = now.atUs
    this.#decidedUse = (workedUs + waitedUs) / periodUs
    this.#decidedRate = (now.frames - begin.frames) / periodUs
    const made = { atUs: now.atUs, version, applied: !dryRun, decision }
    this.#log.decided(made, (vif) => this.#meters.get(vif)!.p99)
  }
}

/**
 * The controller: every few milliseconds it reads what the plane counted for each vif, lets the policy decide,
 * and writes the hold limits back. It runs in the engine's thread between two turns.
 *
 *   plane counters, histograms --> sample --> policy.decide --> limits in the port rows (unless dry run)
 *                                                |
 *                                                +--> decisions as numbers in the tuning log, for whoever reads them
 *
 * The engine's time is measured as a whole: what it used, and what it waited for its processor while others had it.
 *
 * A decision stops the engine for a tenth of a millisecond or two, and every frame that comes meanwhile waits. So each tick
 * only sees whether load or use have changed; while they stand still, decisions are far between.
 */
import { createPolicy, type PolicyConfig } from '../aggregation/create.js'
import type { HoldLimits } from '../aggregation/hold-limits.js'
import type { Policy } from '../aggregation/policy.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { BUDGET_DEFAULT, POLICY_DEFAULT, VIF_DEFAULTS } from './defaults.js'
import { TuningLog } from './tuning-log.js'
import { type LoggedDecision, TuningReader } from './tuning-reader.js'
import { VifMeter, type VifSettings } from './vif-meter.js'

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

/** The policy and its budget. */
export interface ControllerOptions {
  /** Default: natural. */
  readonly policy?: PolicyConfig
  /** Share of its core that the engine may use (0 to 1). Default 0.8. */
  readonly budget?: number
}

/** A vif under control: its row, and where its hold limits go. */
export interface ControlledVif {
  readonly index: number
  readonly name: string
  setHoldLimits(limits: HoldLimits): void
}

interface Known {
  settings: VifSettings
  readonly meter: VifMeter
}

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
  readonly #memory: LinearMemory
  readonly #known = new Map<number, Known>()
  /** What it has been told and has decided; readers of other threads are given its buffer. */
  readonly log = new TuningLog()
  #policy: Policy
  #config: PolicyConfig
  #budget: number
  #dryRun = false
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
  /** How much the engine may have spun until the next tick, in microseconds since its start. */
  #spinUntilUs = Number.POSITIVE_INFINITY
  #restUs = 0
  #workUs = Number.POSITIVE_INFINITY

  constructor(memory: LinearMemory, options: ControllerOptions) {
    this.#memory = memory
    this.#config = options.policy ?? POLICY_DEFAULT
    this.#policy = createPolicy(this.#config)
    this.#budget = options.budget ?? BUDGET_DEFAULT
    this.#logSettings()
  }

  /** Whether hold limits depend on what is measured, so that the controller must run. */
  get active(): boolean {
    return this.#config.name === 'adaptive' || this.#config.name === 'dim'
  }

  /** The last decisions, oldest first, read from the log. */
  get decisions(): readonly LoggedDecision[] {
    return new TuningReader(this.log.buffer).read().decisions
  }

  #logSettings(): void {
    this.log.set({ policy: this.#config, budget: this.#budget, dryRun: this.#dryRun })
  }

  /** Changes policy, budget or dry run; what is left out stays. */
  configure(options: ControllerOptions & { readonly dryRun?: boolean }): void {
    if (options.policy !== undefined) {
      this.#config = options.policy
      this.#policy = createPolicy(options.policy)
    }
    if (options.budget !== undefined) this.#budget = options.budget
    if (options.dryRun !== undefined) this.#dryRun = options.dryRun
    this.#logSettings()
    this.#tick = undefined
    this.hurry()
  }

  setTarget(index: number, target: Partial<VifSettings>): void {
    const known = this.#knownOf(index)
    known.settings = { ...known.settings, ...target }
    this.log.setTarget(index, known.settings.targetUs, known.settings.weight)
  }

  target(index: number): VifSettings {
    return this.#knownOf(index).settings
  }

  /** The vifs have changed: the next tick decides, however calm it is. */
  hurry(): void {
    this.#decidedUs = NEVER
  }

  /** Forgets a vif that was removed. */
  forget(index: number): void {
    this.#known.delete(index)
    this.log.forget(index)
  }

  #knownOf(index: number): Known {
    let known = this.#known.get(index)
    if (!known) {
      known = { settings: VIF_DEFAULTS, meter: new VifMeter(this.#memory, index) }
      this.#known.set(index, known)
      this.log.setTarget(index, VIF_DEFAULTS.targetUs, VIF_DEFAULTS.weight)
    }
    return known
  }

  /** How long the engine sleeps between two polls without asking for kicks, in microseconds; 0 while nothing is delayed. */
  get restUs(): number {
    return this.#restUs
  }

  /** How long the engine works at a stretch before it rests all the same, in microseconds. */
  get workUs(): number {
    return this.#workUs
  }

  /**
   * Whether an engine that has spun for `spunUs` microseconds since its start may poll for a while before it sleeps:
   * nothing is delayed, and its budget has not been used up by work and by spinning.
   */
  maySpin(spunUs: number): boolean {
    return this.#restUs === 0 && spunUs < this.#spinUntilUs
  }

  /** Whether the policy measures, and a tick is due. */
  isDue(nowUs: number): boolean {
    if (!this.active) return false
    return !this.#tick || nowUs - this.#tick.atUs >= (this.#delays ? PERIOD_US : CALM_PERIOD_US)
  }

  /** Runs a tick, if one is due or the policy measures nothing. `done` is what the engine has done until now. */
  run(nowUs: number, vifs: readonly ControlledVif[], done: EngineUse): void {
    if (!this.active) {
      this.#spinUntilUs = Number.POSITIVE_INFINITY
      const now = { atUs: nowUs, done, frames: 0 }
      this.#decide(now, vifs, { ...now, atUs: nowUs - PERIOD_US })
      return
    }
    if (!this.isDue(nowUs)) return
    let frames = 0
    for (const { index } of vifs) frames += this.#knownOf(index).meter.frames
    const now = { atUs: nowUs, done, frames }
    const last = this.#tick
    this.#tick = now
    if (!last || !this.#begin) {
      this.#spinUntilUs = done.spunUs + this.#budget * CALM_PERIOD_US
      // Nothing is known yet; decide on that, so that what an earlier policy left ends.
      this.#restart(now, vifs)
      this.#decide(now, vifs, { ...now, atUs: nowUs - PERIOD_US })
      return
    }
    const tickUs = nowUs - last.atUs
    const { workedUs, waitedUs } = between(last.done, done)
    const wantedUs = workedUs + waitedUs
    // What the budget leaves beside the work goes to spinning in the tick to come.
    this.#spinUntilUs = done.spunUs + Math.max(0, this.#budget * tickUs - wantedUs)
    const use = wantedUs / tickUs
    const isScarce = this.#delays || use >= CALM_USE * this.#budget
    const isChanged = isScarce && this.#hasChanged(nowUs, use, (frames - last.frames) / tickUs)
    if (!isScarce) this.#wasOther = false
    if (!this.#isWanted(nowUs, isScarce)) return
    if (isChanged && this.#decidedUs !== NEVER && nowUs - this.#begin.atUs > 2 * tickUs) {
      // A sample that is mostly of the time before the change says little: begin one, and decide at the next tick.
      this.#restart(now, vifs)
      return
    }
    this.#decide(now, vifs, this.#begin)
    this.#begin = now
  }

  #restart(now: Mark, vifs: readonly ControlledVif[]): void {
    this.#begin = now
    for (const { index } of vifs) this.#knownOf(index).meter.restart()
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

  #decide(now: Mark, vifs: readonly ControlledVif[], begin: Mark): void {
    const periodUs = now.atUs - begin.atUs
    const { workedUs, waitedUs, wakes } = between(begin.done, now.done)
    const decision = this.#policy.decide({
      periodUs,
      busyUs: Math.min(workedUs, periodUs),
      waitUs: Math.min(waitedUs, periodUs),
      wakes,
      budget: this.#budget,
      vifs: vifs.map(({ index }) => {
        const { meter, settings } = this.#knownOf(index)
        return meter.sample(now.atUs, settings)
      }),
    })
    if (!this.#dryRun)
      for (const { vif, limits } of decision.vifs)
        vifs.find((each) => each.index === vif)?.setHoldLimits(limits)
    this.#restUs = this.#dryRun ? 0 : decision.restUs
    this.#workUs = this.#dryRun ? Number.POSITIVE_INFINITY : decision.workUs
    this.#delays = decision.restUs > 0 || decision.vifs.some(({ limits }) => limits.holdUs > 0)
    this.#decidedUs = now.atUs
    this.#decidedUse = (workedUs + waitedUs) / periodUs
    this.#decidedRate = (now.frames - begin.frames) / periodUs
    this.log.decided(now.atUs, !this.#dryRun, decision, this.#restUs, (row) => this.#knownOf(row).meter.p99)
  }
}

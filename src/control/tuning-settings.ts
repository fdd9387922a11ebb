import { createPolicy, POLICY_NAMES, type PolicyConfig } from '../aggregation/create.js'
import type { HoldLimits } from '../aggregation/hold-limits.js'
import { MAX_PORTS } from '../core/layout.js'
import { BUDGET_DEFAULT, POLICY_DEFAULT, VIF_DEFAULTS } from './defaults.js'
import { counterAt, ROW, ROW_WORDS, ROWS_AT, SETTINGS, TUNING_BYTES, vifNumber } from './tuning-layout.js'

/** The policy and its budget. */
export interface ControllerOptions {
  /** Default: natural. */
  readonly policy?: PolicyConfig
  /** Share of its core that the engine may use (0 to 1). Default 0.8. */
  readonly budget?: number
}

/** The settings of a vif. */
export interface VifSettings {
  /** p99 of the time from arrival to publication, in microseconds. */
  readonly targetUs: number
  /** Relative to other vifs. */
  readonly weight: number
}

/** What the operator has set, kept by the engine's thread and shared with whoever decides and whoever reads. */
export class TuningSettings {
  /** All of the tuning: the controller writes its part of it. */
  readonly buffer = new SharedArrayBuffer(TUNING_BYTES)
  readonly #words = new Float64Array(this.buffer)
  readonly #counter = counterAt(this.buffer, 0)
  readonly #vifs = new Map<number, VifSettings>()
  readonly #generations = new Uint32Array(MAX_PORTS)
  #policy: PolicyConfig
  #limits: HoldLimits | undefined
  #budget: number
  #dryRun = false

  constructor({ policy = POLICY_DEFAULT, budget = BUDGET_DEFAULT }: ControllerOptions = {}) {
    this.#policy = policy
    this.#budget = budget
    for (let row = 0; row < MAX_PORTS; row++) this.#writeRow(row)
    this.configure({})
  }

  /** Changes with every change of the settings. */
  get version(): number {
    return Atomics.load(this.#counter, 0)
  }

  get policy(): PolicyConfig {
    return this.#policy
  }

  /** The limits of every vif under the policy; undefined: the policy measures, so that a controller must run. */
  get limits(): HoldLimits | undefined {
    return this.#limits
  }

  get dryRun(): boolean {
    return this.#dryRun
  }

  /** Everything that `write` sets comes at once for readers; whoever decides is woken. */
  #change(write: (words: Float64Array) => void): void {
    Atomics.add(this.#counter, 0, 1)
    write(this.#words)
    Atomics.add(this.#counter, 0, 1)
    Atomics.notify(this.#counter, 0)
  }

  /** Changes policy, budget or dry run; what is left out stays. */
  configure(options: ControllerOptions & { readonly dryRun?: boolean }): void {
    const { policy = this.#policy, budget = this.#budget, dryRun = this.#dryRun } = options
    this.#policy = policy
    this.#limits = createPolicy(policy).limits
    this.#budget = budget
    this.#dryRun = dryRun
    this.#change((words) => {
      words[SETTINGS.policy] = POLICY_NAMES.indexOf(policy.name)
      words[SETTINGS.policyHoldUs] = policy.holdUs ?? Number.NaN
      words[SETTINGS.policyFrames] = policy.maxFrames ?? Number.NaN
      words[SETTINGS.budget] = budget
      words[SETTINGS.dryRun] = dryRun ? 1 : 0
    })
  }

  /** The target of a row's vif, with the defaults. */
  target(row: number): VifSettings {
    return this.#vifs.get(row) ?? VIF_DEFAULTS
  }

  setTarget(row: number, target: Partial<VifSettings>): void {
    this.#vifs.set(row, { ...this.target(row), ...target })
    this.#change(() => this.#writeRow(row))
  }

  /** The row's vif has gone: what was decided for it is nobody's. */
  forget(row: number): void {
    this.#vifs.delete(row)
    this.#generations[row] = (this.#generations[row] as number) + 1
    this.#change((words) => {
      words[ROWS_AT + row * ROW_WORDS + ROW.controlled] = 0
      this.#writeRow(row)
    })
  }

  #writeRow(row: number): void {
    const at = ROWS_AT + row * ROW_WORDS
    const { targetUs, weight } = this.target(row)
    this.#words[at + ROW.vif] = vifNumber(row, this.#generations[row] as number)
    this.#words[at + ROW.targetUs] = targetUs
    this.#words[at + ROW.weight] = weight
  }

  /** The ports that the policy decides for from now on, in their order. @param nowUs on the engine's clock */
  setControlled(rows: readonly number[], nowUs: number): void {
    this.#change((words) => {
      for (let row = 0; row < MAX_PORTS; row++) words[ROWS_AT + row * ROW_WORDS + ROW.controlled] = 0
      for (const [place, row] of rows.entries()) words[ROWS_AT + row * ROW_WORDS + ROW.controlled] = place + 1
      words[SETTINGS.changedUs] = nowUs
    })
  }

  /** How long the engine rests from now on: no setting, but what became of them. */
  set restUs(us: number) {
    this.#words[SETTINGS.restUs] = us
  }
}

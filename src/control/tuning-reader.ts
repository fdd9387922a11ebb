import { createPolicy, POLICY_NAMES, type PolicyConfig } from '../aggregation/create.js'
import type { HoldLimits } from '../aggregation/hold-limits.js'
import {
  ENGINE_FIGURES,
  type EngineFigures,
  VERDICT_NAMES,
  VIF_FIGURES,
  type VifDecision,
} from '../aggregation/policy.js'
import { MAX_PORTS } from '../core/layout.js'
import {
  counterAt,
  DECIDED,
  DECIDED_WORDS,
  DECISION,
  DECISION_HEAD_WORDS,
  DECISION_WORDS,
  DECISIONS_AT,
  DELAY,
  DELAY_WORDS,
  DELAYS,
  DELAYS_AT,
  HEAD,
  HEAD_AT,
  KEPT,
  ROW,
  ROW_WORDS,
  ROWS_AT,
  rowOfVif,
  SETTINGS,
} from './tuning-layout.js'

/** Readings of a part that changes all the time, before one is taken as it is: each number in it is whole at least. */
const MAX_READINGS = 100

/** What the operator has set for all. */
export interface SharedSettings {
  readonly policy: PolicyConfig
  readonly budget: number
  readonly dryRun: boolean
}

/** A past decision; its time in microseconds on the engine's clock. */
export interface LoggedDecision {
  readonly atUs: number
  /** Whether the limits were written: not in a dry run. */
  readonly applied: boolean
  readonly restUs: number
  readonly figures: EngineFigures
  /** `vif`: the port's row; -1 when it has gone. */
  readonly vifs: readonly VifDecision[]
}

/** What a decision has the engine do. */
export interface Orders {
  /** Version of the settings that it was made for. */
  readonly version: number
  readonly applied: boolean
  readonly restUs: number
  readonly workUs: number
  readonly vifs: readonly { readonly row: number; readonly limits: HoldLimits }[]
}

/** A port that the policy decides for. */
export interface ControlledRow {
  readonly row: number
  /** The number of the vif in it (vifNumber). */
  readonly vif: number
  readonly targetUs: number
  readonly weight: number
}

/** The tuning of one port that the policy decides for. p99 of hold, queue and total in microseconds; NaN without frames. */
export interface LoggedRow extends ControlledRow {
  readonly p99: readonly [number, number, number]
}

/** All of the tuning at one time. */
export interface LoggedTuning extends SharedSettings {
  readonly restUs: number
  readonly rows: readonly LoggedRow[]
  /** Oldest first. The last one of a policy that measures nothing is what its settings say. */
  readonly decisions: readonly LoggedDecision[]
}

/** The settings with the ports under the policy, of one version. */
export interface VersionedSettings extends SharedSettings {
  readonly version: number
  readonly rows: readonly ControlledRow[]
}

/** Reads the tuning of an engine, of this thread or of another. */
export class TuningReader {
  readonly #words: Float64Array
  readonly #settings: Int32Array
  readonly #head: Int32Array

  /** @param buffer of a TuningSettings */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Float64Array(buffer)
    this.#settings = counterAt(buffer, 0)
    this.#head = counterAt(buffer, HEAD_AT)
  }

  /** Version of the settings now, and a number that changes with every decision. */
  get version(): number {
    return Atomics.load(this.#settings, 0)
  }

  get decided(): number {
    return Atomics.load(this.#head, 0)
  }

  /** Whether the policy measures, so that a controller must run. */
  get measures(): boolean {
    return createPolicy(this.#shared().policy).limits === undefined
  }

  /** Ticks of the controller since the start: they stand still when nobody decides. */
  get ticks(): number {
    return this.#words[HEAD_AT + HEAD.ticks] as number
  }

  /** How much the engine may have spun until the next tick, in microseconds since its start. */
  get spinUntilUs(): number {
    return this.#words[HEAD_AT + HEAD.spinUntilUs] as number
  }

  /** What is read while nobody writes the parts whose counters are given. */
  #whole<Read>(counters: readonly Int32Array[], read: () => Read): Read {
    for (let readings = 1; ; readings++) {
      const before = counters.map((counter) => Atomics.load(counter, 0))
      const found = read()
      const isWhole = counters.every(
        (counter, at) => ((before[at] as number) & 1) === 0 && before[at] === Atomics.load(counter, 0),
      )
      if (isWhole || readings === MAX_READINGS) return found
    }
  }

  /** The settings as they are now. */
  settings(): VersionedSettings {
    return this.#whole([this.#settings], () => ({
      version: this.version,
      ...this.#shared(),
      rows: this.#controlled(),
    }))
  }

  /** The last decision, for the engine: the figures stay unread. Undefined before the first, and while it is being written. */
  orders(): Orders | undefined {
    const before = this.decided
    const count = this.#words[HEAD_AT + HEAD.decided] as number
    if ((before & 1) !== 0 || count === 0) return undefined
    const start = DECISIONS_AT + ((count - 1) % KEPT) * DECISION_WORDS
    const word = (at: number): number => this.#words[start + at] as number
    const vifs: { row: number; limits: HoldLimits }[] = []
    for (let place = 0; place < word(DECISION.vifs); place++) {
      const at = start + DECISION_HEAD_WORDS + place * DECIDED_WORDS
      vifs.push({ row: rowOfVif(this.#words[at + DECIDED.vif] as number), limits: this.#limits(at) })
    }
    const found = {
      ...{ version: word(DECISION.version), applied: word(DECISION.applied) === 1 },
      ...{ restUs: word(DECISION.restUs), workUs: word(DECISION.workUs), vifs },
    }
    return before === this.decided ? found : undefined
  }

  #limits(start: number): HoldLimits {
    const word = (at: number): number => this.#words[start + at] as number
    return {
      holdUs: word(DECIDED.holdUs),
      maxFrames: word(DECIDED.maxFrames),
      maxBytes: word(DECIDED.maxBytes),
      gapUs: word(DECIDED.gapUs),
      urgentPublish: word(DECIDED.urgentPublish) === 1,
    }
  }

  /** The target of a row's vif, in microseconds, whether or not the policy decides for it. */
  targetUs(row: number): number {
    return this.#words[ROWS_AT + row * ROW_WORDS + ROW.targetUs] as number
  }

  /** The tuning as it is now. @param most decisions to read, the newest ones */
  read(most: number = KEPT): LoggedTuning {
    return this.#whole([this.#settings, this.#head], () => {
      const shared = this.#shared()
      const rows = this.#controlled().map((row) => ({ ...row, p99: this.#p99(row) }))
      const set = this.#set(shared, rows)
      const made = this.#decisions(most)
      return {
        ...shared,
        restUs: this.#words[SETTINGS.restUs] as number,
        rows,
        decisions: set ? [...made, set].slice(-most) : made,
      }
    })
  }

  #shared(): SharedSettings {
    const word = (at: number): number => this.#words[at] as number
    return {
      policy: {
        name: POLICY_NAMES[word(SETTINGS.policy)] ?? 'natural',
        ...(Number.isNaN(word(SETTINGS.policyHoldUs)) ? {} : { holdUs: word(SETTINGS.policyHoldUs) }),
        ...(Number.isNaN(word(SETTINGS.policyFrames)) ? {} : { maxFrames: word(SETTINGS.policyFrames) }),
      },
      budget: word(SETTINGS.budget),
      dryRun: word(SETTINGS.dryRun) === 1,
    }
  }

  /** In the order in which the policy decides for them. */
  #controlled(): ControlledRow[] {
    const rows: (ControlledRow & { readonly place: number })[] = []
    for (let row = 0; row < MAX_PORTS; row++) {
      const at = ROWS_AT + row * ROW_WORDS
      const word = (place: number): number => this.#words[at + place] as number
      const place = word(ROW.controlled)
      if (place > 0)
        rows.push({
          ...{ row, place, vif: word(ROW.vif) },
          ...{ targetUs: word(ROW.targetUs), weight: word(ROW.weight) },
        })
    }
    return rows.sort((a, b) => a.place - b.place).map(({ place: _, ...row }) => row)
  }

  #p99({ row, vif }: ControlledRow): [number, number, number] {
    const at = DELAYS_AT + row * DELAY_WORDS
    if (this.#words[at + DELAY.owner] !== vif + 1) return [Number.NaN, Number.NaN, Number.NaN]
    return [...this.#words.subarray(at + DELAY.p99, at + DELAY.p99 + DELAYS)] as [number, number, number]
  }

  /** What the settings of a policy that measures nothing come to. */
  #set({ policy, dryRun }: SharedSettings, rows: readonly ControlledRow[]): LoggedDecision | undefined {
    const { limits } = createPolicy(policy)
    if (!limits) return undefined
    return {
      atUs: this.#words[SETTINGS.changedUs] as number,
      applied: !dryRun,
      restUs: 0,
      figures: {},
      vifs: rows.map(({ row }) => ({ vif: row, limits, verdict: 'set', figures: {} })),
    }
  }

  #decisions(most: number): LoggedDecision[] {
    const count = this.#words[HEAD_AT + HEAD.decided] as number
    const first = Math.max(0, count - Math.min(most, KEPT))
    return Array.from({ length: count - first }, (_, at) =>
      this.#decision(DECISIONS_AT + ((first + at) % KEPT) * DECISION_WORDS),
    )
  }

  #decision(start: number): LoggedDecision {
    const word = (at: number): number => this.#words[start + at] as number
    return {
      atUs: word(DECISION.atUs),
      applied: word(DECISION.applied) === 1,
      restUs: word(DECISION.restUs),
      figures: this.#figures(start + DECISION.figures, ENGINE_FIGURES),
      vifs: Array.from({ length: word(DECISION.vifs) }, (_, place) =>
        this.#vif(start + DECISION_HEAD_WORDS + place * DECIDED_WORDS),
      ),
    }
  }

  #vif(start: number): VifDecision {
    const word = (at: number): number => this.#words[start + at] as number
    const vif = word(DECIDED.vif)
    const row = rowOfVif(vif)
    return {
      vif: this.#words[ROWS_AT + row * ROW_WORDS + ROW.vif] === vif ? row : -1,
      verdict: VERDICT_NAMES[word(DECIDED.verdict)] ?? 'set',
      limits: this.#limits(start),
      figures: this.#figures(start + DECIDED.figures, VIF_FIGURES),
    }
  }

  /** Figures that are not known are left out. */
  #figures<Name extends string>(at: number, names: readonly Name[]): Partial<Record<Name, number>> {
    const figures: Partial<Record<Name, number>> = {}
    for (const [place, name] of names.entries()) {
      const value = this.#words[at + place] as number
      if (!Number.isNaN(value)) figures[name] = value
    }
    return figures
  }
}

import { POLICY_NAMES } from '../aggregation/create.js'
import {
  ENGINE_FIGURES,
  type EngineFigures,
  VERDICT_NAMES,
  VIF_FIGURES,
  type VifDecision,
} from '../aggregation/policy.js'
import { MAX_PORTS } from '../core/layout.js'
import {
  DECIDED,
  DECIDED_WORDS,
  DECISION,
  DECISION_HEAD_WORDS,
  DECISION_WORDS,
  DECISIONS_AT,
  DELAYS,
  HEAD,
  KEPT,
  ROW,
  ROW_WORDS,
  ROWS_AT,
  type TuningSettings,
} from './tuning-log.js'

/** Readings of a log that changes all the time, before one is taken as it is: each number in it is whole at least. */
const MAX_READINGS = 100

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

/** The tuning of one port that the policy decides for. p99 of hold, queue and total in microseconds; NaN without frames. */
export interface LoggedRow {
  readonly row: number
  readonly targetUs: number
  readonly weight: number
  readonly p99: readonly [number, number, number]
}

/** All of the log at one time. */
export interface LoggedTuning extends TuningSettings {
  readonly restUs: number
  readonly rows: readonly LoggedRow[]
  /** Oldest first. */
  readonly decisions: readonly LoggedDecision[]
}

/** Reads the log of an engine, of this thread or of another. */
export class TuningReader {
  readonly #words: Float64Array
  readonly #counter: Int32Array

  /** @param buffer of a TuningLog */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Float64Array(buffer)
    this.#counter = new Int32Array(buffer, HEAD.counter, 1)
  }

  /** The target that was set for a row, in microseconds, whether or not the policy decides for it; undefined: none. */
  targetUs(row: number): number | undefined {
    return this.#words[ROWS_AT + row * ROW_WORDS + ROW.targetUs] || undefined
  }

  /** The log as it is now. @param most decisions to read, the newest ones */
  read(most: number = KEPT): LoggedTuning {
    for (let readings = 1; ; readings++) {
      const before = Atomics.load(this.#counter, 0)
      const tuning = this.#read(most)
      if (((before & 1) === 0 && before === Atomics.load(this.#counter, 0)) || readings === MAX_READINGS)
        return tuning
    }
  }

  #read(most: number): LoggedTuning {
    const words = this.#words
    const head = (at: number): number => words[at] as number
    return {
      policy: {
        name: POLICY_NAMES[head(HEAD.policy)] ?? 'natural',
        ...(Number.isNaN(head(HEAD.policyHoldUs)) ? {} : { holdUs: head(HEAD.policyHoldUs) }),
        ...(Number.isNaN(head(HEAD.policyFrames)) ? {} : { maxFrames: head(HEAD.policyFrames) }),
      },
      budget: head(HEAD.budget),
      dryRun: head(HEAD.dryRun) === 1,
      restUs: head(HEAD.restUs),
      rows: this.#rows(),
      decisions: this.#decisions(most),
    }
  }

  /** In the order in which the policy decides for them. */
  #rows(): LoggedRow[] {
    const rows: (LoggedRow & { readonly place: number })[] = []
    for (let row = 0; row < MAX_PORTS; row++) {
      const at = ROWS_AT + row * ROW_WORDS
      const [place, targetUs, weight, ...delays] = this.#words.subarray(at, at + ROW.p99 + DELAYS)
      if (!place) continue
      const p99 = delays as unknown as [number, number, number]
      rows.push({ row, targetUs: targetUs as number, weight: weight as number, p99, place })
    }
    return rows.sort((a, b) => a.place - b.place).map(({ place: _, ...row }) => row)
  }

  #decisions(most: number): LoggedDecision[] {
    const count = this.#words[HEAD.decided] as number
    const first = Math.max(0, count - most)
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
    return {
      vif: word(DECIDED.row),
      verdict: VERDICT_NAMES[word(DECIDED.verdict)] ?? 'set',
      limits: {
        holdUs: word(DECIDED.holdUs),
        maxFrames: word(DECIDED.maxFrames),
        maxBytes: word(DECIDED.maxBytes),
        gapUs: word(DECIDED.gapUs),
        urgentPublish: word(DECIDED.urgentPublish) === 1,
      },
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

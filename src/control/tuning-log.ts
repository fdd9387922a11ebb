/**
 * The tuning as numbers in memory that threads share: the engine's thread writes it where it decides, anybody reads it at
 * any time. So a reading asks nothing of the engine, and words are made where somebody wants to see them.
 *
 *   head         settings of the controller, its rest, how many decisions it has made
 *   rows         by row of the port table: whether the policy decides for the port, target, weight, p99
 *   decisions    the last KEPT ones, in a ring: time, figures of the engine, then each vif with its figures
 *
 * A counter is odd while the engine writes: a reader that sees it odd, or another one afterwards, reads again.
 */
import { POLICY_NAMES, type PolicyConfig } from '../aggregation/create.js'
import { type Decision, ENGINE_FIGURES, VERDICT_NAMES, VIF_FIGURES } from '../aggregation/policy.js'
import { MAX_PORTS } from '../core/layout.js'

/** Decisions kept. */
export const KEPT = 64
// Places of the words, from the start of each part.
export const HEAD = {
  counter: 0,
  policy: 1,
  policyHoldUs: 2,
  policyFrames: 3,
  budget: 4,
  dryRun: 5,
  restUs: 6,
  decided: 7,
} as const
const HEAD_WORDS = 8
/** `controlled`: 0, or the place in the order of deciding, from 1. */
export const ROW = { controlled: 0, targetUs: 1, weight: 2, p99: 3 } as const
export const DELAYS = 3
export const ROW_WORDS = ROW.p99 + DELAYS
export const DECISION = { atUs: 0, applied: 1, restUs: 2, vifs: 3, figures: 4 } as const
export const DECISION_HEAD_WORDS = DECISION.figures + ENGINE_FIGURES.length
export const DECIDED = {
  row: 0,
  verdict: 1,
  holdUs: 2,
  maxFrames: 3,
  maxBytes: 4,
  gapUs: 5,
  urgentPublish: 6,
  figures: 7,
} as const
export const DECIDED_WORDS = DECIDED.figures + VIF_FIGURES.length
export const DECISION_WORDS = DECISION_HEAD_WORDS + MAX_PORTS * DECIDED_WORDS
export const ROWS_AT = HEAD_WORDS
export const DECISIONS_AT = ROWS_AT + MAX_PORTS * ROW_WORDS
const WORDS = DECISIONS_AT + KEPT * DECISION_WORDS
/** In place of the row of a port that has gone. */
const NO_ROW = -1

/** What the operator has set for all. */
export interface TuningSettings {
  readonly policy: PolicyConfig
  readonly budget: number
  readonly dryRun: boolean
}

/** The engine's side of the log. */
export class TuningLog {
  readonly buffer = new SharedArrayBuffer(WORDS * Float64Array.BYTES_PER_ELEMENT)
  readonly #words = new Float64Array(this.buffer)
  /** The counter, in the low half of its word. */
  readonly #counter = new Int32Array(this.buffer, HEAD.counter, 1)

  constructor() {
    for (let row = 0; row < MAX_PORTS; row++) this.#clear(row)
  }

  /** Everything that `write` sets comes at once for readers. */
  #change(write: (words: Float64Array) => void): void {
    Atomics.add(this.#counter, 0, 1)
    write(this.#words)
    Atomics.add(this.#counter, 0, 1)
  }

  set({ policy, budget, dryRun }: TuningSettings): void {
    this.#change((words) => {
      words[HEAD.policy] = POLICY_NAMES.indexOf(policy.name)
      words[HEAD.policyHoldUs] = policy.holdUs ?? Number.NaN
      words[HEAD.policyFrames] = policy.maxFrames ?? Number.NaN
      words[HEAD.budget] = budget
      words[HEAD.dryRun] = dryRun ? 1 : 0
    })
  }

  setTarget(row: number, targetUs: number, weight: number): void {
    this.#change((words) => {
      const at = ROWS_AT + row * ROW_WORDS
      words[at + ROW.targetUs] = targetUs
      words[at + ROW.weight] = weight
    })
  }

  /** The ports that the policy decides for, from now on. */
  setControlled(rows: readonly number[]): void {
    this.#change((words) => {
      for (let row = 0; row < MAX_PORTS; row++) words[ROWS_AT + row * ROW_WORDS + ROW.controlled] = 0
      for (const [place, row] of rows.entries()) words[ROWS_AT + row * ROW_WORDS + ROW.controlled] = place + 1
    })
  }

  /** A row without a port, or with one that has had no frames yet. */
  #clear(row: number): void {
    const at = ROWS_AT + row * ROW_WORDS
    this.#words.fill(0, at, at + ROW.p99).fill(Number.NaN, at + ROW.p99, at + ROW_WORDS)
  }

  /** The row's port has gone: past decisions are nobody's. */
  forget(row: number): void {
    this.#change((words) => {
      this.#clear(row)
      for (let slot = 0; slot < KEPT; slot++) {
        const decision = DECISIONS_AT + slot * DECISION_WORDS
        const vifs = words[decision + DECISION.vifs] as number
        for (let vif = 0; vif < vifs; vif++) {
          const at = decision + DECISION_HEAD_WORDS + vif * DECIDED_WORDS
          if (words[at + DECIDED.row] === row) words[at + DECIDED.row] = NO_ROW
        }
      }
    })
  }

  /**
   * Keeps a decision.
   * @param restUs how long the engine rests from now on
   * @param p99 of hold, queue and total of a row, in microseconds
   */
  decided(
    atUs: number,
    applied: boolean,
    decision: Decision,
    restUs: number,
    p99: (row: number) => readonly number[],
  ): void {
    this.#change((words) => {
      const count = words[HEAD.decided] as number
      const start = DECISIONS_AT + (count % KEPT) * DECISION_WORDS
      words[start + DECISION.atUs] = atUs
      words[start + DECISION.applied] = applied ? 1 : 0
      words[start + DECISION.restUs] = decision.restUs
      words[start + DECISION.vifs] = decision.vifs.length
      for (const [place, name] of ENGINE_FIGURES.entries())
        words[start + DECISION.figures + place] = decision.figures[name] ?? Number.NaN
      for (const [place, { vif, verdict, limits, figures }] of decision.vifs.entries()) {
        const at = start + DECISION_HEAD_WORDS + place * DECIDED_WORDS
        words[at + DECIDED.row] = vif
        words[at + DECIDED.verdict] = VERDICT_NAMES.indexOf(verdict)
        words[at + DECIDED.holdUs] = limits.holdUs
        words[at + DECIDED.maxFrames] = limits.maxFrames
        words[at + DECIDED.maxBytes] = limits.maxBytes
        words[at + DECIDED.gapUs] = limits.gapUs
        words[at + DECIDED.urgentPublish] = limits.urgentPublish ? 1 : 0
        for (const [which, name] of VIF_FIGURES.entries())
          words[at + DECIDED.figures + which] = figures[name] ?? Number.NaN
        words.set(p99(vif), ROWS_AT + vif * ROW_WORDS + ROW.p99)
      }
      words[HEAD.restUs] = restUs
      words[HEAD.decided] = count + 1
    })
  }
}

import { type Decision, ENGINE_FIGURES, VERDICT_NAMES, VIF_FIGURES } from '../aggregation/policy.js'
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
  DELAYS_AT,
  HEAD,
  HEAD_AT,
  KEPT,
  rowOfVif,
} from './tuning-layout.js'

/** A decision with its circumstances. */
export interface MadeDecision {
  readonly atUs: number
  /** Version of the settings that it was made for. */
  readonly version: number
  /** Whether it is to be carried out: not in a dry run. */
  readonly applied: boolean
  readonly decision: Decision
}

/**
 * The controller's side of the tuning: what it decides, as numbers. The engine takes its orders from them, and whoever wants
 * to see them makes words of them; nobody is asked.
 */
export class TuningLog {
  readonly #words: Float64Array
  readonly #counter: Int32Array

  /** @param buffer of the TuningSettings */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Float64Array(buffer)
    this.#counter = counterAt(buffer, HEAD_AT)
    // One that died in the middle of writing left it odd.
    if ((Atomics.load(this.#counter, 0) & 1) !== 0) Atomics.add(this.#counter, 0, 1)
  }

  /** A tick has passed. @param spinUntilUs how much the engine may have spun until the next one, since its start */
  ticked(spinUntilUs: number): void {
    const words = this.#words
    words[HEAD_AT + HEAD.spinUntilUs] = spinUntilUs
    words[HEAD_AT + HEAD.ticks] = (words[HEAD_AT + HEAD.ticks] as number) + 1
  }

  /**
   * Keeps a decision, and gives it to the engine.
   * @param p99 of hold, queue and total of a vif, in microseconds
   */
  decided({ atUs, version, applied, decision }: MadeDecision, p99: (vif: number) => readonly number[]): void {
    const words = this.#words
    Atomics.add(this.#counter, 0, 1)
    const count = words[HEAD_AT + HEAD.decided] as number
    const start = DECISIONS_AT + (count % KEPT) * DECISION_WORDS
    words[start + DECISION.atUs] = atUs
    words[start + DECISION.version] = version
    words[start + DECISION.applied] = applied ? 1 : 0
    words[start + DECISION.restUs] = decision.restUs
    words[start + DECISION.workUs] = decision.workUs
    words[start + DECISION.vifs] = decision.vifs.length
    for (const [place, name] of ENGINE_FIGURES.entries())
      words[start + DECISION.figures + place] = decision.figures[name] ?? Number.NaN
    for (const [place, { vif, verdict, limits, figures }] of decision.vifs.entries()) {
      const at = start + DECISION_HEAD_WORDS + place * DECIDED_WORDS
      words[at + DECIDED.vif] = vif
      words[at + DECIDED.verdict] = VERDICT_NAMES.indexOf(verdict)
      words[at + DECIDED.holdUs] = limits.holdUs
      words[at + DECIDED.maxFrames] = limits.maxFrames
      words[at + DECIDED.maxBytes] = limits.maxBytes
      words[at + DECIDED.gapUs] = limits.gapUs
      words[at + DECIDED.urgentPublish] = limits.urgentPublish ? 1 : 0
      for (const [which, name] of VIF_FIGURES.entries())
        words[at + DECIDED.figures + which] = figures[name] ?? Number.NaN
      const delays = DELAYS_AT + rowOfVif(vif) * DELAY_WORDS
      words[delays + DELAY.owner] = vif + 1
      words.set(p99(vif), delays + DELAY.p99)
    }
    words[HEAD_AT + HEAD.decided] = count + 1
    Atomics.add(this.#counter, 0, 1)
  }
}

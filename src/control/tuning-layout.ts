/**
 * Where the words of the tuning lie: numbers in memory that threads share, of two writers.
 *
 *   settings     by the engine's thread: what the operator has set, the rest in force, when it changed
 *   rows         by the engine's thread, by row of the port table: whether the policy decides for the port, its number,
 *                target and weight
 *   head, p99    by the controller, in whatever thread it runs: its ticks, how much may be spun, delays by row
 *   decisions    by the controller: the last KEPT ones, in a ring: time, figures of the engine, then each vif with its figures
 *
 * Each writer has a counter that is odd while it writes: a reader that sees it odd, or another one afterwards, reads again.
 * The counter of the settings is their version: a decision tells the one that it was made for, and is not carried out
 * under another.
 */
import { ENGINE_FIGURES, VIF_FIGURES } from '../aggregation/policy.js'
import { MAX_PORTS } from '../core/layout.js'

/** Decisions kept. */
export const KEPT = 64

// Places of the words, from the start of each part.
export const SETTINGS = {
  counter: 0,
  policy: 1,
  policyHoldUs: 2,
  policyFrames: 3,
  budget: 4,
  dryRun: 5,
  restUs: 6,
  changedUs: 7,
} as const
const SETTINGS_WORDS = 8
/** `controlled`: 0, or the place in the order of deciding, from 1. `vif`: see vifNumber. */
export const ROW = { controlled: 0, vif: 1, targetUs: 2, weight: 3 } as const
export const ROW_WORDS = 4
export const HEAD = { counter: 0, decided: 1, spinUntilUs: 2, ticks: 3 } as const
const HEAD_WORDS = 4
/** `owner`: whose delays they are, the number of the vif from 1; then p99 of hold, queue and total in microseconds. */
export const DELAY = { owner: 0, p99: 1 } as const
export const DELAYS = 3
export const DELAY_WORDS = DELAY.p99 + DELAYS
export const DECISION = {
  atUs: 0,
  version: 1,
  applied: 2,
  restUs: 3,
  workUs: 4,
  vifs: 5,
  figures: 6,
} as const
export const DECISION_HEAD_WORDS = DECISION.figures + ENGINE_FIGURES.length
export const DECIDED = {
  vif: 0,
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

export const ROWS_AT = SETTINGS_WORDS
export const HEAD_AT = ROWS_AT + MAX_PORTS * ROW_WORDS
export const DELAYS_AT = HEAD_AT + HEAD_WORDS
export const DECISIONS_AT = DELAYS_AT + MAX_PORTS * DELAY_WORDS
export const TUNING_BYTES = (DECISIONS_AT + KEPT * DECISION_WORDS) * Float64Array.BYTES_PER_ELEMENT

/** The number of a vif: no other vif of the engine has it, also not the next one in its row. */
export function vifNumber(row: number, generation: number): number {
  return generation * MAX_PORTS + row
}

/** The row of a vif. */
export function rowOfVif(vif: number): number {
  return vif % MAX_PORTS
}

/** The counter that begins a part, in the low half of its word. @param at place of the part's first word */
export function counterAt(buffer: SharedArrayBuffer, at: number): Int32Array {
  return new Int32Array(buffer, at * Float64Array.BYTES_PER_ELEMENT, 1)
}

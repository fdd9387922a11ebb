import type { MissCause } from './promise-cause.js'
import type { DelaySummary } from './promise-delays.js'

/** `not-held`: the policy does not hold targets. */
export const PROMISE_STATES = ['met', 'missed', 'no-load', 'not-held'] as const
/** What becomes of a delay target. */
export type PromiseState = (typeof PROMISE_STATES)[number]

/** What is known of a vif's promise before it is put in words. Times in microseconds, shares 0 to 1; null: not known. */
export interface PromiseFacts {
  readonly name: string
  readonly state: PromiseState
  /** When the state began. */
  readonly since: string
  /** p99 from arrival to publication that was asked for. */
  readonly targetUs: number
  /** By how much p99 is beyond the target, while that is missed. */
  readonly missedByUs: number | null
  readonly cause: MissCause | null
  /** Whether keeping the targets takes more of a processor than the budget is: they come before it. */
  readonly overBudget: boolean
  /** Length of the window that the verdict rests on: 10, or 300 where that has too few frames. */
  readonly windowS: number
  readonly last10s: DelaySummary
  readonly last300s: DelaySummary
  /** Parts of the delay over 10 s: before the switch came to the frames, and by decision. */
  readonly queueP99Us: number | null
  readonly holdP99Us: number | null
  /** Over 10 s: frames a publication, and calls that were not made for them, of one a frame. */
  readonly batchFrames: number | null
  readonly callsSavedShare: number | null
  /** Share of a processor that publishing frame by frame would have cost beside, by the cost model of the policy. */
  readonly cpuSavedShare: number | null
}

/** A verdict: the facts, and the same in sentences. */
export interface PromiseVerdict extends PromiseFacts {
  /** "missed by 812 us since 2026-01-31T12:00:00Z because ..." */
  readonly sentence: string
  /** What an operator can do about it; empty where there is nothing to do. */
  readonly advice: string
}

/** A p99 of fewer frames says less than its name. */
export const LEAST_FRAMES = 100

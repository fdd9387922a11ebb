/** Part of a processor that deciding may take. A machine that others share, or a slow one, has other things to do with the rest. */
export const DECIDING_SHARE = 0.1
/** Shorter rests are added up: to end one takes time as well. */
const LEAST_REST_US = 1_000
/** Longer ones would be taken for the silence of a thread that has died. */
const LONGEST_REST_US = 500_000

/**
 * Keeps a thread to a share of a processor: what it has used is followed by a rest in proportion. What it does takes a share of
 * the time that nobody chose, because it takes many times as long on an emulated processor, or before V8 has compiled it.
 * Times in microseconds.
 */
export class Duty {
  readonly #restPerUse: number
  #usedUs: number
  #owedUs = 0
  #restUntilUs = Number.NEGATIVE_INFINITY
  /** Whether it has been let work since the last rest. */
  #hasWorked = false

  /** @param share above 0 to 1; @param usedUs processor time of the thread until now, which is not counted */
  constructor(share: number, usedUs: number) {
    this.#restPerUse = 1 / share - 1
    this.#usedUs = usedUs
  }

  /**
   * How long the thread rests now. After each rest it may work once before the next one begins, whatever it has used meanwhile: where to end
   * a rest and to look at the clock takes longer than is allowed for, it would do nothing else.
   * @param usedUs its processor time until now
   */
  restUs(nowUs: number, usedUs: number): number {
    this.#owedUs += (usedUs - this.#usedUs) * this.#restPerUse
    this.#usedUs = usedUs
    if (nowUs < this.#restUntilUs) return this.#restUntilUs - nowUs
    if (this.#hasWorked && this.#owedUs >= LEAST_REST_US) {
      const us = Math.min(this.#owedUs, LONGEST_REST_US)
      this.#restUntilUs = nowUs + us
      this.#owedUs = 0
      this.#hasWorked = false
      return us
    }
    this.#hasWorked = true
    return 0
  }
}

/** What a thread that decides does next. */
export const DECIDE = 0
export const PREPARE = 1
export const WAIT = 2

/**
 * What comes first: nothing while the thread rests; a decision that is due, although code that V8 has not compiled yet takes
 * longer for it; and when none is due, a piece of making the code ready.
 */
export function nextOf(
  restUs: number,
  dueUs: number,
  isReady: boolean,
): typeof DECIDE | typeof PREPARE | typeof WAIT {
  if (restUs > 0) return WAIT
  if (dueUs === 0) return DECIDE
  return isReady ? WAIT : PREPARE
}

/**
 * Whether the processors are kept awake. A processor that sleeps wakes a thread later than one that does not: what crosses
 * the switch pays that at each wake-up, of the engine and of guests. Keeping processors awake burns time that nobody else
 * wants, which costs energy and, where processors are billed, money: so it is bounded by a share of its own, and done only
 * while it is worth it.
 *
 *            wake-ups take 2 % of the time                  the share is spent
 *   QUIET ----------------------------------> ON ----------------------------------> SPENT
 *     ^                                        |                                       |
 *     |  less than 1 % for 200 ms              |        half of a full allowance again |
 *     +----------------------------------------+---------------------------------------+
 *
 * The share is an allowance that grows with time and that what was burnt is taken from; at most what ten seconds bring is
 * saved up. What a wake-up costs is known from before: kept awake, processors wake fast.
 *
 * No clock, no system call; all times in microseconds.
 */

export const AWAKE_STATES = ['off', 'cheap', 'quiet', 'on', 'spent', 'unavailable'] as const
/**
 * `off`: the share is 0. `cheap`: a wake-up costs too little, or it is not known yet. `quiet`: too little crosses. `spent`: the
 * share is used up for now. `unavailable`: this machine cannot.
 */
export type AwakeState = (typeof AWAKE_STATES)[number]

/** Share of the processors' time that may be burnt when nothing is said: none. It costs energy and billed time. */
export const AWAKE_DEFAULT = 0
/** Wake-ups that cost less are no worse than changing threads. */
export const LEAST_WAKE_US = 5
/** Share of the time that wake-ups must take to be worth it, and below what they are not any more. */
export const WORTH_SHARE = 0.02
export const QUIET_SHARE = 0.01
/** So long little must have crossed. */
export const QUIET_US = 200_000
/** What the allowance may save up, as the time in which it comes. */
export const ALLOWANCE_US = 10_000_000
/** A spent allowance is used again at this part of a full one. */
const RESUMED_PART = 0.5
/** After processors were kept awake, what wake-ups are measured to cost is of that time for so long. */
export const SETTLE_US = 5_000_000

/** What is seen at one time. */
export interface AwakeSample {
  readonly nowUs: number
  /** Wake-ups of the engine and calls to guests, since the start. */
  readonly wakes: number
  /** What one costs as measured; NaN: not known. */
  readonly wakeUs: number
  /** Time of idle-class threads since the start. */
  readonly burntUs: number
  /** Processors that would be kept awake. */
  readonly processors: number
}

export class AwakeRule {
  #share: number
  #state: AwakeState = 'off'
  #last: AwakeSample | undefined
  #allowanceUs = 0
  #busyUs = Number.NEGATIVE_INFINITY
  #onUs = Number.NEGATIVE_INFINITY
  #asleepUs = Number.NaN

  /** @param share of the processors' time that may be burnt; 0: never, 1: all that is idle */
  constructor(share: number) {
    this.#share = share
  }

  get share(): number {
    return this.#share
  }

  /** A new share begins with a full allowance. */
  set share(share: number) {
    this.#share = share
    this.#last = undefined
    this.#state = 'off'
  }

  get state(): AwakeState {
    return this.#state
  }

  /** What a wake-up costs where nothing keeps the processors awake; NaN: not known. */
  get asleepUs(): number {
    return this.#asleepUs
  }

  /** Decides anew; to be asked every some ten milliseconds. */
  decide(now: AwakeSample): AwakeState {
    this.#state = this.#decide(now)
    if (this.#state === 'on') this.#onUs = now.nowUs
    this.#last = now
    return this.#state
  }

  #decide(now: AwakeSample): AwakeState {
    const before = this.#last
    const fullUs = this.#share * now.processors * ALLOWANCE_US
    if (now.nowUs - this.#onUs >= SETTLE_US) this.#asleepUs = now.wakeUs
    if (this.#share === 0) return 'off'
    if (!before) {
      this.#allowanceUs = fullUs
      return 'quiet'
    }
    const passedUs = now.nowUs - before.nowUs
    const grownUs = this.#allowanceUs + this.#share * now.processors * passedUs
    this.#allowanceUs = Math.min(fullUs, grownUs - (now.burntUs - before.burntUs))
    if (!(this.#asleepUs >= LEAST_WAKE_US)) return 'cheap'
    const wakesUs = Math.max(0, now.wakes - before.wakes) * this.#asleepUs
    const isOn = this.#state === 'on'
    if (wakesUs >= (isOn ? QUIET_SHARE : WORTH_SHARE) * passedUs) this.#busyUs = now.nowUs
    else if (!isOn || now.nowUs - this.#busyUs >= QUIET_US) return 'quiet'
    const least = isOn ? 0 : this.#state === 'spent' ? RESUMED_PART * fullUs : 0
    return this.#allowanceUs > least ? 'on' : 'spent'
  }
}

/**
 * Exponential average whose time constants differ by direction. For a rate that means: a burst counts at once, a lull
 * only after a while. Undefined `previous` starts at the sample.
 * @param periodUs time the sample stands for @param upUs @param downUs time constants, in microseconds
 */
export function fastUpSlowDown(
  previous: number | undefined,
  sample: number,
  periodUs: number,
  upUs: number,
  downUs: number,
): number {
  if (previous === undefined) return sample
  return previous + (sample - previous) * -Math.expm1(-periodUs / (sample > previous ? upUs : downUs))
}

/** Time constants of a rate, in microseconds: for what is noise, for a rise, for a fall. */
const STILL_US = 100_000
const RISE_US = 2000
const FALL_US = 20_000
/** Part of a rate that is noise however many events it rests on, and how many standard deviations of Poisson are. */
const NOISE = 0.2
const DEVIATIONS = 3

/**
 * A rate that stands still while only noise moves it and follows at once when the load does. What lies within a fifth of
 * it, or within three standard deviations of so few events, is averaged over 100 ms.
 * @param previous events per microsecond, undefined at first @param count events in `periodUs`
 */
export function followRate(previous: number | undefined, count: number, periodUs: number): number {
  const sample = count / periodUs
  if (previous === undefined) return sample
  const expected = previous * periodUs
  const isNoise = Math.abs(count - expected) <= NOISE * expected + DEVIATIONS * Math.sqrt(expected)
  const [upUs, downUs] = isNoise ? [STILL_US, STILL_US] : [RISE_US, FALL_US]
  return fastUpSlowDown(previous, sample, periodUs, upUs, downUs)
}

/** The highest value of about the last `spanUs` microseconds: of the present span and the one before. */
export class RecentPeak {
  readonly #spanUs: number
  #present = 0
  #before = 0
  #ageUs = 0

  constructor(spanUs: number) {
    this.#spanUs = spanUs
  }

  observe(value: number, periodUs: number): number {
    this.#ageUs += periodUs
    if (this.#ageUs > this.#spanUs) {
      this.#before = this.#present
      this.#present = 0
      this.#ageUs = 0
    }
    this.#present = Math.max(this.#present, value)
    return Math.max(this.#present, this.#before)
  }
}

/** What a thread has done: sleeps that ended, publications, frames and bytes in them. */
export interface Work {
  readonly wakes: number
  readonly publications: number
  readonly frames: number
  readonly bytes: number
}

/** What each part of the work costs, in microseconds. */
export interface Costs {
  readonly wakeUs: number
  readonly publishUs: number
  readonly frameUs: number
  readonly byteUs: number
}

/** Assumed until measured: a sleep is two system calls and a poll of all rings, a call one and the guest's exit. */
export const PRIOR_COSTS: Costs = { wakeUs: 3, publishUs: 1.5, frameUs: 0.2, byteUs: 0.0001 }

/**
 * Least part of the prior that a wake or a publication costs. A fit that gives events no cost at all says that delay saves
 * nothing, and nothing that follows from it would ever show the opposite.
 */
const LEAST_EVENT_COST = 0.25
const FORGET = 0.98
/** Pull of the prior, in rows of data: it decides only what the data leave open. */
const RIDGE = 0.3
/** A row may exceed what the present costs predict by this factor; more is the host taking the core away. */
const OUTLIER = 4

const PARTS = 4
/** Least multiple of the prior for each part. */
const FLOORS = [LEAST_EVENT_COST, LEAST_EVENT_COST, 0, 0] as const
/** Sweeps over the parts for every row: the solution of the row before is near. */
const SWEEPS = 8

/**
 * Online least squares of CPU time on (wakes, publications, frames, bytes) with forgetting. A row is one publication or the totals of
 * a period. Costs are fitted as multiples z of the prior and rows are divided by the time the prior predicts, which makes
 * every feature a share in [0, 1]:
 *
 *     minimise  sum_rows FORGET^age (y - x.z)^2 + RIDGE |z - 1|^2     with z >= FLOORS
 *
 * The ridge keeps the system regular when rows are collinear (always the same batch size): then only the total is
 * learnt, and its split stays as near the prior's as the data allow. Solved part by part (projected Gauss-Seidel, which
 * converges for a positive definite system), because this runs between two bursts of an engine: nothing is allocated.
 */
export class CostEstimator {
  readonly #prior: Float64Array
  readonly #gram = new Float64Array(PARTS * PARTS)
  readonly #moment = new Float64Array(PARTS)
  readonly #scale = new Float64Array(PARTS).fill(1)
  readonly #row = new Float64Array(PARTS)

  constructor(prior: Costs = PRIOR_COSTS) {
    this.#prior = Float64Array.of(prior.wakeUs, prior.publishUs, prior.frameUs, prior.byteUs)
  }

  get costs(): Costs {
    const cost = (part: number): number => this.#scale[part]! * this.#prior[part]!
    return { wakeUs: cost(0), publishUs: cost(1), frameUs: cost(2), byteUs: cost(3) }
  }

  /** Learn that `work` took `usedUs` microseconds of CPU time. */
  observe({ wakes, publications, frames, bytes }: Work, usedUs: number): void {
    const x = this.#row
    x[0] = wakes * this.#prior[0]!
    x[1] = publications * this.#prior[1]!
    x[2] = frames * this.#prior[2]!
    x[3] = bytes * this.#prior[3]!
    const predicted = x[0]! + x[1]! + x[2]! + x[3]!
    if (!(predicted > 0) || !(usedUs >= 0)) return
    let present = 0
    for (let i = 0; i < PARTS; i++) {
      x[i] = x[i]! / predicted
      present += x[i]! * this.#scale[i]!
    }
    const y = Math.min(usedUs / predicted, OUTLIER * Math.max(present, 0.01))
    for (let i = 0; i < PARTS; i++) {
      for (let j = 0; j < PARTS; j++)
        this.#gram[PARTS * i + j] = FORGET * this.#gram[PARTS * i + j]! + x[i]! * x[j]!
      this.#moment[i] = FORGET * this.#moment[i]! + x[i]! * y
    }
    for (let sweep = 0; sweep < SWEEPS; sweep++) this.#sweep()
  }

  /** Moves every part to its minimum with the others as they are. */
  #sweep(): void {
    const scale = this.#scale
    for (let i = 0; i < PARTS; i++) {
      let rest = this.#moment[i]! + RIDGE
      for (let j = 0; j < PARTS; j++) if (j !== i) rest -= this.#gram[PARTS * i + j]! * scale[j]!
      scale[i] = Math.max(FLOORS[i]!, rest / (this.#gram[(PARTS + 1) * i]! + RIDGE))
    }
  }
}

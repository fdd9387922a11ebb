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

/** What serving a vif costs, in microseconds. */
export interface Costs {
  readonly flushUs: number
  readonly frameUs: number
  readonly byteUs: number
}

/** Assumed until measured: a call costs as much as several frames (eventfd write 0.5 us and the guest's exit). */
export const PRIOR_COSTS: Costs = { flushUs: 1.5, frameUs: 0.2, byteUs: 0.0001 }

const FORGET = 0.98
/** Pull of the prior, in rows of data: it decides only what the data leave open. */
const RIDGE = 0.02
/** A row may exceed what the present costs predict by this factor; more is the host taking the core away. */
const OUTLIER = 4

/** Subsets of {flush, frame, byte} that may be non-zero, as bit masks. */
const SUBSETS = [7, 6, 5, 3, 4, 2, 1]

/**
 * Online least squares of service time on (flushes, frames, bytes) with forgetting. A row is one flush or the totals
 * of a period. Costs are fitted as multiples z of the prior and rows are divided by the time the prior predicts, which
 * makes every feature a share in [0, 1]:
 *
 *     minimise  sum_rows FORGET^age (y - x.z)^2 + RIDGE |z - 1|^2     with z >= 0
 *
 * The ridge keeps the system regular when rows are collinear (always the same batch size): then only the total is
 * learnt, and its split stays as near the prior's as the data allow.
 */
export class CostEstimator {
  readonly #prior: readonly [number, number, number]
  readonly #gram = new Float64Array(9)
  readonly #moment = new Float64Array(3)
  #scale: [number, number, number] = [1, 1, 1]

  constructor(prior: Costs = PRIOR_COSTS) {
    this.#prior = [prior.flushUs, prior.frameUs, prior.byteUs]
  }

  get costs(): Costs {
    const [flush, frame, byte] = this.#scale
    return {
      flushUs: flush * this.#prior[0],
      frameUs: frame * this.#prior[1],
      byteUs: byte * this.#prior[2],
    }
  }

  /** Learn from `flushes` publications of together `frames` and `bytes` that took `usedUs` of CPU time. */
  observe(flushes: number, frames: number, bytes: number, usedUs: number): void {
    const parts = [flushes * this.#prior[0], frames * this.#prior[1], bytes * this.#prior[2]]
    const predicted = parts[0]! + parts[1]! + parts[2]!
    if (!(predicted > 0) || !(usedUs >= 0)) return
    const x = parts.map((part) => part / predicted)
    const present = x[0]! * this.#scale[0] + x[1]! * this.#scale[1] + x[2]! * this.#scale[2]
    const y = Math.min(usedUs / predicted, OUTLIER * Math.max(present, 0.01))
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) this.#gram[3 * i + j] = FORGET * this.#gram[3 * i + j]! + x[i]! * x[j]!
      this.#moment[i] = FORGET * this.#moment[i]! + x[i]! * y
    }
    this.#scale = this.#solve()
  }

  /** The non-negative minimum: of all subsets whose own minimum is non-negative, the best (three variables: seven tries). */
  #solve(): [number, number, number] {
    let best: [number, number, number] = [0, 0, 0]
    let least = 0
    for (const subset of SUBSETS) {
      const z = this.#minimum(subset)
      if (z[0] < 0 || z[1] < 0 || z[2] < 0) continue
      // At the minimum of a subset the objective is a constant less z.b.
      const value = -(z[0] * this.#right(0) + z[1] * this.#right(1) + z[2] * this.#right(2))
      if (value < least) {
        least = value
        best = z
      }
    }
    return best
  }

  #right(i: number): number {
    return this.#moment[i]! + RIDGE
  }

  /** Gaussian elimination on the variables in `subset`; the ridge keeps every pivot above zero. */
  #minimum(subset: number): [number, number, number] {
    const a = Float64Array.from(this.#gram)
    const z: [number, number, number] = [0, 0, 0]
    const rows = [0, 1, 2].filter((i) => subset & (1 << i))
    const b = [this.#right(0), this.#right(1), this.#right(2)]
    for (const i of rows) a[4 * i] = a[4 * i]! + RIDGE
    rows.forEach((pivot, at) => {
      for (const row of rows.slice(at + 1)) {
        const factor = a[3 * row + pivot]! / a[4 * pivot]!
        for (const column of rows)
          a[3 * row + column] = a[3 * row + column]! - factor * a[3 * pivot + column]!
        b[row] = b[row]! - factor * b[pivot]!
      }
    })
    for (const row of rows.reverse()) {
      let rest = b[row]!
      for (let column = row + 1; column < 3; column++) rest -= a[3 * row + column]! * z[column]!
      z[row] = rest / a[4 * row]!
    }
    return z
  }
}

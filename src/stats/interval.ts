import { type Random, seededRandom } from './random.js'
import { studentQuantile } from './student.js'
import { mean, median, quantileSorted, standardDeviation } from './summary.js'

/** An estimate with the bounds of its confidence interval. */
export interface Interval {
  readonly estimate: number
  readonly low: number
  readonly high: number
}

/** How a bootstrap is run: the seed makes it repeatable. */
export interface BootstrapOptions {
  readonly seed: number
  /** Share of intervals that hold the true value; 0.95 when left out. */
  readonly confidence?: number
  /** How many times the data are drawn again; 2000 when left out. */
  readonly resamples?: number
}

function bootstrap(
  estimate: number,
  draw: (random: Random) => number,
  { seed, confidence = 0.95, resamples = 2000 }: BootstrapOptions,
): Interval {
  const random = seededRandom(seed)
  const draws = new Float64Array(resamples)
  for (let i = 0; i < resamples; i++) draws[i] = draw(random)
  draws.sort()
  return {
    estimate,
    low: quantileSorted(draws, (1 - confidence) / 2),
    high: quantileSorted(draws, (1 + confidence) / 2),
  }
}

/** The median with its percentile-bootstrap interval. Source: Efron 1979. NaN for no values. */
export function medianInterval(values: ArrayLike<number>, options: BootstrapOptions): Interval {
  const sample = new Float64Array(values.length)
  return bootstrap(
    median(values),
    (random) => {
      for (let i = 0; i < sample.length; i++) sample[i] = values[Math.floor(random() * sample.length)]!
      return median(sample)
    },
    options,
  )
}

/**
 * median(a) / median(b) for runs made in pairs (a[i] and b[i] side by side in time), with its interval. Pairs are
 * drawn whole, so what both runs of a pair shared cancels out. The lengths must be equal.
 */
export function ratioOfMedians(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: BootstrapOptions,
): Interval {
  if (a.length !== b.length) throw new RangeError(`pairs expected, got ${a.length} and ${b.length} values`)
  const sampleA = new Float64Array(a.length)
  const sampleB = new Float64Array(a.length)
  return bootstrap(
    median(a) / median(b),
    (random) => {
      for (let i = 0; i < sampleA.length; i++) {
        const pair = Math.floor(random() * sampleA.length)
        sampleA[i] = a[pair]!
        sampleB[i] = b[pair]!
      }
      return median(sampleA) / median(sampleB)
    },
    options,
  )
}

/** The mean with its Student-t interval (values about normal). Bounds are infinite for a single value. */
export function meanInterval(values: ArrayLike<number>, confidence = 0.95): Interval {
  const estimate = mean(values)
  if (values.length < 2) return { estimate, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const error = standardDeviation(values) / Math.sqrt(values.length)
  const reach = studentQuantile((1 + confidence) / 2, values.length - 1) * error
  return { estimate, low: estimate - reach, high: estimate + reach }
}

/** The same for what cannot be negative: where no value is, the low end is not below 0. */
export function nonNegativeMeanInterval(values: readonly number[], confidence = 0.95): Interval {
  const { estimate, low, high } = meanInterval(values, confidence)
  return { estimate, low: values.some((value) => value < 0) ? low : Math.max(0, low), high }
}

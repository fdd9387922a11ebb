/**
 * Ratios of few runs with intervals that hold: Student's t on logarithms. A bootstrap of medians needs about ten
 * runs to reach 95 % (of three it reaches 75 %, see coverage.test.ts), and a study repeats a cell three to eight times.
 */
import { type Interval, meanInterval } from './interval.js'
import { studentQuantile } from './student.js'
import { mean, standardDeviation } from './summary.js'

const exponential = ({ estimate, low, high }: Interval): Interval => ({
  estimate: Math.exp(estimate),
  low: Math.exp(low),
  high: Math.exp(high),
})

function logarithms(values: ArrayLike<number>): number[] {
  const list = Array.from(values)
  if (list.some((value) => !(value > 0)))
    throw new RangeError('a ratio with an interval needs values above 0')
  return list.map(Math.log)
}

/**
 * The ratio of geometric means a / b of independent runs, with Welch's interval on logarithms. Bounds are 0 and
 * infinite when either has a single run. Throws RangeError unless all values are above 0.
 */
export function ratioInterval(a: ArrayLike<number>, b: ArrayLike<number>, confidence = 0.95): Interval {
  const [logA, logB] = [logarithms(a), logarithms(b)]
  const estimate = mean(logA) - mean(logB)
  if (logA.length < 2 || logB.length < 2)
    return exponential({ estimate, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY })
  const errorA = standardDeviation(logA) ** 2 / logA.length
  const errorB = standardDeviation(logB) ** 2 / logB.length
  const both = errorA + errorB
  if (both === 0) return exponential({ estimate, low: estimate, high: estimate })
  const freedom = both ** 2 / (errorA ** 2 / (logA.length - 1) + errorB ** 2 / (logB.length - 1))
  const reach = studentQuantile((1 + confidence) / 2, freedom) * Math.sqrt(both)
  return exponential({ estimate, low: estimate - reach, high: estimate + reach })
}

/**
 * The ratio a / b of runs made in pairs, the geometric mean of the pairs' ratios: what both runs of a pair shared
 * cancels out. Bounds are 0 and infinite for a single pair. Throws RangeError for unlike lengths, values not above 0.
 */
export function pairedRatioInterval(a: ArrayLike<number>, b: ArrayLike<number>, confidence = 0.95): Interval {
  if (a.length !== b.length) throw new RangeError(`pairs expected, got ${a.length} and ${b.length} values`)
  const logB = logarithms(b)
  return exponential(
    meanInterval(
      logarithms(a).map((value, at) => value - logB[at]!),
      confidence,
    ),
  )
}

import { mean } from './summary.js'

/** Values that make one of the means that the rule looks at. */
const BATCH = 5

/**
 * How many values of a series belong to its warm-up, by MSER-5: the beginning without which the standard error of the mean
 * of the rest is least, means of five taken together. Undefined when that is more than half of the series: it has not
 * settled, and a longer one is needed. Source: White 1997; White, Cobb, Spratt 2000.
 */
export function warmUpLength(values: ArrayLike<number>): number | undefined {
  const count = Math.floor(values.length / BATCH)
  if (count < 2) return undefined
  const means = Array.from({ length: count }, (_, batch) =>
    mean(Array.from({ length: BATCH }, (__, at) => values[batch * BATCH + at]!)),
  )
  let best = Number.POSITIVE_INFINITY
  let cut = 0
  let sum = 0
  let squares = 0
  // From the end: what remains grows, and the last few means say little alone.
  for (let from = count - 1; from >= 0; from--) {
    sum += means[from]!
    squares += means[from]! ** 2
    const size = count - from
    if (size < BATCH) continue
    const error = Math.max(0, squares - (sum * sum) / size) / (size * size)
    if (error <= best) {
      best = error
      cut = from
    }
  }
  return cut > count / 2 ? undefined : cut * BATCH
}

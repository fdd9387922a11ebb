/**
 * A parameter that no clock shows, but that a simulated figure follows: of each cell the figure is simulated with several values
 * of it, and the value is taken with which the simulated figures lie nearest to the measured ones (least squared relative error).
 */
import type { Interval } from '../../stats/interval.js'
import { seededRandom } from '../../stats/random.js'
import { quantileSorted } from '../../stats/summary.js'

const DRAWS = 200
const SEED = 1
/** Steps of the search: so many from the first value tried to the last. */
const STEPS = 1600

/** Of a cell. */
export interface Curve {
  /** By tried value; between two of them linear. */
  readonly simulated: readonly number[]
  readonly measured: number
}

function interpolate(tried: readonly number[], ys: readonly number[], x: number): number {
  const at = Math.max(
    1,
    tried.findIndex((value) => value >= x),
  )
  const [x0, x1, y0, y1] = [tried[at - 1]!, tried[at]!, ys[at - 1]!, ys[at]!]
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0)
}

function nearest(tried: readonly number[], curves: readonly Curve[]): number {
  const [first, last] = [tried[0]!, tried.at(-1)!]
  let best = { value: first, error: Number.POSITIVE_INFINITY }
  for (let step = 0; step <= STEPS; step++) {
    const value = Math.min(last, first + ((last - first) * step) / STEPS)
    const error = curves.reduce(
      (sum, { simulated, measured }) => sum + (interpolate(tried, simulated, value) / measured - 1) ** 2,
      0,
    )
    if (error < best.error) best = { value, error }
  }
  return best.value
}

/** Interval of an estimate over cells, by drawing cells again. */
export function drawAgain<Point>(
  points: readonly Point[],
  estimate: (drawn: readonly Point[]) => number,
): Interval {
  const random = seededRandom(SEED)
  const drawn = Array.from({ length: DRAWS }, () =>
    estimate(points.map(() => points[Math.floor(random() * points.length)]!)),
  )
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  return { estimate: estimate(points), low: quantileSorted(drawn, 0.025), high: quantileSorted(drawn, 0.975) }
}

/** @param tried rising values, at least two; @param curves at least one */
export const fitCurves = (tried: readonly number[], curves: readonly Curve[]): Interval =>
  drawAgain(curves, (drawn) => nearest(tried, drawn))

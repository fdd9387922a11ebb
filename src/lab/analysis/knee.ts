/** Where a rising curve bends. (Which points of a plane are worth having: src/plot/pareto.ts.) */

export interface CurvePoint {
  readonly x: number
  readonly y: number
}

/** A bend smaller than this share of the curve's height is none. */
const LEAST_BEND = 0.1

/**
 * The knee of a curve that rises and levels off: of the points up to the highest, the one farthest above the straight
 * line from the first to the highest, both axes scaled to 0..1 (Satopaa and others 2011, "Kneedle", without its
 * smoothing). When the curve falls or stays level after its highest point, and is straight up to it, the knee is the
 * highest point. Undefined for under 3 points, a curve that never rises, and one straight to its end.
 * @param points ascending by x; give logarithms where the axis is logarithmic
 */
export function knee(points: readonly CurvePoint[]): number | undefined {
  if (points.length < 3) return undefined
  const top = points.reduce((best, point, at) => (point.y > points[best]!.y ? at : best), 0)
  const [first, peak] = [points[0]!, points[top]!]
  if (top === 0) return undefined
  let best: number | undefined
  let height = LEAST_BEND
  for (let at = 1; at < top; at++) {
    const { x, y } = points[at]!
    const above = (y - first.y) / (peak.y - first.y) - (x - first.x) / (peak.x - first.x)
    if (above > height) {
      best = at
      height = above
    }
  }
  return best ?? (top < points.length - 1 ? top : undefined)
}

/** The Pareto front: what no other alternative beats in both figures. */

export interface Direction {
  readonly x: 'higher' | 'lower'
  readonly y: 'higher' | 'lower'
}

/**
 * The points that none other equals or betters in both figures while bettering one, by ascending x. Of points with the
 * same two figures all are kept.
 */
export function paretoFront<P extends { readonly x: number; readonly y: number }>(
  points: readonly P[],
  better: Direction,
): P[] {
  const sx = better.x === 'higher' ? 1 : -1
  const sy = better.y === 'higher' ? 1 : -1
  const beats = (a: P, b: P) => sx * a.x >= sx * b.x && sy * a.y >= sy * b.y && (a.x !== b.x || a.y !== b.y)
  return points.filter((point) => !points.some((other) => beats(other, point))).sort((a, b) => a.x - b.x)
}

/** Labels beside marks, without overlaps: each takes the first free place around its mark. */
import { textWidth } from './text-measure.js'

export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

export interface LabelRequest {
  readonly text: string
  /** Centre and radius of the mark. */
  readonly x: number
  readonly y: number
  readonly radius: number
}

export interface PlacedLabel {
  readonly text: string
  readonly x: number
  /** Baseline of the text. */
  readonly y: number
  readonly anchor: 'start' | 'middle' | 'end'
  /** A line from the mark, for a label that is not next to it. */
  readonly leader: readonly [number, number] | undefined
}

const RINGS = [0, 14, 28, 44]
const DIRECTIONS = [
  [1, 0],
  [-1, 0],
  [0, -1],
  [0, 1],
  [0.7, -0.7],
  [-0.7, -0.7],
  [0.7, 0.7],
  [-0.7, 0.7],
] as const

const overlap = (a: Box, b: Box) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

/**
 * Places labels in the order given, inside `bounds` and clear of all marks, `taken` and earlier labels.
 * The result has the order of the requests; `undefined` where no place was free.
 */
export function placeLabels(
  requests: readonly LabelRequest[],
  size: number,
  bounds: Box,
  taken: readonly Box[] = [],
): (PlacedLabel | undefined)[] {
  const occupied = [...taken]
  for (const { x, y, radius } of requests) {
    occupied.push({ left: x - radius, top: y - radius, right: x + radius, bottom: y + radius })
  }
  return requests.map((request) => {
    const width = textWidth(request.text, size)
    for (const ring of RINGS) {
      for (const [dx, dy] of DIRECTIONS) {
        const reach = request.radius + 4 + ring
        const x = request.x + dx * reach
        const middle = request.y + dy * (reach + (dx === 0 ? size * 0.5 : 0))
        const left = dx === 0 ? x - width / 2 : dx > 0 ? x : x - width
        const box = { left, top: middle - size * 0.55, right: left + width, bottom: middle + size * 0.55 }
        if (box.left < bounds.left || box.right > bounds.right) continue
        if (box.top < bounds.top || box.bottom > bounds.bottom) continue
        if (occupied.some((other) => overlap(box, other))) continue
        occupied.push(box)
        const anchor = dx === 0 ? 'middle' : dx > 0 ? 'start' : 'end'
        const leader = ring === 0 ? undefined : ([x - dx * 2, middle] as const)
        return { text: request.text, x, y: middle + size * 0.35, anchor, leader }
      }
    }
    return undefined
  })
}

/** Where ports are drawn around the switch: guests on the left, the host's side on the right. */
import type { PortRow } from './port-rows.js'

const GUESTS = ['vif', 'embedded']
const ROW_PX = 34
const MARGIN_PX = 8
const MOST_A_SIDE = 10
const THINNEST_PX = 1
const WIDEST_PX = 9

export interface Node {
  readonly row: PortRow
  /** The middle of its edge toward the switch. */
  readonly y: number
  readonly side: 'left' | 'right'
}

export interface Picture {
  readonly height: number
  readonly nodes: readonly Node[]
  /** Ports for which there was no room. */
  readonly hidden: number
}

/** Places ports, the given order kept on each side. Without host ports guests take both sides. */
export function placePorts(rows: readonly PortRow[]): Picture {
  const guests = rows.filter(({ status }) => GUESTS.includes(status.kind))
  const others = rows.filter(({ status }) => !GUESTS.includes(status.kind))
  const half = Math.ceil(guests.length / 2)
  const sides = others.length > 0 ? [guests, others] : [guests.slice(0, half), guests.slice(half)]
  const shown = sides.map((side) => side.slice(0, MOST_A_SIDE))
  const most = Math.max(1, ...shown.map(({ length }) => length))
  const nodes = shown.flatMap((side, at) =>
    side.map(
      (row, i): Node => ({
        row,
        y: MARGIN_PX + ROW_PX * ((most - side.length) / 2 + i + 0.5),
        side: at === 0 ? 'left' : 'right',
      }),
    ),
  )
  return { height: most * ROW_PX + 2 * MARGIN_PX, nodes, hidden: rows.length - nodes.length }
}

/** The width of a line that carries so many frames a second: a step for each factor of ten. */
export function lineWidth(fps: number): number {
  return fps < 1 ? THINNEST_PX : Math.min(WIDEST_PX, THINNEST_PX + 1.25 * Math.log10(fps))
}

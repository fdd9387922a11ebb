/** The switch with its ports around it, and what each carries. */
import { h, type JSX } from 'preact'
import { short } from './format.js'
import { Card, useWidth } from './parts.js'
import { type PortRow, sortRows, VERDICTS } from './port-rows.js'
import { lineWidth, type Node, placePorts } from './topology.js'

/** Widths of the switch, and the width of the picture from which it is the wide one. */
const [NARROW_PX, WIDE_PX, WIDE_FROM_PX] = [40, 92, 430]
const BOX_HEIGHT = 28
/** About the width of a letter. */
const [NAME_LETTER_PX, RATE_LETTER_PX] = [7.6, 6]

interface TopologyProps {
  readonly rows: readonly PortRow[]
  readonly chosen: string | undefined
  choose(name: string): void
}

const toneOf = ({ promise, state }: PortRow): string =>
  state === 'held' || state === 'down' ? 'bad' : promise ? VERDICTS[promise.state].tone : 'idle'

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`

export function Topology({ rows, chosen, choose }: TopologyProps): JSX.Element {
  const [box, width] = useWidth(420)
  const { height, nodes, hidden } = placePorts(sortRows(rows, 'egressFps', true))
  const isWide = width >= WIDE_FROM_PX
  const switchWidth = isWide ? WIDE_PX : NARROW_PX
  const boxWidth = Math.min(190, width * (isWide ? 0.32 : 0.375))
  const middle = width / 2
  const edge = (node: Node): JSX.Element[] => {
    const { rates } = node.row
    const isLeft = node.side === 'left'
    const from = isLeft ? boxWidth : width - boxWidth
    const to = isLeft ? middle - switchWidth / 2 : middle + switchWidth / 2
    const bend = (from + to) / 2
    const end = height / 2 + (node.y - height / 2) * 0.55
    const fps = rates.ingressFps + rates.egressFps
    return [
      h('path', {
        key: node.row.name,
        class: fps < 1 ? 'wire still' : 'wire',
        d: `M${from} ${node.y} C${bend} ${node.y} ${bend} ${end} ${to} ${end}`,
        'stroke-width': lineWidth(fps),
      }),
    ]
  }
  const port = (node: Node): JSX.Element => {
    const { name, rates } = node.row
    const x = node.side === 'left' ? 0 : width - boxWidth
    const rate = `${short(rates.ingressFps + rates.egressFps)}/s`
    const letters = Math.floor((boxWidth - 38 - rate.length * RATE_LETTER_PX) / NAME_LETTER_PX)
    const words = `${name}: in ${short(rates.ingressFps)}, out ${short(rates.egressFps)} frames a second${node.row.promise ? `, target ${VERDICTS[node.row.promise.state].text}` : ''}`
    return h(
      'g',
      {
        key: name,
        class: `port ${toneOf(node.row)}${name === chosen ? ' chosen' : ''}`,
        role: 'button',
        tabIndex: 0,
        'aria-label': words,
        'aria-pressed': name === chosen ? 'true' : 'false',
        onClick: () => choose(name),
        onKeyDown: (event: KeyboardEvent) => {
          if (event.key !== 'Enter' && event.key !== ' ') return
          event.preventDefault()
          choose(name)
        },
      },
      h('title', null, words),
      h('rect', { x: x + 1, y: node.y - BOX_HEIGHT / 2, width: boxWidth - 2, height: BOX_HEIGHT, rx: 7 }),
      h('circle', { cx: x + 12, cy: node.y, r: 4 }),
      h('text', { x: x + 22, y: node.y + 4, class: 'port-name' }, cut(name, letters)),
      h('text', { x: x + boxWidth - 9, y: node.y + 4, 'text-anchor': 'end', class: 'port-rate' }, rate),
    )
  }
  return h(
    Card,
    {
      id: 'topology',
      title: 'Topology',
      hint: 'Frames a second in both directions; a line grows with each factor of ten.',
    },
    h(
      'div',
      { ref: box, class: 'drawing' },
      h(
        'svg',
        { role: 'group', 'aria-label': 'The switch and its ports', width, height },
        nodes.flatMap(edge),
        h('rect', {
          class: 'switch',
          x: middle - switchWidth / 2,
          y: 6,
          width: switchWidth,
          height: height - 12,
          rx: 10,
        }),
        h(
          'text',
          {
            class: 'switch-name',
            'text-anchor': 'middle',
            transform: `translate(${middle} ${height / 2})${isWide ? '' : ' rotate(-90)'}`,
            dy: 4,
          },
          'Ringferry',
        ),
        nodes.map(port),
      ),
    ),
    hidden > 0 ? h('p', { class: 'hint' }, `The busiest are shown; ${hidden} more are in the table.`) : null,
  )
}

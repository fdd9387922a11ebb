/** All ports: found by words, sorted by any column, chosen by a button. */
import { h, type JSX } from 'preact'
import { useState } from 'preact/hooks'
import { delay, short } from './format.js'
import { Card, Verdict } from './parts.js'
import { filterRows, type PortRow, type SortKey, sortRows } from './port-rows.js'

interface Column {
  readonly key: SortKey
  readonly head: string
  /** What the head is short for. */
  readonly title?: string
  readonly cell: (row: PortRow) => string | JSX.Element | null
  /** Left out where the page is narrow. */
  readonly isMinor?: boolean
  readonly isText?: boolean
}

/** p99 of the last 10 s as a part of the target: a bar that is full at the target. */
function Delay({ promise }: PortRow): JSX.Element | null {
  if (!promise) return null
  const { targetUs, last10s, state } = promise
  const part = Math.min(1, (last10s.p99Us ?? 0) / (targetUs * 1.5))
  return h(
    'span',
    { class: 'against' },
    h('span', null, `${delay(last10s.p99Us)} / ${delay(targetUs)}`),
    h(
      'svg',
      { 'aria-hidden': 'true', width: '100%', height: 5 },
      h('rect', { class: 'bar-rail', width: '100%', height: 5, rx: 2.5 }),
      h('rect', {
        class: state === 'missed' ? 'late' : 'within',
        width: `${part * 100}%`,
        height: 5,
        rx: 2.5,
      }),
      h('rect', { class: 'notch', x: '66.7%', width: 2, height: 5 }),
    ),
  )
}

const COLUMNS: readonly Column[] = [
  { key: 'state', head: 'State', isMinor: true, isText: true, cell: ({ state }) => state },
  {
    key: 'ingressFps',
    head: 'In f/s',
    title: 'frames a second from the port into the switch',
    isMinor: true,
    cell: ({ rates }) => short(rates.ingressFps),
  },
  {
    key: 'egressFps',
    head: 'Out f/s',
    title: 'frames a second from the switch to the port',
    cell: ({ rates }) => short(rates.egressFps),
  },
  { key: 'ingressMbps', head: 'In Mb/s', isMinor: true, cell: ({ rates }) => short(rates.ingressMbps) },
  { key: 'egressMbps', head: 'Out Mb/s', isMinor: true, cell: ({ rates }) => short(rates.egressMbps) },
  {
    key: 'drops',
    head: 'Drops',
    title: 'frames dropped since the port was added',
    isMinor: true,
    cell: ({ rates, drops }) =>
      h(
        'span',
        rates.dropsPerS > 0 ? { class: 'bad-text' } : {},
        short(drops),
        rates.dropsPerS > 0 ? ` ▲${short(rates.dropsPerS)}/s` : '',
      ),
  },
  {
    key: 'batch',
    head: 'Batch',
    title: 'frames a publication',
    isMinor: true,
    cell: ({ promise }) => (promise ? (promise.batchFrames?.toFixed(1) ?? '–') : ''),
  },
  {
    key: 'p99',
    head: 'p99 / target',
    title: 'delay of 99 of 100 frames in the last 10 s',
    cell: (row) => h(Delay, row),
  },
  {
    key: 'verdict',
    head: 'Verdict',
    isText: true,
    cell: ({ promise }) => (promise ? h(Verdict, { state: promise.state }) : null),
  },
]

interface PortTableProps {
  readonly rows: readonly PortRow[]
  readonly chosen: string | undefined
  choose(name: string): void
}

export function PortTable({ rows, chosen, choose }: PortTableProps): JSX.Element {
  const [text, setText] = useState('')
  const [order, setOrder] = useState<{ key: SortKey; isDescending: boolean }>({
    key: 'verdict',
    isDescending: true,
  })
  const found = sortRows(filterRows(rows, text), order.key, order.isDescending)
  const sortBy = (key: SortKey, isText: boolean): void =>
    setOrder(key === order.key ? { key, isDescending: !order.isDescending } : { key, isDescending: !isText })
  const head = (
    key: SortKey,
    label: string,
    more: { title?: string; isMinor?: boolean; isText?: boolean },
  ): JSX.Element =>
    h(
      'th',
      {
        key,
        scope: 'col',
        class: `${more.isMinor ? 'minor ' : ''}${more.isText ? 'text' : ''}`,
        'aria-sort': order.key === key ? (order.isDescending ? 'descending' : 'ascending') : 'none',
      },
      h(
        'button',
        {
          type: 'button',
          ...(more.title ? { title: more.title } : {}),
          onClick: () => sortBy(key, more.isText ?? false),
        },
        label,
        h(
          'span',
          { 'aria-hidden': 'true', class: 'arrow' },
          order.key === key ? (order.isDescending ? '▾' : '▴') : '',
        ),
      ),
    )
  return h(
    Card,
    {
      id: 'ports',
      title: 'Ports',
      class: 'wide',
      aside: h(
        'label',
        { class: 'filter' },
        h('span', { class: 'sr' }, 'Find ports by name, kind, state or verdict'),
        h('input', {
          type: 'search',
          placeholder: 'Find: name, vif, missed …',
          value: text,
          onInput: (event: Event) => setText((event.currentTarget as HTMLInputElement).value),
        }),
      ),
    },
    h('p', { class: 'sr', role: 'status' }, text === '' ? '' : `${found.length} of ${rows.length} ports`),
    h(
      'div',
      { class: 'scroll ports', tabIndex: 0, role: 'region', 'aria-label': 'Table of ports' },
      h(
        'table',
        null,
        h('caption', { class: 'sr' }, 'Ports, their rates, delays and verdicts'),
        h(
          'thead',
          null,
          h(
            'tr',
            null,
            head('name', 'Port', { isText: true }),
            COLUMNS.map(({ key, head: label, ...more }) => head(key, label, more)),
          ),
        ),
        h(
          'tbody',
          null,
          found.map((row) =>
            h(
              'tr',
              { key: row.name, class: row.name === chosen ? 'chosen' : '' },
              h(
                'th',
                { scope: 'row', class: 'text' },
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'link',
                    'aria-pressed': row.name === chosen ? 'true' : 'false',
                    onClick: () => choose(row.name),
                  },
                  row.name,
                ),
                ' ',
                h('small', null, row.status.kind),
              ),
              COLUMNS.map(({ key, cell, isMinor, isText }) =>
                h('td', { key, class: `${isMinor ? 'minor ' : ''}${isText ? 'text' : ''}` }, cell(row)),
              ),
            ),
          ),
        ),
      ),
    ),
    found.length === 0
      ? h('p', { class: 'empty' }, `No port has “${text}” in its name, kind, state or verdict.`)
      : null,
  )
}

/** Small parts of which views are made. */
import { type ComponentChildren, h, type JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PromiseAnswer } from './api.js'
import { VERDICTS } from './port-rows.js'

/** A verdict: a mark and a word, so that colour is not needed to read it. */
export function Verdict({ state }: { readonly state: PromiseAnswer['state'] }): JSX.Element {
  const { text, mark, tone } = VERDICTS[state]
  return h('span', { class: `chip ${tone}` }, h('span', { 'aria-hidden': 'true' }, mark), ` ${text}`)
}

interface CardProps {
  readonly id: string
  readonly title: string
  readonly hint?: string
  readonly class?: string
  readonly aside?: ComponentChildren
  readonly children?: ComponentChildren
}

/** A section with a heading. */
export function Card({ id, title, hint, class: more = '', aside, children }: CardProps): JSX.Element {
  return h(
    'section',
    { class: `card ${more}`, 'aria-labelledby': `${id}-title`, id },
    h('div', { class: 'card-head' }, h('h2', { id: `${id}-title` }, title), aside),
    hint === undefined ? null : h('p', { class: 'hint' }, hint),
    children,
  )
}

interface DataTableProps {
  readonly caption: string
  readonly heads: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The numbers behind a chart. */
export function DataTable({ caption, heads, rows }: DataTableProps): JSX.Element {
  const [isOpen, setOpen] = useState(false)
  return h(
    'details',
    {
      class: 'data',
      onToggle: (event: Event) => setOpen((event.currentTarget as HTMLDetailsElement).open),
    },
    h('summary', null, 'Table', h('span', { class: 'sr' }, `: ${caption}`)),
    isOpen
      ? h(
          'div',
          { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': caption },
          h(
            'table',
            null,
            h('caption', { class: 'sr' }, caption),
            h(
              'thead',
              null,
              h(
                'tr',
                null,
                heads.map((head) => h('th', { scope: 'col', key: head }, head)),
              ),
            ),
            h(
              'tbody',
              null,
              rows.map((row) =>
                h(
                  'tr',
                  { key: row[0] },
                  row.map((cell, at) => (at === 0 ? h('th', { scope: 'row' }, cell) : h('td', null, cell))),
                ),
              ),
            ),
          ),
        )
      : null,
  )
}

export interface ListedBar {
  readonly name: string
  readonly value: number
  readonly text: string
  readonly note?: string
}

interface BarListProps {
  readonly label: string
  readonly bars: readonly ListedBar[]
  /** What a whole bar stands for; default: the largest value. */
  readonly whole?: number
  readonly empty: string
}

/** Values as bars with their names: a table that also is a chart. */
export function BarList({ label, bars, whole, empty }: BarListProps): JSX.Element {
  if (bars.length === 0) return h('p', { class: 'empty' }, empty)
  const full = whole ?? Math.max(...bars.map(({ value }) => value), 1e-9)
  return h(
    'ul',
    { class: 'bars', 'aria-label': label },
    bars.map(({ name, value, text, note }) =>
      h(
        'li',
        { key: name },
        h('span', { class: 'bar-name' }, name, note ? h('small', null, note) : null),
        h('span', { class: 'bar-text' }, text),
        h(
          'svg',
          { class: 'bar', 'aria-hidden': 'true', width: '100%', height: 6 },
          h('rect', { class: 'bar-rail', width: '100%', height: 6, rx: 3 }),
          h('rect', {
            class: 'bar-fill',
            width: `${Math.min(100, (value / full) * 100).toFixed(2)}%`,
            height: 6,
            rx: 3,
          }),
        ),
      ),
    ),
  )
}

/** The width of an element in pixels, as it is now. */
export function useWidth(first: number): [{ current: HTMLDivElement | null }, number] {
  const element = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(first)
  useEffect(() => {
    if (!element.current) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.max(200, Math.floor(entry.contentRect.width)))
    })
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [])
  return [element, width]
}

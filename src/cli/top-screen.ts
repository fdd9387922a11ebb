/**
 * The screen of `ringferry top`, and of `up` on a terminal: what is known of a switch, what of it is looked at, and how large
 * the screen is make lines. Nothing here writes, waits or looks at a clock.
 *
 *     ringferry 0.2.0, policy adaptive, ...      the switch
 *     40 ports, 38 up; in ..., out ...           totals, targets
 *
 *     port   in f/s  out f/s  ...  verdict       ports in the order chosen, scrolled
 *     g1     ...
 *     1-18 of 40 by rate
 *     2026-01-31T12:00:00Z g3: target-missed     the last events
 *     j k scroll, ...                            keys
 */

import { shortNumber } from './output.js'
import type { Paint } from './paint.js'
import { cut } from './text-width.js'
import { ORDERS, type Order, PortTable, sorted, type TopPort } from './top-ports.js'

/** Something that happened. */
export interface TopEvent {
  /** ISO 8601. */
  readonly time: string
  readonly text: string
  readonly isBad: boolean
}

/** What is known of a switch. */
export interface TopSnapshot {
  /** The first line: what the switch is and does as a whole. */
  readonly title: string
  readonly ports: readonly TopPort[]
  /** Oldest first. */
  readonly events: readonly TopEvent[]
  /** How the view ends: "q quits"; left out where there are no keys. */
  readonly quit?: string
  /** Why there is nothing newer; the time of what is shown is in it. */
  readonly stale?: string
}

/** What of it is looked at. */
export interface TopView {
  readonly order: Order
  /** Ports that are scrolled past. */
  readonly first: number
  /** What the last key came to, if that must be said. */
  readonly notice?: string
}

export const FIRST_VIEW: TopView = { order: 'rate', first: 0 }

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** Above so few rows there are events; they have this part of the rows. */
const EVENTS_SHARE = 0.2
const MOST_EVENTS = 6
/** Title, totals, blank, head of the table, where one is, keys. */
const FRAME_ROWS = 6

const KEYS = 'j k PgUp PgDn scroll, r n d p sort'

const eventRows = (events: number, rows: number): number =>
  Math.min(events, MOST_EVENTS, Math.floor(rows * EVENTS_SHARE))

/** Rows of the table that a screen has room for; one at least. */
function tableRows({ events }: TopSnapshot, rows: number): number {
  return Math.max(1, rows - FRAME_ROWS - eventRows(events.length, rows))
}

/** The first port to show: no blank rows below the last one. */
function firstOf(snapshot: TopSnapshot, first: number, rows: number): number {
  return Math.max(0, Math.min(first, snapshot.ports.length - tableRows(snapshot, rows)))
}

/** A key as a terminal sends it: what is looked at from now on. @returns undefined: the view ends */
export function afterKey(
  key: string,
  view: TopView,
  snapshot: TopSnapshot,
  { rows }: ScreenSize,
): TopView | undefined {
  const { notice: _, ...kept } = view
  const page = tableRows(snapshot, rows)
  const scrolled = (by: number): TopView => ({ ...kept, first: firstOf(snapshot, view.first + by, rows) })
  const by = (order: Order): TopView => ({ order, first: 0 })
  switch (key) {
    case 'q':
      return undefined
    case 'j':
    case '\x1b[B':
    case '\x1bOB':
      return scrolled(1)
    case 'k':
    case '\x1b[A':
    case '\x1bOA':
      return scrolled(-1)
    case ' ':
    case '\x1b[6~':
      return scrolled(page)
    case 'b':
    case '\x1b[5~':
      return scrolled(-page)
    case 'g':
    case '\x1b[H':
    case '\x1b[1~':
      return scrolled(Number.NEGATIVE_INFINITY)
    case 'G':
    case '\x1b[F':
    case '\x1b[4~':
      return scrolled(Number.POSITIVE_INFINITY)
    case 'r':
      return by('rate')
    case 'n':
      return by('name')
    case 'd':
      return by('drops')
    case 'p':
      return by('p99')
    case 's':
      return by(ORDERS[(ORDERS.indexOf(view.order) + 1) % ORDERS.length] as Order)
    default:
      return kept
  }
}

/** "40 ports, 38 up; in 1.23 M f/s, 830 Mb/s; out ...; drops 12/s; targets 36 met, 2 MISSED" */
function totals(ports: readonly TopPort[], { bad, warn }: Paint, columns: number): string {
  const sum = (of: (port: TopPort) => number): number => ports.reduce((all, port) => all + of(port), 0)
  const count = (state: string): number => ports.filter(({ promise }) => promise?.state === state).length
  const dropsPerS = sum(({ rates }) => rates.dropsPerS)
  const missed = count('missed')
  const parts: readonly (readonly [string, (text: string) => string])[] = [
    [
      `${ports.length} port${ports.length === 1 ? '' : 's'}, ${ports.filter(({ state }) => state === 'up').length} up`,
      String,
    ],
    ...(missed > 0 ? [[`${missed} target${missed === 1 ? '' : 's'} MISSED`, bad] as const] : []),
    ...(dropsPerS > 0 ? [[`drops ${shortNumber(dropsPerS)}/s`, warn] as const] : []),
    ...(count('met') > 0 ? [[`${count('met')} met`, String] as const] : []),
    [`in ${shortNumber(sum(({ rates }) => rates.ingressFps))} f/s`, String],
    [`${shortNumber(sum(({ rates }) => rates.ingressMbps))} Mb/s`, String],
    [`out ${shortNumber(sum(({ rates }) => rates.egressFps))} f/s`, String],
    [`${shortNumber(sum(({ rates }) => rates.egressMbps))} Mb/s`, String],
  ]
  let width = 0
  let line = ''
  for (const [text, painted] of parts) {
    const gap = line === '' ? '' : ', '
    if (width + gap.length + text.length > columns) break
    width += gap.length + text.length
    line += gap + painted(text)
  }
  return line
}

/** The screen in lines: no more than its rows, none longer than its columns. */
export function screenLines(
  snapshot: TopSnapshot,
  view: TopView,
  { columns, rows }: ScreenSize,
  paint: Paint,
): string[] {
  const { ports, events, title, stale, quit } = snapshot
  const first = firstOf(snapshot, view.first, rows)
  const shown = sorted(ports, view.order).slice(first, first + tableRows(snapshot, rows))
  const table = new PortTable(ports, columns)
  const range = `${shown.length === 0 ? 0 : first + 1}-${first + shown.length} of ${ports.length} by ${view.order}`
  const notice = view.notice ?? stale
  const last = eventRows(events.length, rows)
  const lines = [
    paint.strong(cut(title, columns)),
    totals(ports, paint, columns),
    '',
    table.head(view.order, paint),
    ...shown.map((port) => table.line(port, paint)),
    notice === undefined ? cut(range, columns) : paint.warn(cut(`${range}; ${notice}`, columns)),
    ...(last === 0 ? [] : events.slice(-last)).map(({ time, text, isBad }) => {
      const line = cut(`${time} ${text}`, columns)
      return isBad ? paint.bad(line) : line
    }),
    ...(quit === undefined ? [] : [cut(`${quit}, ${KEYS}`, columns)]),
  ]
  return lines.slice(0, Math.max(1, rows))
}

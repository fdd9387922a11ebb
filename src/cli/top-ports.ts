/** The ports of a live view: their order, and the columns that fit. */
import { delayText } from '../control/delay-text.js'
import type { PortRates } from '../daemon/rates.js'
import { shortNumber } from './output.js'
import type { Paint } from './paint.js'
import { toWidth } from './text-width.js'

/** A port in one second. */
export interface TopPort {
  readonly name: string
  readonly kind: string
  /** Its state; "held" while it is held down. */
  readonly state: string
  readonly place: string
  readonly rates: PortRates
  /** Frames dropped since it was added. */
  readonly drops: number
  /** Its delay target, if it may have one. */
  readonly promise?: {
    readonly state: 'met' | 'missed' | 'no-load' | 'not-held'
    readonly targetUs: number
    readonly p99Us: number | null
    readonly batchFrames: number | null
  }
}

export const ORDERS = ['rate', 'name', 'drops', 'p99'] as const
export type Order = (typeof ORDERS)[number]

/** What an order is by, in turn; the largest comes first. */
const KEYS: Readonly<Record<Order, readonly ((port: TopPort) => number)[]>> = {
  rate: [({ rates }) => rates.ingressFps + rates.egressFps],
  name: [],
  drops: [({ rates }) => rates.dropsPerS, ({ drops }) => drops],
  p99: [({ promise }) => promise?.p99Us ?? -1],
}

const byName = new Intl.Collator('en', { numeric: true })

/** Ports in an order; those that are equal by name. */
export function sorted(ports: readonly TopPort[], order: Order): TopPort[] {
  return [...ports].sort((a, b) => {
    for (const key of KEYS[order]) if (key(a) !== key(b)) return key(b) - key(a)
    return byName.compare(a.name, b.name)
  })
}

interface Column {
  readonly head: string
  readonly width: number
  readonly isText?: boolean
  readonly cell: (port: TopPort) => string
  readonly paint?: (port: TopPort, paint: Paint) => ((text: string) => string) | undefined
  /** Its head is strong while the ports are ordered by it. */
  readonly order?: Order
}

const GAP = ' '
const LEAST_NAME = 8
const MOST_NAME = 32
const LEAST_PLACE = 12

const rate = (value: number): string => shortNumber(value).replace(' ', '')
const VERDICTS = { met: 'met', missed: 'MISSED', 'no-load': 'no load', 'not-held': 'not held' } as const

const IN_FPS: Column = {
  head: 'in f/s',
  width: 7,
  cell: ({ rates }) => rate(rates.ingressFps),
  order: 'rate',
}
const OUT_FPS: Column = { head: 'out f/s', width: 7, cell: ({ rates }) => rate(rates.egressFps) }
const IN_MBPS: Column = { head: 'in Mb/s', width: 7, cell: ({ rates }) => rate(rates.ingressMbps) }
const OUT_MBPS: Column = { head: 'out Mb/s', width: 8, cell: ({ rates }) => rate(rates.egressMbps) }
const CALLS: Column = { head: 'calls/s', width: 7, cell: ({ rates }) => rate(rates.callsPerS) }
const DROPS: Column = {
  head: 'drops',
  width: 7,
  cell: ({ drops }) => rate(drops),
  paint: ({ rates }, { warn }) => (rates.dropsPerS > 0 ? warn : undefined),
  order: 'drops',
}
const P99: Column = {
  head: 'p99',
  width: 7,
  cell: ({ promise }) => (promise ? (promise.p99Us === null ? '-' : delayText(promise.p99Us)) : ''),
  order: 'p99',
}
const TARGET: Column = {
  head: 'target',
  width: 7,
  cell: ({ promise }) => (promise ? delayText(promise.targetUs) : ''),
}
const BATCH: Column = {
  head: 'batch',
  width: 5,
  cell: ({ promise }) => (promise ? (promise.batchFrames?.toFixed(1) ?? '-') : ''),
}
const VERDICT: Column = {
  head: 'verdict',
  width: 8,
  isText: true,
  cell: ({ promise }) => (promise ? VERDICTS[promise.state] : ''),
  paint: ({ promise }, { bad, good }) =>
    promise?.state === 'missed' ? bad : promise?.state === 'met' ? good : undefined,
}
const STATE: Column = {
  head: 'state',
  width: 8,
  isText: true,
  cell: ({ state }) => state,
  paint: ({ state }, { bad, warn }) =>
    state === 'held' || state === 'down' ? bad : state === 'up' ? undefined : warn,
}
const KIND: Column = { head: 'kind', width: 8, isText: true, cell: ({ kind }) => kind }

/** Columns from left to right, and which go first where there is not room for all. */
const PLACES = [KIND, STATE, IN_FPS, IN_MBPS, OUT_FPS, OUT_MBPS, CALLS, DROPS, BATCH, P99, TARGET, VERDICT]
const RANKS = [VERDICT, IN_FPS, OUT_FPS, P99, DROPS, TARGET, STATE, OUT_MBPS, IN_MBPS, KIND, CALLS, BATCH]

/** The table of a live view: its head, and lines of the ports that are given, none longer than the columns. */
export class PortTable {
  readonly #columns: readonly Column[]

  /** @param ports all of them: their names say how much room there is; @param columns of the terminal */
  constructor(ports: readonly TopPort[], columns: number) {
    const longest = Math.max(LEAST_NAME, ...ports.map(({ name }) => name.length))
    const least = Math.min(MOST_NAME, longest)
    let room = columns - LEAST_NAME
    const chosen = RANKS.filter(({ width }) => {
      const isIn = room >= GAP.length + width
      if (isIn) room -= GAP.length + width
      return isIn
    })
    const nameWidth = Math.min(columns, Math.min(least, LEAST_NAME + room))
    room -= nameWidth - LEAST_NAME
    const name: Column = {
      head: 'port',
      width: nameWidth,
      isText: true,
      cell: ({ name: text }) => text,
      order: 'name',
    }
    const place: Column = {
      head: 'place',
      width: room - GAP.length,
      isText: true,
      cell: ({ place: text }) => text,
    }
    this.#columns = [
      name,
      ...PLACES.filter((column) => chosen.includes(column)),
      ...(room >= GAP.length + LEAST_PLACE ? [place] : []),
    ]
  }

  head(order: Order, { strong }: Paint): string {
    return this.#columns
      .map(({ head, width, isText, order: by }) => {
        const text = toWidth(head, width, !isText)
        return by === order ? strong(text) : text
      })
      .join(GAP)
      .trimEnd()
  }

  line(port: TopPort, paint: Paint): string {
    return this.#columns
      .map((column) => {
        const text = toWidth(column.cell(port), column.width, !column.isText)
        return column.paint?.(port, paint)?.(text) ?? text
      })
      .join(GAP)
      .trimEnd()
  }
}

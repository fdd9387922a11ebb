/** The ports as rows of a table. */
import type { Live, PortStatus, PromiseAnswer, VifTuning } from './api.js'
import type { PortSecond, Second } from './history.js'

export interface PortRow {
  readonly name: string
  readonly status: PortStatus
  /** "up", "waiting", ... and "held" while it is held down. */
  readonly state: string
  readonly rates: PortSecond
  /** Frames dropped since it was added. */
  readonly drops: number
  readonly promise?: PromiseAnswer
  readonly tuning?: VifTuning
}

export const VERDICTS = {
  met: { text: 'met', mark: '✓', tone: 'good' },
  missed: { text: 'missed', mark: '▲', tone: 'bad' },
  'no-load': { text: 'no load', mark: '–', tone: 'idle' },
  'not-held': { text: 'not held', mark: '○', tone: 'warn' },
} as const satisfies Record<PromiseAnswer['state'], unknown>

const NOTHING: PortSecond = {
  ingressFps: 0,
  egressFps: 0,
  ingressMbps: 0,
  egressMbps: 0,
  dropsPerS: 0,
  drops: {},
}

/** @param second the last one; undefined before there are two readings */
export function rowsOf(live: Live, second: Second | undefined): PortRow[] {
  const promises = new Map(live.promises.map((each) => [each.name, each]))
  const vifs = new Map(live.tuning.vifs.map((each) => [each.name, each]))
  const stats = new Map(live.stats.map((each) => [each.name, each]))
  return live.ports.map((status) => {
    const { name } = status
    const promise = promises.get(name)
    const tuning = vifs.get(name)
    const drops = Object.values(stats.get(name)?.drops ?? {}).reduce((all, each) => all + (each ?? 0), 0)
    return {
      name,
      status,
      state: status.heldDown === undefined ? status.state : 'held',
      rates: second?.ports.get(name) ?? NOTHING,
      drops,
      ...(promise ? { promise } : {}),
      ...(tuning ? { tuning } : {}),
    }
  })
}

/** The words by which a row is found. */
const wordsOf = ({ name, status, state, promise }: PortRow): string =>
  [name, status.kind, state, status.place, promise ? VERDICTS[promise.state].text : '']
    .join(' ')
    .toLowerCase()

/** Rows that have all words of a text in them. */
export function filterRows(rows: readonly PortRow[], text: string): PortRow[] {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean)
  return rows.filter((row) => wanted.every((word) => wordsOf(row).includes(word)))
}

const URGENCY: Readonly<Record<PromiseAnswer['state'], number>> = {
  missed: 4,
  'not-held': 3,
  met: 2,
  'no-load': 1,
}

/** What rows are sorted by; texts ascend at first, numbers descend. */
export const SORT_KEYS = {
  name: ({ name }: PortRow) => name,
  state: ({ state }: PortRow) => state,
  ingressFps: ({ rates }: PortRow) => rates.ingressFps,
  egressFps: ({ rates }: PortRow) => rates.egressFps,
  ingressMbps: ({ rates }: PortRow) => rates.ingressMbps,
  egressMbps: ({ rates }: PortRow) => rates.egressMbps,
  drops: ({ rates, drops }: PortRow) => rates.dropsPerS * 1e12 + drops,
  batch: ({ promise }: PortRow) => promise?.batchFrames ?? -1,
  p99: ({ promise }: PortRow) => promise?.last10s.p99Us ?? -1,
  verdict: ({ promise }: PortRow) => (promise ? URGENCY[promise.state] : 0),
} as const satisfies Record<string, (row: PortRow) => string | number>
export type SortKey = keyof typeof SORT_KEYS

const byName = new Intl.Collator('en', { numeric: true })

/** Sorted rows; those that are equal by name. */
export function sortRows(rows: readonly PortRow[], key: SortKey, isDescending: boolean): PortRow[] {
  const sign = isDescending ? -1 : 1
  return [...rows].sort((a, b) => {
    const [x, y] = [SORT_KEYS[key](a), SORT_KEYS[key](b)]
    const order =
      typeof x === 'string' ? byName.compare(x, String(y)) : x === y ? 0 : x < (y as number) ? -1 : 1
    return order * sign || byName.compare(a.name, b.name)
  })
}

/** The port that is looked at when nobody chose one: a target that is missed, else the busiest with a verdict. */
export function firstChoice(rows: readonly PortRow[]): string | undefined {
  const busiest = sortRows(rows, 'egressFps', true)
  return (
    busiest.find(({ promise }) => promise?.state === 'missed') ??
    busiest.find(({ promise }) => promise && promise.state !== 'no-load') ??
    busiest.find(({ promise }) => promise) ??
    busiest[0]
  )?.name
}

/** What became of targets, to be read aloud. */
export function verdictChanges(before: readonly PromiseAnswer[], now: readonly PromiseAnswer[]): string[] {
  const states = new Map(before.map(({ name, state }) => [name, state]))
  return now.flatMap(({ name, state, sentence }) => {
    const old = states.get(name)
    if (old === undefined || old === state || (state !== 'missed' && state !== 'met')) return []
    return [state === 'missed' ? `${name}: ${sentence}` : `${name}: target met`]
  })
}

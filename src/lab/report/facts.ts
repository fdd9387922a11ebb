/** What was recorded beside the figures, as tables of words: settings, what ran, what was negotiated. */
import { NO_LIMIT } from '../../aggregation/hold-limits.js'
import type { ChartTable } from '../../plot/chart.js'
import { exactText } from '../../plot/number-text.js'
import { canonicalJson } from '../study/cell.js'
import type { Report } from './report.js'

type Facts = Readonly<Record<string, unknown>>

const isFacts = (value: unknown): value is Facts =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A recorded value in words. */
export function factText(value: unknown): string {
  if (value === null || value === undefined) return 'not known'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return value === NO_LIMIT ? 'no limit' : exactText(value)
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(factText).join(', ')
  return isFacts(value) ? factsText(value) : String(value)
}

/** Facts in one line; what they are made of stands in parentheses. */
export function factsText(facts: Facts): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) =>
      isFacts(value) ? `${name} (${factsText(value)})` : `${name}: ${factText(value)}`,
    )
    .join('; ')
}

/** Facts as rows: what is deeper than a line gets a row of its own, named by its path. */
export function factRows(facts: Facts, path = ''): [string, string][] {
  const entries = Object.entries(facts).filter(([, value]) => value !== undefined)
  const flat = entries.filter(([, value]) => !isFacts(value))
  const own: [string, string][] = flat.length === 0 ? [] : [[path, factsText(Object.fromEntries(flat))]]
  const deeper = entries.flatMap(([name, value]) =>
    isFacts(value) ? factRows(value, path === '' ? name : `${path}, ${name}`) : [],
  )
  return [...own, ...deeper]
}

/** What ran in each cell: one row a workload, from its first measurement. */
export function ranTable(report: Report): ChartTable {
  return {
    head: ['cell', 'rounds', 'workload', 'between', 'settings', 'what really ran'],
    rows: report.cells.flatMap(({ id, measurements }) => {
      const [first] = measurements
      if (!first) return [[id, '0', 'not measured', '', '', '']]
      return first.workloads.map((run) => [
        id,
        String(measurements.length),
        run.label === run.workload ? run.workload : `${run.label}: ${run.workload}`,
        run.peer === undefined ? run.vm : `${run.vm} and ${run.peer}`,
        factsText(run.settings),
        factsText(run.ran ?? {}),
      ])
    }),
  }
}

/** What a measurement says of its switch, without what differs from window to window: that is in the raw data. */
function lasting(facts: Facts): Facts {
  const { counted: _, switch: made, ...rest } = facts
  if (!isFacts(made) || !isFacts(made.tuning)) return { ...rest, switch: made }
  const { policy, budget, vifs } = made.tuning
  const limits = Object.entries(isFacts(vifs) ? vifs : {}).map(([name, vif]) => {
    const { targetUs, weight } = isFacts(vif) ? vif : {}
    return [name, { targetUs, weight }]
  })
  return { switch: { ...made, tuning: { policy, budget, ...Object.fromEntries(limits) } }, ...rest }
}

/** What the switch was and what guests negotiated; cells in which it was the same share rows. */
export function switchTable(report: Report): ChartTable {
  const groups = new Map<string, { facts: Facts; cells: string[] }>()
  for (const { id, measurements } of report.cells) {
    const [first] = measurements
    if (!first) continue
    const facts = lasting(first.switch)
    const key = canonicalJson(facts)
    const group = groups.get(key) ?? { facts, cells: [] }
    group.cells.push(id)
    groups.set(key, group)
  }
  return {
    head: ['cells', 'what', 'first round'],
    rows: [...groups.values()].flatMap(({ cells, facts }) =>
      factRows(facts).map(([name, words], at) => [at === 0 ? cells.join('; ') : '', name, words]),
    ),
  }
}

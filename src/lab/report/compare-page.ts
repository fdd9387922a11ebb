/** Two runs side by side as one HTML page: what came of the comparison, every cell, and what else differs. Pure. */
import { barChart } from '../../plot/bar-chart.js'
import type { ChartTable } from '../../plot/chart.js'
import { type CellComparison, type Comparison, VERDICTS } from '../analysis/compare.js'
import { type Estimate, summarise } from '../analysis/estimate.js'
import { METRICS } from '../record/metrics.js'
import type { StoredRun } from '../run/store.js'
import { factRows } from './facts.js'
import { renderPage } from './html.js'
import type { Section } from './sections.js'
import { estimateText, headText, percentText } from './wording.js'

/** What a comparison comes to: "no regression: 5 same, 1 better". */
export function outcomeText({ cells, regression, usable }: Comparison): string {
  const outcome = regression ? 'regression' : usable ? 'no regression' : 'nothing could be decided'
  const counts = VERDICTS.map((verdict) => [verdict, cells.filter((cell) => cell.verdict === verdict).length])
  const found = counts.filter(([, count]) => count !== 0).map(([verdict, count]) => `${count} ${verdict}`)
  return `${outcome}: ${found.join(', ')}`
}

function estimateOf(values: readonly number[]): Estimate | undefined {
  return summarise(values.map((value, round) => ({ round, value, marked: false })))
}

/** "+12 %", or a dash where there is none. */
export function changeText(change: number | null): string {
  if (change === null || !Number.isFinite(change)) return '–'
  return `${change >= 0 ? '+' : '−'}${percentText(Math.abs(change))}`
}

function cellTable(cells: readonly CellComparison[]): ChartTable {
  return {
    head: ['cell', 'A (95 % interval)', 'B (95 % interval)', 'rounds', 'B against A', 'p', 'verdict'],
    rows: cells.map(({ cell, a, b, change, p, verdict }) => [
      ...[cell, estimateText(estimateOf(a)), estimateText(estimateOf(b)), `${a.length} and ${b.length}`],
      ...[changeText(change), p === null ? '–' : p.toPrecision(2), verdict],
    ]),
  }
}

/** What is known of both runs; what differs first. */
function runTable(a: StoredRun, b: StoredRun): ChartTable {
  const facts = ({ header, folder }: StoredRun): Map<string, string> => {
    const { run, startedAt, guests, quick, seed, studyHash, machine } = header
    const about = { folder, run, startedAt, guests, quick, seed, 'SHA-256 of study and options': studyHash }
    return new Map(
      [...Object.entries(about), ...Object.entries(machine)].map(([name, value]) => [
        name,
        factRows({ [name]: value })
          .map(([path, words]) =>
            (path === '' || path === name ? words : `${path}: ${words}`).replace(`${name}: `, ''),
          )
          .join('; '),
      ]),
    )
  }
  const [left, right] = [facts(a), facts(b)]
  const rows = [...new Set([...left.keys(), ...right.keys()])].map((name) => {
    const [one, two] = [left.get(name) ?? 'not known', right.get(name) ?? 'not known']
    return [name, one, two, one === two ? '' : 'differs']
  })
  return {
    head: ['what', 'A', 'B', ''],
    rows: [...rows.filter(([, , , differs]) => differs), ...rows.filter(([, , , differs]) => !differs)],
  }
}

/**
 * The page. @param command that makes it again
 */
export function comparePage(a: StoredRun, b: StoredRun, comparison: Comparison, command: string): string {
  const { metric, better, cells, minEffect, alpha } = comparison
  const measure = { label: METRICS[metric].label, unit: METRICS[metric].unit, better }
  const shown = cells.filter((cell) => cell.a.length + cell.b.length > 0)
  const title = `${measure.label} of both runs`
  const table = cellTable(cells)
  const series = (label: string, side: 'a' | 'b') => ({
    label,
    values: shown.map((cell) => estimateOf(cell[side])),
    runs: shown.map((cell) => cell[side].map((value) => ({ value }))),
  })
  const chart = barChart({
    ...{ id: 'figure-1', title, x: { label: 'cell' }, y: measure },
    categories: shown.map(({ cell }) => cell),
    series: [series(`A: ${a.header.run}`, 'a'), series(`B: ${b.header.run}`, 'b')],
    width: 1100,
  })
  const outcome = outcomeText(comparison)
  const rule = `By ${headText(measure)}${better === 'none' ? '' : `, ${better} is better`}. A cell is better or worse when it changed by at least ${percentText(minEffect)} and chance is no likely cause: permutation test, false discovery rate ${percentText(alpha)}. It takes 4 rounds of each run.`
  const sections: Section[] = [
    {
      ...{ id: 'answer', title: 'Short answer', level: 2 },
      blocks: [
        { kind: 'answer', text: `${outcome[0]!.toUpperCase()}${outcome.slice(1)}.` },
        { kind: 'text', text: rule },
      ],
    },
    {
      ...{ id: 'cells', title: 'Cells', level: 2 },
      blocks: [
        { kind: 'picture', id: 'figure-1', picture: { title, svg: chart.svg }, table },
        { kind: 'table', table, caption: headText(measure) },
      ],
    },
    {
      ...{ id: 'runs', title: 'The two runs', level: 2 },
      blocks: [{ kind: 'table', table: runTable(a, b), caption: 'What differs comes first' }],
    },
  ]
  return renderPage({
    title: `Comparison of two runs of ${a.header.study.name}`,
    lead: `A: ${a.header.run}, B: ${b.header.run}`,
    generator: command,
    sections,
    footer: ['Made by ', command, '.'],
  })
}

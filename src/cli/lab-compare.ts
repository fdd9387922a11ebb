import { type Command, InvalidArgumentError, Option } from 'commander'
import { ERRORS, RingferryError } from '../errors/errors.js'
import { type CellComparison, type Comparison, compareRuns } from '../lab/analysis/compare.js'
import { METRIC_NAMES, type MetricName } from '../lab/record/metrics.js'
import { comparePage, outcomeText } from '../lab/report/compare-page.js'
import { readRun, type StoredRun } from '../lab/run/store.js'
import { mean } from '../stats/summary.js'
import { checkWritable, writeWhole } from '../sys/output-file.js'
import { formatTable, print, printJson, shortNumber } from './output.js'

const REGRESSION_EXIT = 1

interface CompareCommandOptions {
  readonly metric?: MetricName
  readonly minEffect: number
  readonly json?: boolean
  readonly html?: string
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value < 10) return value
  throw new InvalidArgumentError('give a share, e.g. 0.05')
}

function cellRow({ cell, a, b, change, p, verdict }: CellComparison): string[] {
  const side = (values: readonly number[]): string =>
    values.length === 0 ? '-' : `${shortNumber(mean(values))} (${values.length})`
  return [
    ...[cell, side(a), side(b)],
    change === null || !Number.isFinite(change)
      ? '-'
      : `${change >= 0 ? '+' : ''}${(100 * change).toFixed(1)} %`,
    p === null ? '-' : p.toPrecision(2),
    verdict,
  ]
}

/** A line a cell, then what it comes to. */
export function comparisonText(comparison: Comparison): string {
  const { metric, unit, better, cells, minEffect, alpha } = comparison
  const head = ['cell', 'A (rounds)', 'B (rounds)', 'change', 'p', 'verdict']
  const direction = better === 'none' ? 'no good direction' : `${better} is better`
  return `${metric} in ${unit}, ${direction}; changes below ${100 * minEffect} % do not count; false discovery rate ${100 * alpha} %
${formatTable(head, cells.map(cellRow), [1, 2, 3, 4])}

${outcomeText(comparison)}`
}

/** A run that cannot be read makes a comparison unusable, whatever the reason: exit code 2. */
function readForComparison(folder: string): StoredRun {
  try {
    return readRun(folder)
  } catch (cause) {
    if (!(cause instanceof RingferryError) || cause.exitCode === ERRORS.CONFIG.exit) throw cause
    throw new RingferryError('CONFIG', cause.message, { cause })
  }
}

function compare(a: string, b: string, { json, metric, minEffect, html }: CompareCommandOptions): void {
  if (html !== undefined) checkWritable(html)
  const [runA, runB] = [readForComparison(a), readForComparison(b)]
  const comparison = compareRuns(runA, runB, { minEffect, ...(metric === undefined ? {} : { metric }) })
  if (html !== undefined) {
    const chosen = metric === undefined ? '' : ` --metric ${metric}`
    const command = `ringferry lab compare ${a} ${b}${chosen} --min-effect ${minEffect} --html ${html}`
    writeWhole(html, comparePage(runA, runB, comparison, command))
  }
  if (json) printJson(comparison)
  else print(comparisonText(comparison))
  if (comparison.regression) process.exitCode = REGRESSION_EXIT
  else if (!comparison.usable)
    throw new RingferryError(
      'CONFIG',
      `${a} and ${b}: no cell could be decided by ${comparison.metric}: that takes values in both runs and, where they differ, 4 rounds of each; run more rounds, or name another --metric`,
    )
}

export function addLabCompare(lab: Command): void {
  lab
    .command('compare')
    .argument('<a>', 'folder of the run to compare with')
    .argument('<b>', 'folder of the run in question')
    .description('whether run B is worse than run A, cell by cell; a gate for regressions')
    .addOption(
      new Option('--metric <name>', 'default: what the study of A watches').choices([...METRIC_NAMES]),
    )
    .addOption(
      new Option('--min-effect <share>', 'smallest change that counts').default(0.05).argParser(share),
    )
    .option('--json', 'as one JSON line')
    .option('--html <file>', 'writes a page with both runs, too')
    .addHelpText(
      'after',
      `
Cells are matched by their factors. A cell is better or worse when its change is at least --min-effect and a
permutation test, corrected for the number of cells (Benjamini-Hochberg), says that it is no chance. That takes
4 rounds of each run at least; with fewer, a large change is "undecided".
Exit codes: 0 no regression, 1 a cell is worse or lost, 2 wrong use, or nothing could be decided.

Examples:
  ringferry lab compare before after
  ringferry lab compare before after --metric p99Us --min-effect 0.1
  ringferry lab compare before after --html compared.html
  ringferry lab compare before after --json`,
    )
    .action(compare)
}

import type { Command } from 'commander'
import { RingferryError } from '../errors/errors.js'
import { writeReport } from '../lab/report/write.js'
import { runCsv, runRows } from '../lab/run/csv.js'
import { readRun } from '../lab/run/store.js'
import { listStudies } from '../lab/study/load.js'
import { primaryOf } from '../lab/workload/registry.js'
import { writeWhole } from '../sys/output-file.js'
import { addLabCompare } from './lab-compare.js'
import { addLabRun } from './lab-run.js'
import { addLabWorkloads } from './lab-workloads.js'
import { formatTable, print, printJson } from './output.js'

const takesText = (minutes: number | null): string => (minutes === null ? '-' : `${minutes} min`)

function list({ json }: { readonly json?: boolean }): void {
  const studies = listStudies().map(({ study: { name, title, question, guests, takesMin = null } }) => ({
    ...{ name, title, question, guests, takesMin },
  }))
  const rows = studies.map(({ name, guests, takesMin, title }) => [name, guests, takesText(takesMin), title])
  if (json) printJson(studies)
  else print(formatTable(['study', 'guests', 'takes', 'about'], rows))
}

interface ExportOptions {
  readonly csv?: string | true
  readonly json?: boolean
}

function exportRun(folder: string, { csv, json }: ExportOptions): void {
  if (csv === undefined && !json)
    throw new RingferryError('USAGE', 'say what to export: --csv [file] or --json')
  if (csv === true && json)
    throw new RingferryError('USAGE', '--csv and --json both go to standard output; give --csv a file')
  const run = readRun(folder)
  if (csv === true) process.stdout.write(runCsv(run))
  else if (csv !== undefined) writeWhole(csv, runCsv(run))
  if (!json) return
  const { head, rows } = runRows(run)
  printJson(rows.map((row) => Object.fromEntries(head.map((name, at) => [name, row[at]]))))
}

function report(
  folder: string,
  { out, json: asJson }: { readonly out?: string; readonly json?: boolean },
): void {
  const { html, markdown, json, chosen } = writeReport(folder, out, { primaryOf })
  const files = { html, markdown, json, ...(chosen === undefined ? {} : { chosen }) }
  if (asJson) printJson(files)
  else print(Object.values(files).join('\n'))
}

/** `ringferry lab ...`: studies on real guests. */
export function addLab(program: Command): void {
  const lab = program
    .command('lab')
    .description('measurement studies on real guests: run, resume, report, compare')
    .addHelpText(
      'after',
      `
Examples:
  ringferry lab list
  ringferry lab run seed --quick
  ringferry lab compare ringferry-lab/seed-20260101-120000 ringferry-lab/seed-20260102-120000`,
    )
  lab
    .command('list')
    .description('the studies that ship with the program')
    .option('--json', 'as one JSON line')
    .addHelpText('after', '\nExamples:\n  ringferry lab list\n  ringferry lab list --json')
    .action(list)
  addLabWorkloads(lab)
  addLabRun(lab)
  lab
    .command('report')
    .argument('<run>', 'folder of a run, finished or not')
    .description('writes the report of a run anew: one HTML file that needs nothing else, Markdown, JSON')
    .option('--out <dir>', "where to; default: the run's folder")
    .option('--json', 'names of the files as one JSON line')
    .addHelpText(
      'after',
      `
Examples:
  ringferry lab report ringferry-lab/seed-20260101-120000
  ringferry lab report ringferry-lab/seed-20260101-120000 --out docs/reports/seed`,
    )
    .action(report)
  addLabCompare(lab)
  lab
    .command('export')
    .argument('<run>', 'folder of a run')
    .description('the measurements of a run as a table: one row a metric')
    .option('--csv [file]', 'comma-separated (RFC 4180); without a file on standard output')
    .option('--json', 'as one JSON line, an object a metric')
    .addHelpText(
      'after',
      `
Examples:
  ringferry lab export ringferry-lab/seed-20260101-120000 --csv
  ringferry lab export ringferry-lab/seed-20260101-120000 --csv seed.csv`,
    )
    .action(exportRun)
}

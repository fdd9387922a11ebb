import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { RingferryError } from '../errors/errors.js'
import { writeReport } from '../lab/report/write.js'
import { runCsv } from '../lab/run/csv.js'
import { readRun } from '../lab/run/store.js'
import { listStudies } from '../lab/study/load.js'
import { primaryOf } from '../lab/workload/registry.js'
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

function exportRun(folder: string, { csv }: { readonly csv?: string | true }): void {
  if (csv === undefined) throw new RingferryError('USAGE', 'say what to export: --csv [file]')
  const text = runCsv(readRun(folder))
  if (csv === true) process.stdout.write(text)
  else {
    try {
      writeFileSync(csv, text)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw new RingferryError('PERMISSION', `${csv}: cannot be written (${code}); choose another`, { cause })
    }
  }
}

function report(folder: string, { out }: { readonly out?: string }): void {
  const { html, markdown, json, chosen } = writeReport(folder, out, { primaryOf })
  print([html, markdown, json, ...(chosen === undefined ? [] : [chosen])].join('\n'))
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
    .addHelpText(
      'after',
      `
Examples:
  ringferry lab export ringferry-lab/seed-20260101-120000 --csv
  ringferry lab export ringferry-lab/seed-20260101-120000 --csv seed.csv`,
    )
    .action(exportRun)
}

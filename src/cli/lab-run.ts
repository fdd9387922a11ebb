import { join, relative, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { RingferryError } from '../errors/errors.js'
import { startBed } from '../lab/bed/start.js'
import { STUDY_KINDS } from '../lab/guest/spec.js'
import { describeMachine } from '../lab/machine/machine.js'
import { METRICS } from '../lab/record/metrics.js'
import type { LabRecord, Measurement } from '../lab/record/record.js'
import { writeReport } from '../lab/report/write.js'
import { makeHeader, RUNS_FOLDER, runName } from '../lab/run/begin.js'
import { systemClock } from '../lab/run/clock.js'
import { estimateLeft, estimateStudy } from '../lab/run/estimate.js'
import { type PickValue, pickPrimary, RunHistory, watchedValue } from '../lab/run/history.js'
import { readHost } from '../lab/run/host.js'
import type { Turn } from '../lab/run/order.js'
import { type RunSummary, summariseRun, summarySchema } from '../lab/run/run-summary.js'
import { type RunObserver, runStudy } from '../lab/run/runner.js'
import { RunStore, type StoredRun } from '../lab/run/store.js'
import { measuredValue } from '../lab/run/value.js'
import type { StudyPlan } from '../lab/study/cell.js'
import { primaryOf } from '../lab/workload/registry.js'
import { checkWritable, writeWhole } from '../sys/output-file.js'
import { Interruption } from './interruption.js'
import { collectOnly, KNOWN_WORKLOADS, type LabRunOptions, planRun, usesNetworkRights } from './lab-plan.js'
import { Progress, shortTime } from './lab-progress.js'
import { wholeNumber } from './options.js'
import { formatTable, print, printJson, shortNumber } from './output.js'
import { needsOwnNamespace, runInOwnNamespace } from './own-namespace.js'

/** Of a run whose user gives none: any fixed number makes runs repeatable. */
const SEED = 1

/** What the study says of its duration, which is of all its cells at full length. */
function expectedText({ study: { takesMin }, quick }: StudyPlan): string {
  if (takesMin === undefined) return ''
  return `\nexpected at full length, with all cells: ${takesMin} min${quick ? ' (this is --quick)' : ''}`
}

/** The cells of a plan, and how long they take. */
export function planText(plan: StudyPlan): string {
  const rows = plan.cells.map(({ id, uses, bed, window, aa, impossible }) => [
    `${id}${aa ? ' (A/A)' : ''}`,
    bed.vms.length > 4
      ? `${bed.vms.length} VMs`
      : bed.vms.map(({ name, kind }) => `${name}:${kind}`).join(' '),
    uses.length > 3
      ? `${uses.length} x ${uses[0]?.run}`
      : uses.map(({ run, vm }) => `${run}@${vm}`).join(' '),
    impossible === undefined ? `${window.warmUpS}+${window.measureS} s` : 'cannot be measured',
  ])
  const { leastS, mostS } = estimateStudy(plan)
  const { min, max } = plan.rounds
  const rounds = min === max ? `${min}` : `${min} to ${max}`
  return `${formatTable(['cell', 'VMs', 'workloads', 'window'], rows)}

${plan.cells.length} cells, ${rounds} rounds, guests ${plan.guests}: about ${shortTime(leastS)}${max > min ? `, at most ${shortTime(mostS)}` : ''}${expectedText(plan)}`
}

/** The same as data. */
function planRecord(plan: StudyPlan): object {
  const { study, guests, rounds, cells } = plan
  return { study: study.name, guests, rounds, ...estimateStudy(plan), cells }
}

/** What a run gave, as a table and the list of what is missing. */
export function summaryText(summary: RunSummary): string {
  const rows = summary.cells.map(({ cell, rounds, marked, mean, high, metric, unit }) => [
    cell,
    rounds.toString(),
    mean === null ? '-' : `${shortNumber(mean)}${metric === summary.metric ? '' : ` ${unit}`}`,
    mean === null || high === null ? '' : `+- ${shortNumber(high - mean)}`,
    marked === 0 ? '' : `${marked} noisy`,
  ])
  const head = ['cell', 'rounds', `${summary.metric} (${summary.unit})`, '95 %', '']
  const missing = summary.missing.map(({ cell, have, reason }) => `  ${cell}: ${have} rounds; ${reason}`)
  return [formatTable(head, rows, [1, 2]), ...(missing.length > 0 ? ['', 'missing:', ...missing] : [])].join(
    '\n',
  )
}

/** A cell as progress names it; the second of an A/A pair is measured to see the noise. */
function turnName(id: string, twin = false): string {
  return twin ? `${id} (A/A: once more, for the noise)` : id
}

/** What a measurement gave of what its study watches, with the unit. */
function valueText(plan: StudyPlan, measurement: Measurement): string {
  const watched = watchedValue(plan, measurement, primaryOf)
  const value = measuredValue(measurement, watched)
  return value === undefined ? 'measured' : `${shortNumber(value)} ${METRICS[watched.metric].unit}`.trim()
}

class Observer implements RunObserver {
  readonly #progress: Progress
  readonly #plan: StudyPlan
  readonly #history: RunHistory
  readonly #pick: PickValue
  #done = 0

  constructor(progress: Progress, plan: StudyPlan, history: RunHistory, pick: PickValue) {
    this.#progress = progress
    this.#plan = plan
    this.#history = history
    this.#pick = pick
  }

  note(text: string): void {
    this.#progress.line(text)
  }

  begins({ cell, twin }: Turn, round: number): void {
    const { turns, seconds } = estimateLeft(this.#plan, this.#history, this.#pick)
    this.#progress.status(
      `${this.#done} done, ${turns} to do, about ${shortTime(seconds)} left: ${turnName(cell.id, twin)}, round ${round + 1}`,
    )
  }

  wrote(record: LabRecord): void {
    if (record.type === 'failure')
      this.#progress.line(`${record.cell}: failed in round ${record.round + 1}: ${record.reason}`)
    if (record.type !== 'measurement') return
    this.#done++
    const value = valueText(this.#plan, record)
    const { turns, seconds } = estimateLeft(this.#plan, this.#history, this.#pick)
    const noisy = record.noise.verdict === 'marked' ? ` (noisy: ${record.noise.reasons.join('; ')})` : ''
    const left = turns === 0 ? 'done' : `${turns} to do, about ${shortTime(seconds)} left`
    this.#progress.line(
      `${turnName(record.cell, record.twin)}, round ${record.round + 1}: ${value}${noisy}; ${left}`,
    )
  }
}

async function openStore(
  plan: StudyPlan,
  before: StoredRun | undefined,
  options: LabRunOptions,
  pick: PickValue,
  progress: Progress,
): Promise<{ store: RunStore; history: RunHistory; seed: number; run: string }> {
  if (before) {
    const { store, before: now } = await RunStore.resume(before.folder)
    if (now.tornBytes > 0)
      progress.line(`a last line of ${now.tornBytes} bytes was not written to its end; cut off`)
    const kept = now.records.filter(({ type }) => type === 'measurement').length
    store.append({ type: 'resumed', at: systemClock.date(), detail: `${kept} measurements kept` })
    const history = new RunHistory(now.records)
    const { turns } = estimateLeft(plan, history, pick)
    progress.line(`${before.folder}: goes on; ${kept} measurements are there, ${turns} missing`)
    return { store, history, seed: now.header.seed, run: now.header.run }
  }
  const run = runName(plan.study.name, new Date())
  const seed = options.seed ?? SEED
  const header = makeHeader(plan, {
    ...{ run, seed, startedAt: systemClock.date() },
    machine: { ...describeMachine() },
  })
  const store = await RunStore.create(options.out ?? join(RUNS_FOLDER, run), header)
  return { store, history: new RunHistory(), seed, run }
}

function howToResume(study: string, folder: string): string {
  const near = relative('.', folder)
  return `ringferry lab run ${study} --resume ${near.startsWith('..') ? resolve(folder) : near || '.'}`
}

async function labRun(name: string, options: LabRunOptions): Promise<void> {
  const { json, strict = false } = options
  if (typeof json === 'string') checkWritable(json)
  const { signal } = new Interruption()
  // Standard output has the JSON, then.
  const progress = new Progress(json === true ? process.stderr : process.stdout)
  const { plan, before } = await planRun(name, options, (text) => progress.line(text), signal)
  if (options.dryRun) return json === true ? printJson(planRecord(plan)) : print(planText(plan))
  // Whatever had to be fetched is there: a new namespace has no network.
  if (usesNetworkRights(plan) && needsOwnNamespace()) {
    progress.line('network rights are missing: measuring in a user namespace of its own')
    process.exitCode = await runInOwnNamespace()
    return
  }
  const pick = pickPrimary(plan, primaryOf)
  const { store, history, seed, run } = await openStore(plan, before, options, pick, progress)
  const { seconds } = estimateLeft(plan, history, pick)
  progress.line(
    `${plan.study.title}: ${plan.cells.length} cells, ${plan.guests} guests, about ${shortTime(seconds)}; data in ${store.folder}`,
  )
  const observer = new Observer(progress, plan, history, pick)
  const dependencies = { buildBed: startBed, workloads: KNOWN_WORKLOADS, clock: systemClock, host: readHost }
  try {
    await runStudy(dependencies, { plan, seed, strict, history, store, observer, signal })
  } catch (error) {
    if (!(error instanceof RingferryError) || error.code !== 'INTERRUPTED') throw error
    throw new RingferryError(
      'INTERRUPTED',
      `${error.message}; go on with: ${howToResume(name, store.folder)}`,
    )
  } finally {
    progress.end()
    await store.close()
  }
  const summary = summariseRun(plan, history, primaryOf, { run, folder: resolve(store.folder), seed })
  if (json !== true) print(`\n${summaryText(summary)}`)
  const record = summarySchema.parse(summary)
  if (typeof json === 'string') writeWhole(json, `${JSON.stringify(record, null, 2)}\n`)
  const { report, html } = writeReport(store.folder, store.folder, { primaryOf })
  if (json === true) printJson(record)
  else {
    if (report.answer.length > 0) print(`\n${report.answer.join('\n')}`)
    print(`\nreport: ${html}`)
  }
  if (summary.cells.every(({ rounds }) => rounds === 0))
    throw new RingferryError('GUEST', `nothing could be measured: ${summary.missing[0]?.reason ?? 'no cell'}`)
}

export function addLabRun(lab: Command): void {
  lab
    .command('run')
    .argument(
      '<study>',
      'a study of "ringferry lab list", or a YAML file (schema: docs/schema/study.schema.json)',
    )
    .description('measures a study; raw data go to a folder as they come, the report beside them at the end')
    .option('--quick', 'fewer cells and rounds, as the study says: a glance, not evidence')
    .addOption(
      new Option('--guests <kind>', "default: the study's, or the best there is").choices([...STUDY_KINDS]),
    )
    .addOption(
      new Option('--seed <number>', 'of the order and of all chance; default 1').argParser(wholeNumber),
    )
    .option('--out <dir>', `folder of the run; default ./${RUNS_FOLDER}/STUDY-TIME`)
    .option('--resume [run]', 'goes on with a run; without a name with the newest that did not finish')
    .option('--strict', 'waits for a quiet machine before each cell, and refuses to measure on a busy one')
    .option(
      '--json [file]',
      'what the cells gave, into a file or as one line on standard output (schema: docs/schema/lab-summary.schema.json)',
    )
    .addOption(
      new Option('--only <factor=value>', 'only these cells; may be repeated').argParser(collectOnly),
    )
    .option('--loads-from <run>', 'colocation: the loads that this run of "representative" chose')
    .option('--dry-run', 'shows the cells and the time they take, measures nothing')
    .addHelpText(
      'after',
      `
Every measurement is on the disk (run.jsonl) before the next begins. Ctrl-C stops all guests; --resume goes on.

Examples:
  ringferry lab run seed --quick
  ringferry lab run policies --guests uml --only policy=natural --only policy=adaptive
  ringferry lab run seed --dry-run
  ringferry lab run seed --resume
  ringferry lab run colocation --loads-from ringferry-lab/representative-20260101-120000
  ringferry lab run ./my-study.yaml --out /tmp/mine --strict`,
    )
    .action(labRun)
}

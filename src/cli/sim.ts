import type { Command } from 'commander'
import { planeModule } from '../engine/plane-module.js'
import { RingferryError } from '../errors/errors.js'
import { loadModel } from '../experiment/model-file.js'
import { replicate } from '../experiment/replicate.js'
import { columnTitle, seedChart, seedFigure } from '../experiment/seed-figure.js'
import { summarise } from '../experiment/summary.js'
import { TapFile } from '../experiment/tap-file.js'
import { UnitTrace } from '../experiment/trace-file.js'
import { standalone } from '../lab/report/picture-file.js'
import type { Model } from '../sim/model.js'
import { runModel } from '../sim/run.js'
import { checkWritable, writeWhole } from '../sys/output-file.js'
import { Progress } from './lab-progress.js'
import { wholeNumber } from './options.js'
import { print, printJson } from './output.js'
import { addSimCalibrate } from './sim-calibrate.js'
import { addSimFrontier } from './sim-frontier.js'
import { addSimHeldOut } from './sim-held-out.js'
import { addSimLineRate } from './sim-line-rate.js'
import { addSimSteps } from './sim-steps.js'
import { addSimSweep } from './sim-sweep.js'
import { seedTable, summaryTable } from './sim-tables.js'
import { addSimValidate } from './sim-validate.js'
import { addSimWorker } from './sim-worker.js'
import { DEFAULT_SEED } from './sweep-flags.js'

interface SimRunOptions {
  readonly json?: boolean
  readonly seed?: number
  readonly replications?: number
  readonly plot?: string
  readonly trace?: string
  readonly pcap?: string
  readonly port?: string
}

function runSeed({ json, seed = DEFAULT_SEED, replications, plot }: SimRunOptions): void {
  if (plot !== undefined) checkWritable(plot)
  const progress = new Progress(process.stderr)
  let done = 0
  const bars = seedFigure({ seed, plane: planeModule(), replications }, (bar, of) => {
    progress.status(`${++done} of ${of}: ${columnTitle(bar)}, ${bar.direction}`)
  })
  progress.end()
  if (plot !== undefined) writeWhole(plot, standalone(seedChart(bars).svg))
  if (json) printJson({ model: 'seed', seed, bars })
  else print(seedTable(bars))
}

/** The first replication once more, looked at. */
function watchRun(model: Model, seed: number, { trace, pcap, port }: SimRunOptions): void {
  for (const file of [trace, pcap]) if (file !== undefined) checkWritable(file)
  const tracer = trace === undefined ? undefined : new UnitTrace()
  const tap = pcap === undefined ? undefined : new TapFile(model, port ?? model.vms[0]!.name)
  runModel(model, { seed, plane: planeModule(), tracer, tap })
  const say = (file: string, kept: number, left: number, what: string): void => {
    if (left > 0) process.stderr.write(`${file}: the first ${kept} ${what}; ${left} more are left out\n`)
  }
  if (tracer && trace !== undefined) {
    tracer.write(trace)
    say(trace, tracer.units.length, tracer.left, 'units')
  }
  if (tap && pcap !== undefined) {
    tap.write(pcap)
    say(pcap, tap.captured, tap.left, 'frames')
  }
}

async function simRun(name: string, options: SimRunOptions): Promise<void> {
  if (name === 'seed') {
    for (const flag of ['trace', 'pcap'] as const)
      if (options[flag] !== undefined)
        throw new RingferryError('USAGE', `--${flag}: give a model file; seed is many models`)
    runSeed(options)
    return
  }
  if (options.plot !== undefined)
    throw new RingferryError('USAGE', '--plot: only "sim run seed" has a figure')
  const { seed = DEFAULT_SEED, replications, json } = options
  if (options.port !== undefined && options.pcap === undefined)
    throw new RingferryError('USAGE', '--port: says what --pcap captures; give that, too')
  const { file, model } = await loadModel(name)
  if (options.port !== undefined) new TapFile(model, options.port)
  if (file.sweep)
    throw new RingferryError('USAGE', `${name}: has a sweep; run it by "ringferry sim sweep ${name}"`)
  const rules =
    replications === undefined
      ? file.replications
      : { ...file.replications, min: replications, max: replications }
  const warmUp = file.warmUpMs === 'auto' ? 'auto' : 'given'
  const progress = new Progress(process.stderr)
  const done = replicate(model, {
    ...{ rules, seed, plane: planeModule(), warmUp },
    onRun: (runs) => {
      progress.status(`${runs.length} replications, at most ${rules.max}`)
    },
  })
  progress.end()
  if (options.trace !== undefined || options.pcap !== undefined)
    watchRun({ ...model, warmUpMs: done.warmUpMs }, done.runs[0]!.seed, options)
  const summary = summarise(done, seed)
  if (json) printJson(summary)
  else print(summaryTable(summary, rules))
}

/** `ringferry sim ...`: models of machines that one does not have. */
export function addSim(program: Command): void {
  const sim = program
    .command('sim')
    .description(
      'simulates machines, VMs and traffic: the same policies, controller and hold rule, modelled time',
    )
    .addHelpText(
      'after',
      `
Examples:
  ringferry sim run seed
  ringferry sim run examples/model.yaml
  ringferry sim sweep examples/sweep.yaml
  ringferry sim steps --architecture xen`,
    )
  sim
    .command('run')
    .argument('<model>', '"seed", or a YAML file (schema: docs/schema/model.schema.json)')
    .description("runs a model until its intervals are narrow; seed: the founding document's Figure 2")
    .option('--json', 'as one JSON line')
    .option('--seed <number>', 'of all chance; the same seed gives the same figures; default 1', wholeNumber)
    .option('--replications <number>', "so many, in place of the model's rule", wholeNumber)
    .option('--plot <file>', 'seed: writes the figure as SVG')
    .option(
      '--trace <file>',
      'what threads do in the first replication, for Perfetto; .jsonl: a JSON line a unit',
    )
    .option('--pcap <file>', 'frames of one port in the first replication, as pcapng')
    .option('--port <name>', 'VM or NIC that --pcap captures; default the first VM')
    .addHelpText(
      'after',
      `
Examples:
  ringferry sim run seed --plot seed.svg
  ringferry sim run examples/model.yaml --replications 10 --seed 7 --json`,
    )
    .action(simRun)
  addSimSweep(sim)
  addSimCalibrate(sim)
  addSimValidate(sim)
  addSimWorker(sim)
  addSimLineRate(sim)
  addSimFrontier(sim)
  addSimHeldOut(sim)
  addSimSteps(sim)
}

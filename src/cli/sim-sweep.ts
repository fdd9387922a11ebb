import { basename } from 'node:path'
import type { Command } from 'commander'
import { RingferryError } from '../errors/errors.js'
import { loadModel } from '../experiment/model-file.js'
import type { SweepLine } from '../experiment/sweep-job.js'
import { sweepPoints } from '../experiment/sweep-points.js'
import { formatTable, print, printJson } from './output.js'
import { value } from './sim-tables.js'
import { addSweepFlags, DEFAULT_SEED, type SweepFlags, sweepWithProgress } from './sweep-flags.js'

interface SweepOptions extends SweepFlags {
  readonly out?: string
  readonly json?: boolean
}

const FIGURES = ['mbps', 'fps', 'driverCpu', 'hostCpu', 'callsPerFrame'] as const

/** Points as rows: their factors, then figures. */
export function sweepTable(lines: readonly SweepLine[]): string {
  const names = Object.keys(lines[0]?.factors ?? {})
  const rows = lines.map(({ factors, summary, error }) => [
    ...names.map((name) => String(factors[name])),
    ...(summary ? FIGURES.map((figure) => value(summary.host, figure)) : FIGURES.map(() => '-')),
    summary ? `${summary.bottleneck}${summary.isSaturated ? ', saturated' : ''}` : error,
  ])
  return formatTable(
    [...names, ...FIGURES, 'used up'],
    rows,
    FIGURES.map((_, at) => names.length + at),
  )
}

async function simSweep(name: string, options: SweepOptions): Promise<void> {
  const { seed = DEFAULT_SEED, json } = options
  const out = options.out ?? `${basename(name).replace(/\.ya?ml$/, '')}.sweep.jsonl`
  const { file, data } = await loadModel(name)
  if (!file.sweep)
    throw new RingferryError('USAGE', `${name}: has no sweep; run it by "ringferry sim run ${name}"`)
  const points = sweepPoints(data, file.sweep, seed)
  const lines = await sweepWithProgress(points, out, options)
  if (json) printJson({ model: file.name, seed, points: lines })
  else print(`${sweepTable(lines)}\n\n${lines.length} points in ${out}`)
}

/** `ringferry sim sweep`: a model at many points. */
export function addSimSweep(sim: Command): void {
  addSweepFlags(
    sim
      .command('sweep')
      .argument('<model>', 'a YAML file with a sweep (schema: docs/schema/model.schema.json)')
      .description(
        'runs a model at many points on all processors; what is done is kept, and the same command goes on',
      ),
  )
    .option('--out <file>', 'where results go, a JSON line a point; default MODEL.sweep.jsonl here')
    .option('--json', 'all points as one JSON line')
    .addHelpText('after', '\nExamples:\n  ringferry sim sweep examples/sweep.yaml --out /tmp/sweep.jsonl')
    .action(simSweep)
}

import { join } from 'node:path'
import type { Command } from 'commander'
import { answerOf } from '../experiment/line-rate/answer.js'
import { lineRatePoints } from '../experiment/line-rate/grid.js'
import { Outcomes } from '../experiment/line-rate/outcome.js'
import { lineRateSections } from '../experiment/line-rate/page.js'
import { makeFolder, writeSimulationReport } from '../experiment/page.js'
import { print, printJson } from './output.js'
import { addSweepFlags, DEFAULT_SEED, type SweepFlags, sweepWithProgress } from './sweep-flags.js'

interface LineRateOptions extends SweepFlags {
  readonly out: string
  readonly quick?: boolean
  readonly json?: boolean
}

async function lineRate(options: LineRateOptions): Promise<void> {
  const { out, quick = false, json, seed = DEFAULT_SEED } = options
  makeFolder(out)
  const points = lineRatePoints(seed, quick)
  const outcomes = new Outcomes(await sweepWithProgress(points, join(out, 'points.jsonl'), options))
  const answer = answerOf(outcomes)
  const page = writeSimulationReport(out, {
    title: 'Where line rate is reached',
    lead: 'Throughput against the number of VMs, by line rate, size of frames and policy; simulated',
    command: `ringferry sim line-rate${quick ? ' --quick' : ''} --seed ${seed} --out ${out}`,
    sections: lineRateSections(outcomes),
    figures: { seed, answer, points: outcomes.all },
  })
  if (json) printJson({ seed, answer, points: outcomes.all })
  else print(`${answer.join('\n')}\n\n${page}`)
}

/** `ringferry sim line-rate`: a report. */
export function addSimLineRate(sim: Command): void {
  addSweepFlags(
    sim
      .command('line-rate')
      .description(
        'simulates where one thread and more reach line rate: 1 to 100 Gb/s, 1 to 64 VMs, all policies; makes a report',
      ),
  )
    .option('--out <folder>', 'of the report; points that are there are not simulated again', 'line-rate')
    .option('--quick', 'few points, to see that everything works')
    .option('--json', 'figures as one JSON line')
    .addHelpText('after', '\nExamples:\n  ringferry sim line-rate --out /tmp/line-rate')
    .action(lineRate)
}

import { join } from 'node:path'
import type { Command } from 'commander'
import { frontierAnswer } from '../experiment/frontier/answer.js'
import { frontierPoints } from '../experiment/frontier/grid.js'
import { measuredModels, readMeasured, withSimulated } from '../experiment/frontier/measured.js'
import { frontierOutcomes } from '../experiment/frontier/outcome.js'
import { frontierSections } from '../experiment/frontier/page.js'
import { makeFolder, writeSimulationReport } from '../experiment/page.js'
import { print, printJson } from './output.js'
import { addSweepFlags, DEFAULT_SEED, type SweepFlags, sweepWithProgress } from './sweep-flags.js'

interface FrontierOptions extends SweepFlags {
  readonly out: string
  readonly measured?: string
  readonly quick?: boolean
  readonly json?: boolean
}

async function frontier(options: FrontierOptions): Promise<void> {
  const { out, quick = false, json, seed = DEFAULT_SEED } = options
  const runs = options.measured === undefined ? [] : readMeasured(options.measured)
  makeFolder(out)
  const points = frontierPoints(seed, quick)
  const all = [...points, ...measuredModels(runs, seed)]
  const lines = await sweepWithProgress(all, join(out, 'points.jsonl'), options)
  const outcomes = frontierOutcomes(lines.slice(0, points.length))
  const measured = withSimulated(runs, lines.slice(points.length))
  const answer = frontierAnswer(outcomes)
  const flags = `${quick ? ' --quick' : ''}${options.measured === undefined ? '' : ` --measured ${options.measured}`}`
  const page = writeSimulationReport(out, {
    title: 'Delay and throughput: what a hold costs and gives',
    lead: 'Fixed holds and sizes, the analytic model over them, and what the policies decide; simulated',
    command: `ringferry sim frontier${flags} --seed ${seed} --out ${out}`,
    sections: frontierSections(outcomes, measured),
    figures: { seed, answer, points: outcomes, measured },
  })
  if (json) printJson({ seed, answer, points: outcomes, measured })
  else print(`${answer.join('\n')}\n\n${page}`)
}

/** `ringferry sim frontier`: a report. */
export function addSimFrontier(sim: Command): void {
  addSweepFlags(
    sim
      .command('frontier')
      .description(
        'simulates holds and sizes with the analytic model over them, and where the policies choose between delay and throughput; makes a report',
      ),
  )
    .option('--out <folder>', 'of the report; points that are there are not simulated again', 'frontier')
    .option('--measured <run>', "a run of the lab's study policies, shown beside")
    .option('--quick', 'few points, to see that everything works')
    .option('--json', 'figures as one JSON line')
    .addHelpText(
      'after',
      '\nExamples:\n  ringferry sim frontier --out /tmp/frontier\n  ringferry sim frontier --measured docs/reports/policies',
    )
    .action(frontier)
}

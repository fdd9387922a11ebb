import type { Command } from 'commander'
import { planeModule } from '../engine/plane-module.js'
import { type Prediction, predictHeldOut } from '../experiment/held-out.js'
import { Progress } from './lab-progress.js'
import { wholeNumber } from './options.js'
import { formatTable, print, printJson } from './output.js'
import { DEFAULT_SEED } from './sweep-flags.js'

function heldOutTable(predictions: readonly Prediction[]): string {
  const rows = predictions.map(({ what, published: [low, high], predicted, error, assumed, source }) => [
    what,
    low === high ? low.toString() : `${low} to ${high}`,
    predicted.estimate.toFixed(2),
    `${error >= 0 ? '+' : ''}${(error * 100).toFixed(0)} %`,
    `${assumed} (${source})`,
  ])
  return `${formatTable(['after / before', 'published', 'predicted', 'error', 'assumed'], rows, [1, 2, 3])}

No cost is fitted to these: costs come from the founding document's Figure 2 alone ("ringferry sim run seed"), and the rows say
what is assumed beside them. ATC '06's guest RX (+18 %) and driver domain RX (+35 %), and several queues (2.9 to 10 Gb/s) are not
predicted: what changed there has no step in the model.`
}

interface HeldOutOptions {
  readonly json?: boolean
  readonly seed: number
}

function heldOut({ json, seed }: HeldOutOptions): void {
  const progress = new Progress(process.stderr)
  let done = 0
  const predictions = predictHeldOut({ seed, plane: planeModule() }, ({ what }, of) => {
    progress.status(`${++done} of ${of}: ${what}`)
  })
  progress.end()
  if (json) printJson({ seed, predictions })
  else print(heldOutTable(predictions))
}

export function addSimHeldOut(sim: Command): void {
  sim
    .command('held-out')
    .description('published figures that no cost was fitted to: published, predicted, error')
    .option('--seed <number>', 'of all chance', wholeNumber, DEFAULT_SEED)
    .option('--json', 'as one JSON line')
    .addHelpText('after', '\nExamples:\n  ringferry sim held-out\n  ringferry sim held-out --json')
    .action(heldOut)
}

import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { planeModule } from '../engine/plane-module.js'
import { type Calibration, calibrate, costsOf } from '../experiment/calibration/calibrate.js'
import { calibratedModel, notesOf } from '../experiment/calibration/calibrated-model.js'
import { readCalibrationRun } from '../experiment/calibration/run-cells.js'
import { parseModel } from '../experiment/model-file.js'
import { VM_KINDS, type VmKind } from '../lab/bed/bed.js'
import type { Interval } from '../stats/interval.js'
import { checkWritable, writeWhole } from '../sys/output-file.js'
import { formatTable, print, printJson } from './output.js'

/** In the folder of the run. */
export const MODEL_FILE = 'model.yaml'

interface CalibrateOptions {
  readonly out?: string
  readonly guests?: VmKind
  readonly json?: boolean
}

const digits = (value: number): string => Number(value.toPrecision(3)).toString()

function table(calibration: Calibration): string {
  const { engine, guest, wake, others } = calibration
  const cycles = costsOf(calibration)
  const rows = [
    ...engine.costs.map((cost) => ['switch', cost] as const),
    ...guest.costs.map((cost) => ['guest', cost] as const),
  ].map(([at, { step, estimate, low, high }]) => [
    at,
    step,
    digits(estimate),
    digits(low),
    digits(high),
    digits(cycles[step]!),
  ])
  const inNs = (step: string, found: Interval | undefined): void => {
    if (!found) return
    const { estimate, low, high } = found
    rows.push(['any', step, ...[estimate, low, high].map((us) => digits(1000 * us)), ''])
  }
  inNs('from waking a thread of another processor to its running', wake)
  inNs('other threads, a stretch', others?.meanUs)
  return formatTable(['thread', 'step', 'ns', 'from', 'to', 'cycles'], rows, [2, 3, 4, 5])
}

async function simCalibrate(folder: string, { out, guests, json }: CalibrateOptions): Promise<void> {
  const run = readCalibrationRun(folder)
  const calibration = calibrate(run, planeModule(), guests)
  const file = out ?? join(folder, MODEL_FILE)
  checkWritable(file)
  const text = calibratedModel(calibration, run)
  // What could not be read back is a mistake of ours, and must not lie on anybody's disk.
  await parseModel(text, file)
  writeWhole(file, text)
  if (json) {
    printJson({ model: file, ...calibration, costs: costsOf(calibration) })
    return
  }
  print(`${table(calibration)}

${notesOf(calibration).join('\n')}
model: ${file}`)
}

/** `ringferry sim calibrate RUN`: the costs of this machine. */
export function addSimCalibrate(sim: Command): void {
  sim
    .command('calibrate')
    .argument('<run>', 'folder of a run of the lab, as "ringferry lab run calibration" leaves it')
    .description('fits costs to two thirds of the cells of a run, with error bars, and writes a model file')
    .option('--out <file>', `the model file; default ${MODEL_FILE} in the folder of the run`)
    .addOption(
      new Option('--guests <kind>', 'whose network stack; default: the kind of most cells').choices(VM_KINDS),
    )
    .option('--json', 'as one JSON line, with covariances')
    .addHelpText(
      'after',
      `
From and to are the ends of 95 % intervals, by drawing cells again.

Examples:
  ringferry lab run calibration --out cal && ringferry sim calibrate cal
  ringferry sim run cal/model.yaml
  ringferry plan --model cal/model.yaml --nic 10g --workload udp`,
    )
    .action(simCalibrate)
}

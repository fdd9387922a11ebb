import { join } from 'node:path'
import type { Command } from 'commander'
import { shellQuote } from '../daemon/shell-word.js'
import { planeModule } from '../engine/plane-module.js'
import { RingferryError } from '../errors/errors.js'
import { guestSentence } from '../experiment/calibration/guest-words.js'
import { readCalibrationRun, SPLIT } from '../experiment/calibration/run-cells.js'
import { type Validation, validate } from '../experiment/calibration/validate.js'
import {
  ERROR_HEAD,
  errorRows,
  regimeSentences,
  validationSections,
} from '../experiment/calibration/validation-page.js'
import { errorsOf, regimesOf, verdictOf } from '../experiment/calibration/verdict.js'
import { loadModel } from '../experiment/model-file.js'
import { renderPage } from '../lab/report/html.js'
import { markdownPage } from '../lab/report/markdown.js'
import { writeWhole } from '../sys/output-file.js'
import { Progress } from './lab-progress.js'
import { wholeNumber } from './options.js'
import { formatTable, print, printJson } from './output.js'
import { MODEL_FILE } from './sim-calibrate.js'
import { DEFAULT_SEED } from './sweep-flags.js'

interface ValidateOptions {
  readonly model?: string
  readonly out?: string
  readonly seed: number
  readonly json?: boolean
}

/** Sentences on what a validation rests on. */
function about(
  validation: Validation,
  { isSameRun, model, fittedTo }: { isSameRun: boolean; model: string; fittedTo: string | undefined },
): string[] {
  const { noisy, measurements, guests } = validation
  const others = guests.filter((kind) => kind !== fittedTo)
  return [
    guestSentence(guests),
    ...(fittedTo === undefined || others.length === 0
      ? []
      : [
          `The model's costs of a guest are those of ${fittedTo}: they say nothing of receivers of kind ${others.join(', ')}.`,
        ]),
    isSameRun
      ? `Costs are those of ${model}, fitted to other cells of the same run: ${SPLIT}.`
      : `Costs are those of ${model}, fitted to no cell of this run.`,
    ...(noisy > 0
      ? [
          `The machine was not quiet before ${noisy} of ${measurements} measurements: errors are the measurement's, too.`,
        ]
      : []),
  ]
}

async function simValidate(folder: string, options: ValidateOptions): Promise<void> {
  const { out = folder, seed, json } = options
  const run = readCalibrationRun(folder)
  const name = options.model ?? join(folder, MODEL_FILE)
  const { file, model } = await loadModel(name)
  const { calibration } = file
  const isSameRun = calibration?.run === run.header.run
  const progress = new Progress(process.stderr)
  let done = 0
  const validation = validate(
    run,
    { host: model.host, costs: model.costs },
    {
      ...{ seed, plane: planeModule() },
      which: (cell) => !isSameRun || calibration.heldOut.includes(cell),
      onCell: (cell) => {
        progress.status(`${++done}: ${cell}`)
      },
    },
  )
  progress.end()
  if (validation.cells.length === 0)
    throw new RingferryError(
      'USAGE',
      `${folder}: none of its cells can be predicted${validation.left[0] ? `: ${validation.left[0].cell}: ${validation.left[0].why}` : `; ${name} was fitted to all of them`}`,
    )
  const which = isSameRun ? 'held-out cells' : 'cells'
  const sentences = about(validation, { isSameRun, model: name, fittedTo: calibration?.guests })
  const command = ['ringferry', ...process.argv.slice(2).map(shellQuote)].join(' ')
  const page = {
    title: 'Prediction and measurement',
    lead: `Run ${validation.run}, model ${model.name}`,
    generator: command,
    sections: validationSections(validation, { which, about: sentences }),
    footer: ['Made by ', command, '.'],
  }
  const [html, markdown] = ['validation.html', 'validation.md'].map((each) => join(out, each)) as [
    string,
    string,
  ]
  writeWhole(html, renderPage(page))
  writeWhole(markdown, markdownPage(page))
  if (json) {
    printJson({
      html,
      markdown,
      seed,
      ...validation,
      errors: errorsOf(validation),
      regimes: regimesOf(validation),
    })
    return
  }
  const regimes = regimeSentences(validation)
  print(
    [
      verdictOf(validation, which).join('\n'),
      formatTable(ERROR_HEAD, errorRows(validation), [1, 2, 3, 4, 5]),
      ...(regimes.length > 0
        ? [`Where the model is wrong:\n${regimes.map((each) => `  ${each}`).join('\n')}`]
        : []),
      [...sentences, `report: ${html}`].join('\n'),
    ].join('\n\n'),
  )
}

/** `ringferry sim validate RUN`: how right a model is. */
export function addSimValidate(sim: Command): void {
  sim
    .command('validate')
    .argument('<run>', 'folder of a run of the lab')
    .description('predicts cells that no cost was fitted to: errors by metric, and where the model is wrong')
    .option('--model <file>', `of "ringferry sim calibrate"; default ${MODEL_FILE} in the folder of the run`)
    .option('--out <folder>', 'of the report (validation.html, validation.md); default: that of the run')
    .option('--seed <number>', 'of all chance', wholeNumber, DEFAULT_SEED)
    .option('--json', 'as one JSON line')
    .addHelpText(
      'after',
      `
Of the run that the model was fitted to, the cells that were held out are predicted; of any other run, all.

Examples:
  ringferry sim validate cal
  ringferry sim validate other --model cal/model.yaml --out /tmp/validation`,
    )
    .action(simValidate)
}

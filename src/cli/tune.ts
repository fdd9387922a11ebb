import { type Command, InvalidArgumentError } from 'commander'
import { POLICY_NAMES, type PolicyName } from '../aggregation/create.js'
import { listPromises } from '../daemon/api/routes/promises.js'
import { changeTuning, getTuning, type TuneChangeBody, type Tuning } from '../daemon/api/routes/tuning.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { type ControlOptions, clientOf, controlOption } from './control-options.js'
import { Interruption } from './interruption.js'
import { outputColumns, print, printJson } from './output.js'
import { explainTuning } from './tune-explain.js'
import { type ShownTuning, showTuning } from './tune-show.js'

const POLL_MS = 500

interface ShowOptions extends ControlOptions {
  readonly verbose?: boolean
}

const SHOW_HELP = `
What the columns say, of the last 10 s:
  target    p99 from arrival to publication that was asked for
  p50, p99  from arrival to publication
  within    share of the frames within the target
  batch     frames a publication
  calls     calls that were saved, of one a frame
  CPU       processors saved: what a publication for every frame would have cost
            beside, by the cost of one that policy adaptive measures; else "-"
  verdict   met, MISSED (below the table: since when, why, what to do), no load,
            not held by the policy
docs/promise.md says how a verdict is made.`

/** "200us", "1.5ms", "0.001s" or a bare number of microseconds, as microseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s)?$/.exec(text)
  const us = match
    ? Number(match[1]) * { us: 1, ms: 1e3, s: 1e6 }[(match[2] ?? 'us') as 'us' | 'ms' | 's']
    : 0
  if (us > 0) return us
  throw new InvalidArgumentError('give a duration above 0, like 200us or 1.5ms')
}

function parseShare(text: string): number {
  const value = Number(text)
  if (value > 0 && value <= 1) return value
  throw new InvalidArgumentError('give a share of a core above 0 and at most 1')
}

function parseIdleShare(text: string): number {
  const value = Number(text)
  if (text !== '' && value >= 0 && value <= 1) return value
  throw new RingferryError(
    'USAGE',
    `tune awake: ${text} is no share of the processors' time; give 0 (never) to 1 (all that is idle)`,
  )
}

function parseWeight(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('give a number above 0')
}

interface TuneOptions extends ControlOptions {
  readonly persist?: boolean
}

/** Adds --persist. */
const withPersist = (command: Command): Command =>
  command.option('--persist', 'write it into the file that the switch was started with, too; comments stay')

/** Changes the tuning, if there is something to change. Returns what it is then. */
async function ask(options: TuneOptions, change: TuneChangeBody): Promise<Tuning> {
  const client = clientOf(options)
  if (Object.keys(change).length === 0) return await client.call(getTuning)
  return await client.call(changeTuning, { body: change, query: options.persist ? { persist: true } : {} })
}

/** The verdicts to a tuning. */
async function withPromises(tuning: Tuning, options: ControlOptions): Promise<ShownTuning> {
  return { tuning, promises: (await clientOf(options).call(listPromises)).promises }
}

/** A target that the present policy does not look at is a likely mistake; it is kept, so it is no error. */
function warnIfNotHeld({ policy, dryRun }: Tuning, vif: string): void {
  if (policy.name !== 'adaptive')
    process.stderr.write(
      `ringferry: warning: policy ${policy.name} does not hold targets; that of ${vif} counts under policy adaptive: ringferry tune policy adaptive\n`,
    )
  else if (dryRun)
    process.stderr.write(`ringferry: warning: in a dry run the limits of ${vif} stay as they are\n`)
}

/** Decides without applying and prints each decision, until Ctrl-C; then the limits follow the policy again. */
async function followDryRun(options: ControlOptions): Promise<void> {
  const interruption = new Interruption()
  let seen = -1
  try {
    await ask(options, { dryRun: true })
    while (!interruption.signal.aborted) {
      const state = await ask(options, {})
      for (const decision of state.decisions.filter(({ atUs, applied }) => atUs > seen && !applied)) {
        seen = decision.atUs
        if (options.json) printJson(decision)
        else
          for (const { name, why } of decision.vifs)
            print(`${(decision.atUs / 1e6).toFixed(3)} s  ${name}  ${why}`)
      }
      await Promise.race([interruption.came, new Promise((resolve) => setTimeout(resolve, POLL_MS))])
    }
  } finally {
    await ask(options, { dryRun: false })
  }
}

export function addTune(program: Command): void {
  const tune = program
    .command('tune')
    .description('targets, hold times and the reasons for them, of a running switch')
    .addHelpText(
      'after',
      `
Examples:
  ringferry up --vif g1=/tmp/g1.sock --vif g2=/tmp/g2.sock
  ringferry tune policy adaptive --budget 0.5
  ringferry tune set g1 --target 200us
  ringferry tune awake 0.5
  ringferry tune show
  ringferry tune explain g1
  ringferry tune --dry-run`,
    )
  const add = (name: string, description: string, example: string): Command =>
    tune
      .command(name)
      .description(description)
      .addOption(controlOption())
      .option('--json', 'as JSON')
      .addHelpText('after', `\nExamples:\n  ringferry tune ${example}`)
  const finish = async (tuning: Tuning, options: ShowOptions): Promise<void> => {
    const shown = await withPromises(tuning, options)
    if (options.json) printJson({ ...shown.tuning, promises: shown.promises })
    else print(showTuning(shown, outputColumns(), options.verbose))
  }

  add('show', 'delays against targets, verdicts, and what aggregation saves', 'show')
    .option('-v, --verbose', 'with the figures of the model')
    .addHelpText('after', SHOW_HELP)
    .action(async (options: ShowOptions) => finish(await ask(options, {}), options))
  withPersist(add('set <vif>', 'change the target or weight of a vif', 'set g1 --target 200us'))
    .option('--target <duration>', 'p99 from arrival to publication', parseDuration)
    .option('--weight <number>', "share of the engine's core relative to others", parseWeight)
    .action(async (vif: string, options: TuneOptions & { target?: number; weight?: number }) => {
      if (options.target === undefined && options.weight === undefined)
        throw new RingferryError('USAGE', 'tune set: nothing to change; give --target or --weight')
      const tuning = await ask(options, {
        vif,
        ...(options.target === undefined ? {} : { targetUs: options.target }),
        ...(options.weight === undefined ? {} : { weight: options.weight }),
      })
      if (options.target !== undefined) warnIfNotHeld(tuning, vif)
      await finish(tuning, options)
    })
  withPersist(
    add(
      'policy <name>',
      `change the policy: ${POLICY_NAMES.join(', ')}`,
      'policy fixed --hold 100us --max-frames 64',
    ),
  )
    .option('--budget <share>', 'share of its core that the engine may use', parseShare)
    .option('--hold <duration>', 'fixed: longest hold', parseDuration)
    .option('--max-frames <number>', 'fixed: frames that end a batch', parseWeight)
    .action(
      async (name: string, options: TuneOptions & { budget?: number; hold?: number; maxFrames?: number }) => {
        if (!POLICY_NAMES.includes(name as PolicyName))
          throw new RingferryError(
            'USAGE',
            `tune policy: ${name} is not one of ${POLICY_NAMES.join(', ')}${didYouMean(name, POLICY_NAMES)}`,
          )
        const { hold: holdUs, maxFrames } = options
        const policy = {
          name: name as PolicyName,
          ...(holdUs === undefined ? {} : { holdUs }),
          ...(maxFrames === undefined ? {} : { maxFrames }),
        }
        await finish(
          await ask(options, {
            policy,
            ...(options.budget === undefined ? {} : { budget: options.budget }),
          }),
          options,
        )
      },
    )
  withPersist(
    add(
      'awake <share>',
      "change the share of the processors' time that may be burnt to keep them awake: 0 never, 1 all that is idle",
      'awake 0.5',
    ),
  ).action(async (share: string, options: TuneOptions) =>
    finish(await ask(options, { awake: parseIdleShare(share) }), options),
  )
  add('explain <vif>', 'the last decision for a vif, its verdict, and why its batches end', 'explain g1')
    .option('-v, --verbose', 'with the figures of the last decisions')
    .action(async (vif: string, options: ShowOptions) => {
      const shown = await withPromises(await ask(options, {}), options)
      const text = explainTuning(shown, vif, outputColumns(), options.verbose)
      if (!options.json) return print(text)
      const { tuning, promises } = shown
      const named = <Each extends { readonly name: string }>(list: readonly Each[]): Each | null =>
        list.find(({ name }) => name === vif) ?? null
      printJson({ vif: named(tuning.vifs), promise: named(promises), decisions: tuning.decisions })
    })
  tune
    .option('--dry-run', 'decide and show, but leave the limits as they are, until Ctrl-C')
    .addOption(controlOption())
    .option('--json', 'as JSON lines')
    .action(async ({ dryRun, control, json }: { dryRun?: boolean; control?: string; json?: boolean }) => {
      if (!dryRun) tune.help({ error: true })
      await followDryRun({ ...(control === undefined ? {} : { control }), ...(json ? { json } : {}) })
    })
}

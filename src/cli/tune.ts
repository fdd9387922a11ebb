import { type Command, InvalidArgumentError } from 'commander'
import { POLICY_NAMES, type PolicyName } from '../aggregation/create.js'
import { changeTuning, getTuning, type TuneChangeBody, type Tuning } from '../daemon/api/routes/tuning.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { type ControlOptions, clientOf, controlOption } from './control-options.js'
import { Interruption } from './interruption.js'
import { formatTable, print, printJson, shortNumber } from './output.js'

const POLL_MS = 500

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

const number = (value: number | null): string => (value === null ? '-' : shortNumber(value))
const limit = (value: number): string => (value >= 0x7fffffff ? '-' : shortNumber(value))

function reasons(vif: Tuning['vifs'][number]): string {
  return Object.entries(vif.published)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${shortNumber(count)}`)
    .join(', ')
}

/** In one line: "awake on, share 0.5 of 2 processors, burnt 12500 us, a wake-up costs 24 us, now 6 us". */
function awakeLine({
  share,
  state,
  reason,
  cpus,
  burntUs,
  holdsLatency,
  asleepUs,
  wakeUs,
}: Tuning['awake']): string {
  const cost = (us: number | null): string => (us === null ? 'not known' : `${shortNumber(us)} us`)
  return [
    `awake ${state}${reason === '' ? '' : ` (${reason})`}`,
    `share ${share}${cpus.length === 0 ? '' : ` of ${cpus.length} processor${cpus.length === 1 ? '' : 's'}`}`,
    `burnt ${shortNumber(burntUs)} us`,
    ...(holdsLatency ? ['PM QoS held'] : []),
    `a wake-up costs ${cost(asleepUs)}${wakeUs === asleepUs ? '' : `, now ${cost(wakeUs)}`}`,
  ].join(', ')
}

/** The tuning as a table with the figures of the last decision above it. Times in microseconds. */
export function showTuning(state: Tuning): string {
  const rows = state.vifs.map((vif) => [
    vif.name,
    number(vif.targetUs),
    number(vif.weight),
    number(vif.rateFps),
    number(vif.delayUs),
    number(vif.limits.holdUs),
    limit(vif.limits.maxFrames),
    number(vif.p99.holdUs),
    number(vif.p99.queueUs),
    number(vif.p99.totalUs),
    reasons(vif),
  ])
  const figures = Object.entries(state.figures).map(
    ([name, value]) => `${name} ${Number(value.toPrecision(4))}`,
  )
  return [
    `policy ${state.policy.name}, budget ${state.budget}, spins up to ${state.spinUs} us${state.dryRun ? ', dry run: limits stay as they are' : ''}`,
    awakeLine(state.awake),
    ...(figures.length > 0 ? [figures.join(', ')] : []),
    formatTable(
      [
        'vif',
        'target us',
        'weight',
        'frames/s',
        'delay us',
        'hold us',
        'at most',
        'p99 hold',
        'p99 queue',
        'p99 total',
        'published because',
      ],
      rows,
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ),
  ].join('\n')
}

/** Why the last publications of a vif happened, and the last decisions with their figures. */
export function explainTuning(state: Tuning, name: string): string {
  const vif = state.vifs.find((each) => each.name === name)
  if (!vif)
    throw new RingferryError(
      'NOT_FOUND',
      `vif ${name}: no vif of this name is under the policy; see ringferry tune show`,
    )
  const total = Object.values(vif.published).reduce((sum, count) => sum + count, 0)
  const published = Object.entries(vif.published)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => [reason, shortNumber(count), `${((count / total) * 100).toFixed(1)} %`])
  const decisions = state.decisions
    .slice(-8)
    .map(({ atUs, applied, vifs }) => [
      `${(atUs / 1e6).toFixed(3)} s`,
      applied ? 'applied' : 'dry run',
      vifs.find((each) => each.name === name)?.why ?? 'not decided on',
    ])
  return [
    `${name}: target ${vif.targetUs} us at p99, weight ${vif.weight}, hold ${shortNumber(vif.limits.holdUs)} us now`,
    '',
    published.length > 0
      ? formatTable(['published because', 'times', 'share'], published, [1, 2])
      : 'nothing was published yet',
    '',
    decisions.length > 0 ? formatTable(['decided at', '', 'why'], decisions, [0]) : 'nothing was decided yet',
  ].join('\n')
}

/** Changes the tuning, if there is something to change. Returns what it is then. */
async function ask(options: ControlOptions, change: TuneChangeBody): Promise<Tuning> {
  const client = clientOf(options)
  if (Object.keys(change).length === 0) return await client.call(getTuning)
  return await client.call(changeTuning, { body: change })
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
  const finish = (state: Tuning, options: ControlOptions): void =>
    options.json ? printJson(state) : print(showTuning(state))

  add('show', 'targets, limits, delays and reasons', 'show').action(async (options: ControlOptions) =>
    finish(await ask(options, {}), options),
  )
  add('set <vif>', 'change the target or weight of a vif', 'set g1 --target 200us')
    .option('--target <duration>', 'p99 from arrival to publication', parseDuration)
    .option('--weight <number>', "share of the engine's core relative to others", parseWeight)
    .action(async (vif: string, options: ControlOptions & { target?: number; weight?: number }) => {
      if (options.target === undefined && options.weight === undefined)
        throw new RingferryError('USAGE', 'tune set: nothing to change; give --target or --weight')
      finish(
        await ask(options, {
          vif,
          ...(options.target === undefined ? {} : { targetUs: options.target }),
          ...(options.weight === undefined ? {} : { weight: options.weight }),
        }),
        options,
      )
    })
  add(
    'policy <name>',
    `change the policy: ${POLICY_NAMES.join(', ')}`,
    'policy fixed --hold 100us --max-frames 64',
  )
    .option('--budget <share>', 'share of its core that the engine may use', parseShare)
    .option('--hold <duration>', 'fixed: longest hold', parseDuration)
    .option('--max-frames <number>', 'fixed: frames that end a batch', parseWeight)
    .action(
      async (
        name: string,
        options: ControlOptions & { budget?: number; hold?: number; maxFrames?: number },
      ) => {
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
        finish(
          await ask(options, {
            policy,
            ...(options.budget === undefined ? {} : { budget: options.budget }),
          }),
          options,
        )
      },
    )
  add(
    'awake <share>',
    "change the share of the processors' time that may be burnt to keep them awake: 0 never, 1 all that is idle",
    'awake 0.5',
  ).action(async (share: string, options: ControlOptions) =>
    finish(await ask(options, { awake: parseIdleShare(share) }), options),
  )
  add(
    'explain <vif>',
    'why the last batches were published and the last decisions made',
    'explain g1',
  ).action(async (vif: string, options: ControlOptions) => {
    const state = await ask(options, {})
    const text = explainTuning(state, vif)
    if (options.json)
      printJson({ vif: state.vifs.find((each) => each.name === vif), decisions: state.decisions })
    else print(text)
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

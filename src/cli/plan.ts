import { type Command, InvalidArgumentError, Option } from 'commander'
import { POLICY_NAMES, type PolicyConfig } from '../aggregation/create.js'
import { shellQuote } from '../daemon/shell-word.js'
import { planeModule } from '../engine/plane-module.js'
import { RingferryError } from '../errors/errors.js'
import { loadModel } from '../experiment/model-file.js'
import { planPage } from '../plan/page.js'
import { FINDS, type Find, plan } from '../plan/plan.js'
import { BIT_RATE, DURATION, parseQuantity } from '../plan/quantity.js'
import { mostVms, QUESTION_DEFAULTS, type Question } from '../plan/question.js'
import { parseWorkload, WORKLOAD_HELP } from '../plan/workload.js'
import { ARCHITECTURE_NAMES, type ArchitectureName, DEVICE_NAMES, type DeviceName } from '../sim/model.js'
import { checkWritable, writeWhole } from '../sys/output-file.js'
import { Progress } from './lab-progress.js'
import { wholeNumber } from './options.js'
import { print, printJson } from './output.js'
import { placementPlan } from './plan-placement.js'
import { planText } from './plan-text.js'

export interface PlanFlags {
  readonly nic?: string
  readonly nics: number
  readonly cores?: number
  readonly ghz?: number
  readonly vms?: number
  readonly workload?: string
  readonly target?: string
  readonly find: Find
  readonly architecture: ArchitectureName
  readonly device: DeviceName
  readonly policy: PolicyConfig['name']
  readonly budget: number
  readonly model?: string
  readonly seed: number
  readonly report?: string
  readonly json?: boolean
  readonly placement?: string
  readonly load?: readonly string[]
  readonly perHost: number
}

function positive(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('give a number above 0')
}

/** The question that flags ask, over what a calibrated model says. Throws USAGE, CONFIG, NOT_FOUND. */
async function questionOf(flags: PlanFlags): Promise<Question> {
  const { nic, vms, workload, model: file, target, nics, architecture, device, policy, budget } = flags
  if (nic === undefined || workload === undefined)
    throw new RingferryError(
      'USAGE',
      `${nic === undefined ? '--nic' : '--workload'} is missing; for example: ringferry plan --nic 10g --cores 8 --vms 24 --workload web:10KB --target 300us`,
    )
  const loaded = file === undefined ? undefined : await loadModel(file)
  const calibrated = loaded?.model
  const calibration = loaded?.file.calibration
  const question: Question = {
    ...{ nics, architecture, device, budget },
    nicGbps: parseQuantity(nic, '--nic', BIT_RATE) / 1e9,
    cores: flags.cores ?? calibrated?.host.cores ?? QUESTION_DEFAULTS.cores,
    ghz: flags.ghz ?? calibrated?.host.ghz ?? QUESTION_DEFAULTS.ghz,
    vms: vms ?? 1,
    workload: parseWorkload(workload),
    targetUs: target === undefined ? QUESTION_DEFAULTS.targetUs : parseQuantity(target, '--target', DURATION),
    policy: { name: policy } as PolicyConfig,
    costs: calibrated?.costs ?? {},
    host: calibrated?.host ?? QUESTION_DEFAULTS.host,
    ...(calibration && {
      calibrated: { run: calibration.run, guests: calibration.guests, ranges: calibration.ranges },
    }),
  }
  if (question.vms > mostVms(question))
    throw new RingferryError(
      'USAGE',
      `--vms: ${question.vms} are more than a switch has ports for; at most ${mostVms(question)} beside ${nics} NICs`,
    )
  return question
}

async function planCommand(flags: PlanFlags): Promise<void> {
  if (flags.placement !== undefined) {
    placementPlan(flags.placement, flags)
    return
  }
  const question = await questionOf(flags)
  if (flags.report !== undefined) checkWritable(flags.report)
  const progress = new Progress(process.stderr)
  const startMs = performance.now()
  let steps = 0
  const answer = plan(question, {
    ...{ find: flags.find, seed: flags.seed, plane: planeModule() },
    onStep: (what) => {
      const seconds = Math.round((performance.now() - startMs) / 1000)
      progress.status(`${seconds} s, simulation ${++steps}: ${what}`)
    },
  })
  progress.end()
  const command = ['ringferry', ...process.argv.slice(2).map(shellQuote)].join(' ')
  if (flags.report !== undefined)
    writeWhole(flags.report, planPage(answer, flags.model !== undefined, command))
  if (flags.json) printJson({ ...answer, seed: flags.seed })
  else print(planText(answer, flags.model !== undefined))
}

const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

/** `ringferry plan ...`: how many VMs fit a machine that one does not have. */
export function addPlan(program: Command): void {
  program
    .command('plan')
    .description(
      'how many VMs fit a machine, what limits them, what one more core or a faster NIC would change',
    )
    .option('--nic <rate>', 'line rate of a NIC, as 10g')
    .option('--nics <number>', 'NICs; VMs are spread over them', wholeNumber, QUESTION_DEFAULTS.nics)
    .option('--cores <number>', `processors; default ${QUESTION_DEFAULTS.cores}, or the model's`, wholeNumber)
    .option('--ghz <number>', `of a processor; default ${QUESTION_DEFAULTS.ghz}, or the model's`, positive)
    .option('--vms <number>', 'VMs that are to fit; default 1', wholeNumber)
    .option('--workload <what>', `of each VM, KIND[:SIZE][@RATE]: ${WORKLOAD_HELP}`)
    .option(
      '--target <time>',
      `p99 in the switch that each VM accepts; default ${QUESTION_DEFAULTS.targetUs}us`,
    )
    .addOption(new Option('--find <what>', 'what to search for').choices(FINDS).default('vms'))
    .addOption(
      new Option('--architecture <name>', 'of the host')
        .choices(ARCHITECTURE_NAMES)
        .default(QUESTION_DEFAULTS.architecture),
    )
    .addOption(
      new Option('--device <name>', 'of the VMs').choices(DEVICE_NAMES).default(QUESTION_DEFAULTS.device),
    )
    .addOption(new Option('--policy <name>', 'of the switch').choices(POLICY_NAMES).default('adaptive'))
    .option('--budget <share>', 'of a processor, for the switch', positive, QUESTION_DEFAULTS.budget)
    .option('--model <file>', 'host and costs of a calibrated model ("ringferry sim calibrate")')
    .option('--seed <number>', 'of all chance', wholeNumber, 1)
    .option('--report <file>', 'writes a page with curves (HTML)')
    .option('--json', 'as one JSON line')
    .option('--placement <run>', 'which VMs share a host: by a run of the study colocation (its folder)')
    .option('--load <name=number>', 'placement: so many VMs with a load of the run; may be repeated', collect)
    .option('--per-host <number>', 'placement: VMs of a host', wholeNumber, 2)
    .addHelpText(
      'after',
      `
Everything is simulated ("ringferry sim"): the plane's own rules and the controller in modelled time. Kinds of
workloads with what is taken when size or rate is left out: ${WORKLOAD_HELP}.

Examples:
  ringferry plan --nic 10g --cores 8 --vms 24 --workload web:10KB --target 300us
  ringferry plan --nic 25g --cores 16 --vms 64 --workload rpc@2000/s --find cores --report plan.html
  ringferry plan --placement docs/reports/colocation --load web=4 --load bulk-receive=4`,
    )
    .action(planCommand)
}

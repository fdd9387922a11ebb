import { type Command, Option } from 'commander'
import { ARCHITECTURE_NAMES, DEVICE_NAMES, GENERATIONS, type Model, PLACES } from '../sim/model.js'
import { stepsOf } from '../sim/steps.js'
import { formatTable, print, printJson } from './output.js'

type StepsOptions = Pick<Model, 'architecture' | 'device' | 'place' | 'generation'> & {
  readonly json?: boolean
}

function showSteps({ json, ...which }: StepsOptions): void {
  const steps = stepsOf(which)
  if (json) {
    printJson(steps)
    return
  }
  const rows = steps.map(({ name, kind, at, way, per, cycles, source }) => [
    ...[name, kind, at, way, per, String(cycles), source],
  ])
  print(formatTable(['step', 'kind', 'thread', 'way', 'per', 'cycles', 'source'], rows, [5]))
}

/** `ringferry sim steps`: what the tables hold. */
export function addSimSteps(sim: Command): void {
  const choice = (flag: string, of: readonly string[], fallback: string, about: string): Option =>
    new Option(flag, about).choices([...of]).default(fallback)
  sim
    .command('steps')
    .description('the steps of an architecture with their cycles, each with its source or "assumed"')
    .addOption(choice('--architecture <name>', ARCHITECTURE_NAMES, 'ringferry', 'where drivers run'))
    .addOption(choice('--device <name>', DEVICE_NAMES, 'paravirtual', 'how guests reach their NIC'))
    .addOption(choice('--place <name>', PLACES, 'guest', 'who runs the workload'))
    .addOption(choice('--generation <name>', GENERATIONS, 'today', 'whose costs'))
    .option('--json', 'as one JSON line')
    .addHelpText('after', '\nExamples:\n  ringferry sim steps --architecture xen --generation 2005')
    .action(showSteps)
}

import type { Command } from 'commander'
import { stringify } from 'yaml'
import { checkText, readConfigText } from '../config/config.js'
import { placeText } from '../config/yaml-place.js'
import { applyConfig, diffConfig, showConfig } from '../daemon/api/routes/config.js'
import { ERRORS } from '../errors/errors.js'
import { printChanges } from './changes.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { print, printJson } from './output.js'

/** `config diff --exit-code`, as git and diff(1) have it. */
const DIFFERS_EXIT = 1

async function show(options: ControlOptions): Promise<void> {
  const config = await clientOf(options).call(showConfig)
  if (options.json) printJson(config)
  else print(stringify(config).trimEnd())
}

/** Needs no switch. */
function check(file: string, { json }: { readonly json?: boolean }): void {
  const { mistakes } = checkText(readConfigText(file))
  if (json) printJson({ file, mistakes })
  else if (mistakes.length === 0) print(`${file}: valid`)
  else for (const mistake of mistakes) print(`${placeText(file, mistake)}: ${mistake.message}`)
  if (mistakes.length > 0) process.exitCode = ERRORS.CONFIG.exit
}

async function diff(file: string, options: ControlOptions & { readonly exitCode?: boolean }): Promise<void> {
  const body = { text: readConfigText(file), name: file }
  const answer = await clientOf(options).call(diffConfig, { body })
  printChanges({ ...answer, dryRun: options.json === true }, options)
  if (options.exitCode && answer.changes.length > 0) process.exitCode = DIFFERS_EXIT
}

async function apply(file: string, options: ControlOptions & { readonly dryRun?: boolean }): Promise<void> {
  const body = { text: readConfigText(file), name: file }
  const query = options.dryRun ? { dryRun: true } : {}
  printChanges(await clientOf(options).call(applyConfig, { body, query }), options)
}

export function addConfig(program: Command): void {
  const config = program
    .command('config')
    .description('configuration: check a file; show, diff and change what the running switch has')
  config
    .command('check')
    .description('all mistakes of a file, with line and column; needs no running switch')
    .argument('<file>')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  ringferry config check examples/uplink.yaml')
    .action(check)
  withControl(
    config
      .command('diff')
      .description('what would change for whom if a file were applied')
      .argument('<file>')
      .option('--exit-code', `end with ${DIFFERS_EXIT} when something differs`),
    ['config diff switch.yaml', 'config diff switch.yaml --exit-code --json'],
  ).action(diff)
  withControl(
    config
      .command('apply')
      .description(
        'make the switch fit a file: all of it, or nothing; guests of ports that are the same lose no frame',
      )
      .argument('<file>')
      .option('--dry-run', 'tell what would change, and do nothing'),
    ['config apply switch.yaml', 'config apply switch.yaml --dry-run'],
  ).action(apply)
  withControl(
    config.command('show').description('what the switch runs with at present, as a file would say it'),
    ['config show', 'config show > switch.yaml', 'config show --json'],
  ).action(show)
}

/** What commands that ask a running switch have in common: where it is, and --json. */
import { type Command, Option } from 'commander'
import { ApiClient } from '../daemon/api/client.js'
import { CONTROL_VARIABLE, foundControlPath } from '../daemon/control-path.js'

export interface ControlOptions {
  readonly control?: string
  readonly json?: boolean
}

/** --control, which every command that asks a switch takes. */
export function controlOption(): Option {
  // Set to nothing it is as good as not set; --control "" is a mistake.
  if (process.env[CONTROL_VARIABLE] === '') delete process.env[CONTROL_VARIABLE]
  return new Option('--control <socket>', 'control socket of the switch').env(CONTROL_VARIABLE)
}

/** A client of the switch that the options name, or of this user's own. */
export function clientOf({ control = foundControlPath() }: ControlOptions): ApiClient {
  return new ApiClient(control)
}

/** Adds --control, --json and examples. @param examples without "ringferry" */
export function withControl(command: Command, examples: readonly string[]): Command {
  return command
    .addOption(controlOption())
    .option('--json', 'as JSON')
    .addHelpText('after', `\nExamples:\n${examples.map((each) => `  ringferry ${each}`).join('\n')}`)
}

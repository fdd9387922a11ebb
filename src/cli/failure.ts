/** The one place where errors end: one line on standard error and an exit code. */
import { CommanderError } from 'commander'
import { ERRORS, RingferryError } from '../errors/errors.js'

/** Exit code of a fault of this program, which prints its stack. */
const FAULT = 70

/** commander's texts in the form of the others: no prefix, one line. */
function usageLine(error: CommanderError): string {
  const [first = ''] = error.message.replace(/^error: /, '').split('\n')
  const hint = /\(Did you mean .*\?\)/.exec(error.message)?.[0]
  return hint && !first.includes(hint) ? `${first} ${hint}` : first
}

/** Says what went wrong on standard error. Returns the exit code. */
export function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version end this way, too; help that was not asked for has said what is missing.
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return ERRORS.USAGE.exit
    process.stderr.write(`ringferry: ${usageLine(error)}; see ringferry --help\n`)
    return ERRORS.USAGE.exit
  }
  if (error instanceof RingferryError) {
    process.stderr.write(`ringferry: ${error.message.replaceAll('\n', ' ')}\n`)
    return error.exitCode
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`ringferry: internal error: ${text}\n`)
  return FAULT
}

/** The one place where errors end: one line on standard error and an exit code. */
import { CommanderError } from 'commander'
import { ERRORS, RingferryError } from '../errors/errors.js'

/** Exit code of a fault of this program, which prints its stack. */
const FAULT = 70

/** commander's texts, and the same as all others say it: what, then what is wrong or what to do. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  [/^option '(?:-\w, )?(--[\w-]+)[^']*' argument '([\s\S]*)' is invalid\. /, '$1 $2: '],
  [/^command-argument value '([\s\S]*)' is invalid for argument '([^']*)'\. /, '$2 $1: '],
  [/^option '(?:-\w, )?(--[^']*)' argument missing$/, '$1: its value is missing'],
  [/^required option '(?:-\w, )?(--[^']*)' not specified$/, '$1 is missing'],
  [/^missing required argument '([^']*)'$/, '$1 is missing'],
  [
    /^too many arguments(?: for '[^']*')?\. Expected (\d+) .* but got (\d+).*$/,
    '$2 words where $1 are taken',
  ],
  [/Allowed choices are (.*)\.$/, 'allowed: $1'],
]

/** One line, in the form of the others. */
export function usageLine(message: string): string {
  const [first = ''] = message.replace(/^error: /, '').split('\n')
  const [, meant] = /\(Did you mean (.*)\?\)/.exec(message) ?? []
  const bare = first.replace(/ \(Did you mean .*\?\)/, '')
  const text = FORMS.reduce((line, [form, ours]) => line.replace(form, ours), bare)
  return meant === undefined ? text : `${text} (did you mean ${meant}?)`
}

/**
 * Says what went wrong on standard error. Returns the exit code.
 * @param command whose help is of use: "ringferry port set"
 */
export function reportFailure(error: unknown, command = 'ringferry'): number {
  if (error instanceof CommanderError) {
    // Help and version end this way, too; help that was not asked for has said what is missing.
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return ERRORS.USAGE.exit
    process.stderr.write(`ringferry: ${usageLine(error.message)}; see ${command} --help\n`)
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

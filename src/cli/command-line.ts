/** What is wrong with a command line whatever the command: looked for once, for all commands. */
import type { Command } from 'commander'
import { RingferryError } from '../errors/errors.js'

/** What Node.js makes of bytes that are no UTF-8: the name of another file than the one meant. */
const REPLACEMENT = '\ufffd'

/** Throws USAGE when a word, or a variable of the environment that names a file, is no UTF-8. */
export function checkCharacters(words: readonly string[]): void {
  const wrong = words.find((word) => word.includes(REPLACEMENT))
  if (wrong !== undefined)
    throw new RingferryError(
      'USAGE',
      `${JSON.stringify(wrong)}: is not UTF-8 text, so no file can be found by it; rename it`,
    )
}

/** Of an option given twice commander takes the last without a word, and what the first said is lost. */
export function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    // The help says which may.
    if (!(option.required || option.optional) || option.description.includes('may be repeated')) continue
    let isGiven = false
    command.on(`option:${option.name()}`, () => {
      if (isGiven)
        throw new RingferryError('USAGE', `${option.long ?? option.flags}: is given twice; give it once`)
      isGiven = true
    })
  }
  for (const each of command.commands) refuseRepeats(each)
}

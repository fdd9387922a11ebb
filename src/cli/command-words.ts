import type { Command } from 'commander'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'

/** The first word that is no option and no option's value, and what follows it. */
function firstWord(level: Command, words: readonly string[]): readonly string[] {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    if (word === '--') return []
    if (!word.startsWith('-')) return words.slice(at)
    // "--control SOCKET" takes the next word with it, "--control=SOCKET" does not.
    if (level.options.some(({ long, short, required }) => required && (word === long || word === short))) at++
  }
  return []
}

/**
 * Finds out at which level of the command tree a word is no command. commander tells of it only where a command has
 * no action of its own, and not behind `help`. Throws USAGE with the nearest command.
 * @param words the command line behind the program's name
 */
export function checkCommandWords(program: Command, words: readonly string[]): void {
  let level = program
  let rest = firstWord(level, words)
  if (rest[0] === 'help') rest = rest.slice(1)
  while (level.commands.length > 0 && rest.length > 0) {
    const [word = ''] = rest
    const next = level.commands.find((command) => command.name() === word)
    const names = level.commands.map((command) => command.name())
    if (next === undefined && word !== 'help') {
      const above = level === program ? '' : `${level.name()}: `
      throw new RingferryError(
        'USAGE',
        `${above}unknown command "${word}"${didYouMean(word, names)}; there are ${names.join(', ')}`,
      )
    }
    if (next === undefined) return
    level = next
    rest = firstWord(level, rest.slice(1))
  }
}

/** The innermost command that a command line names, with those above it: "ringferry tune set". */
export function commandOf(program: Command, words: readonly string[]): string {
  const names = [program.name()]
  let level = program
  let rest = firstWord(level, words)
  for (;;) {
    const next = level.commands.find((command) => command.name() === rest[0])
    if (next === undefined) return names.join(' ')
    names.push(next.name())
    level = next
    rest = firstWord(level, rest.slice(1))
  }
}

/** "help tune show" as "tune show --help": commander's own help takes one word. Other command lines as they are. */
export function withHelpLast(words: readonly string[]): readonly string[] {
  return words[0] === 'help' && words.length > 2 ? [...words.slice(1), '--help'] : words
}

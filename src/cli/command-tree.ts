/** The command tree as data, for whatever is made of it: completion of shells, manual pages. */
import type { EventEmitter } from 'node:events'
import type { Argument, Command, Option } from 'commander'
import { POLICY_NAMES } from '../aggregation/create.js'
import { PORT_KINDS } from '../config/schema.js'
import { LOG_LEVELS } from '../daemon/log.js'

/** What a word of a command line may be: one of a few, a port of the running switch, a file, or anything. */
export type Taken = readonly string[] | 'port' | 'file' | 'any'

export interface OptionNode {
  readonly short: string | undefined
  readonly long: string
  /** "--port <name>" */
  readonly flags: string
  readonly description: string
  /** What its value may be; undefined: it takes none. */
  readonly takes: Taken | undefined
}

export interface CommandNode {
  /** From the program's name on: "ringferry port show". */
  readonly path: string
  /** "<name> [settings...]" */
  readonly synopsis: string
  readonly description: string
  readonly options: readonly OptionNode[]
  readonly takes: readonly Taken[]
  readonly commands: readonly CommandNode[]
  /** Examples and explanations, as the help shows them. */
  readonly after: string
}

/** Words that the code of a command checks by itself: by command and argument, or option. */
export const KNOWN_WORDS: Readonly<Record<string, readonly string[]>> = {
  'ringferry log level level': LOG_LEVELS,
  'ringferry port add kind': PORT_KINDS,
  'ringferry tune policy name': POLICY_NAMES,
  'ringferry up --log-format': ['json', 'text'],
}

const FILES = ['file', 'socket', 'dir', 'path']

function takenBy(path: string, argument: Argument): Taken {
  const name = argument.name()
  const known = argument.argChoices ?? KNOWN_WORDS[`${path} ${name}`]
  if (known) return known
  const isPort = name === 'vif' || (name === 'port' && path !== 'ringferry port add')
  if (isPort || (name === 'name' && path.startsWith('ringferry port '))) return 'port'
  return FILES.includes(name) ? 'file' : 'any'
}

function optionNode(path: string, option: Option): OptionNode {
  const { long, short, flags, description } = option
  const [, value = ''] = /[<[](\w+)/.exec(flags) ?? []
  const known = option.argChoices ?? KNOWN_WORDS[`${path} ${long}`]
  const taken = known ?? (long === '--port' ? 'port' : FILES.includes(value) ? 'file' : 'any')
  return {
    ...{ short, flags, description },
    long: long ?? short ?? '',
    takes: option.required ? taken : undefined,
  }
}

/** What addHelpText() put behind the help of a command. */
function textAfter(command: Command): string {
  let text = ''
  const write = (more: string): void => {
    text += more
  }
  // It is one at run time; its types leave that out.
  const emitter = command as unknown as EventEmitter
  emitter.emit('afterHelp', { error: false, command, write })
  return text.trim()
}

/** The tree below a command, what is hidden left out. @param above the path of its parent */
export function commandTree(command: Command, above = ''): CommandNode {
  const path = `${above} ${command.name()}`.trim()
  const help = command.createHelp()
  const under = help.visibleCommands(command).filter((each) => each.name() !== 'help')
  return {
    path,
    synopsis: command.registeredArguments
      .map((argument) => {
        const name = `${argument.name()}${argument.variadic ? '...' : ''}`
        return argument.required ? `<${name}>` : `[${name}]`
      })
      .join(' '),
    description: command.description(),
    options: help.visibleOptions(command).map((option) => optionNode(path, option)),
    takes: command.registeredArguments.map((argument) => takenBy(path, argument)),
    commands: under.map((each) => commandTree(each, path)),
    after: textAfter(command),
  }
}

/** A node and all below it. */
export function allNodes(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.commands.flatMap(allNodes)]
}

/** The last word of a node's path. */
export function nameOf({ path }: CommandNode): string {
  return path.slice(path.lastIndexOf(' ') + 1)
}

import { type Command, Option } from 'commander'
import { makeRecipe, RECIPE_KINDS, type RecipeKind } from '../daemon/recipes.js'
import { RingferryError } from '../errors/errors.js'
import { kvmOpens } from '../lab/guest/kvm.js'
import type { PortConfig } from '../port/config.js'
import { ownSocket } from '../port/own-socket.js'
import { whyUnreachable } from '../sys/socket-reach.js'
import { readConfig, withConfig } from './options.js'
import { print, printJson } from './output.js'

interface AttachOptions {
  readonly print: RecipeKind
  readonly socket?: string
  readonly json?: boolean
}

function findPort(name: string, options: AttachOptions): PortConfig {
  if (options.socket !== undefined) return { kind: 'vif', name, socket: options.socket }
  const { ports } = readConfig(options as unknown as Record<string, unknown>)
  const port = ports.find((each) => each.name === name)
  if (port) return port
  if (ports.length === 0)
    throw new RingferryError('USAGE', `port ${name}: say where it is: --socket PATH or --config FILE`)
  const names = ports.map((each) => each.name).join(', ')
  throw new RingferryError('NOT_FOUND', `port ${name}: the configuration has no such port, only ${names}`)
}

/** What keeps a guest of this user from the port right now. */
function reachNotes(port: PortConfig): string[] {
  const socket = ownSocket(port)
  const why = socket === undefined || port.kind === 'dgram' ? undefined : whyUnreachable(socket)
  return why === undefined ? [] : [`not yet: ${socket}: ${why[1]}`]
}

export function addAttach(program: Command): void {
  const command = program
    .command('attach')
    .description('print how a guest is attached to a port')
    .argument('<port>', "the port's name")
    .addOption(
      new Option('--print <kind>', 'kind of guest').choices([...RECIPE_KINDS]).makeOptionMandatory(true),
    )
    .option('--socket <path>', 'a vif on this socket, without a configuration')
  withConfig(command)
    .option('--json', 'the recipe as JSON')
    .addHelpText(
      'after',
      `
Examples:
  ringferry attach --print uml g1 --socket /tmp/g1.sock
  ringferry attach --print qemu old --config examples/uplink.yaml
  ringferry attach --print netns host --tap host=rf0`,
    )
    .action((name: string, options: AttachOptions) => {
      const port = findPort(name, options)
      const recipe = makeRecipe(options.print, port, kvmOpens())
      if (options.json) return printJson(recipe)
      const notes = [...recipe.notes, ...reachNotes(port)]
      print([...notes.map((note) => `# ${note}`), ...recipe.commands].join('\n'))
    })
}

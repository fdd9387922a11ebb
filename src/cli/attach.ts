import { type Command, Option } from 'commander'
import { parsePort } from '../config/config.js'
import { listPorts, showPort } from '../daemon/api/routes/ports.js'
import { RECIPE_KINDS, type RecipeKind } from '../daemon/recipe.js'
import { makeRecipe } from '../daemon/recipes.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { kvmOpens } from '../lab/guest/kvm.js'
import type { PortConfig } from '../port/config.js'
import { ownSocket } from '../port/own-socket.js'
import { whyUnreachable } from '../sys/socket-reach.js'
import { withAbsolutePaths } from './absolute-paths.js'
import { clientOf, controlOption } from './control-options.js'
import { readConfig, withConfig } from './options.js'
import { print, printJson } from './output.js'

interface AttachOptions {
  readonly print: RecipeKind
  readonly socket?: string
  readonly control?: string
  readonly json?: boolean
}

function noSuchPort(name: string, whose: string, names: readonly string[]): RingferryError {
  const others = names.length === 0 ? 'it has none' : `only ${names.join(', ')}`
  return new RingferryError(
    'NOT_FOUND',
    `port ${name}: ${whose} has no such port${didYouMean(name, names)}, ${others}`,
  )
}

/** The port as the running switch has it. */
async function askSwitch(name: string, options: AttachOptions): Promise<PortConfig> {
  const client = clientOf(options)
  const names = (await client.call(listPorts)).ports.map((port) => port.name)
  if (!names.includes(name)) throw noSuchPort(name, 'the running switch', names)
  const { settings } = await client.call(showPort, { params: { name } })
  return parsePort(settings, `port ${name}`)
}

async function findPort(name: string, options: AttachOptions): Promise<PortConfig> {
  if (options.socket !== undefined)
    return parsePort({ kind: 'vif', name, socket: options.socket }, `port ${JSON.stringify(name)}`)
  const { ports } = readConfig(options as unknown as Record<string, unknown>)
  if (ports.length === 0) return await askSwitch(name, options)
  const port = ports.find((each) => each.name === name)
  if (port) return port
  throw noSuchPort(
    name,
    'the configuration',
    ports.map((each) => each.name),
  )
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
    .addOption(controlOption())
    .option('--json', 'the recipe as JSON')
    .addHelpText(
      'after',
      `
Without --socket, --config and ports, the running switch is asked for the port.

Examples:
  ringferry attach --print uml g1 --socket /tmp/g1.sock
  ringferry attach --print libvirt g1
  ringferry attach --print qemu old --config examples/uplink.yaml
  ringferry attach --print netns host --tap host=rf0`,
    )
    .action(async (name: string, options: AttachOptions) => {
      const port = withAbsolutePaths(await findPort(name, options))
      const recipe = makeRecipe(options.print, port, kvmOpens())
      if (options.json) return printJson(recipe)
      const notes = [...recipe.notes, ...reachNotes(port)]
      print([...notes.map((note) => `# ${note}`), ...recipe.commands].join('\n'))
    })
}

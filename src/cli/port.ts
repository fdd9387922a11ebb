import { type Command, InvalidArgumentError } from 'commander'
import { parsePort } from '../config/config.js'
import { portPatchSchema } from '../config/schema.js'
import {
  addPort as addPortRoute,
  deletePort,
  listPorts,
  setPort,
  showPort,
} from '../daemon/api/routes/ports.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { withAbsolutePaths } from './absolute-paths.js'
import { type ChangeOptions, changeQueryOf, printChanges, withChange } from './changes.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { formatTable, print, printJson } from './output.js'
import { PORT_FLAGS, type PortFlag, parsePatch, parsePortFlag } from './port-flags.js'

type Options = ControlOptions & ChangeOptions

async function list(options: ControlOptions): Promise<void> {
  const { ports } = await clientOf(options).call(listPorts)
  if (options.json) return printJson({ ports })
  const rows = ports.map(({ name, kind, state, heldDown, place }) => [
    name,
    kind,
    heldDown === undefined ? state : 'held',
    place,
  ])
  print(formatTable(['port', 'kind', 'state', 'place'], rows))
}

async function show(name: string, options: ControlOptions): Promise<void> {
  const port = await clientOf(options).call(showPort, { params: { name } })
  if (options.json) return printJson(port)
  const { status, settings } = port
  const facts = Object.entries({ ...status, negotiated: status.negotiated.join(' ') || 'nothing' })
  const shown = Object.entries(settings).filter(([setting]) => !(setting in status))
  const rows = [...facts, ...shown].map(([what, value]) => [
    what,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  print(formatTable(['', ''], rows).trimStart())
}

function kindOf(text: string): PortFlag {
  if (Object.hasOwn(PORT_FLAGS, text)) return text as PortFlag
  throw new InvalidArgumentError(`give one of ${Object.keys(PORT_FLAGS).join(', ')}`)
}

async function add(kind: PortFlag, text: string, options: Options): Promise<void> {
  const { port } = parsePortFlag(kind, text, `port add ${kind}`)
  const body = withAbsolutePaths(parsePort(port, `port ${String(port.name)}`))
  const query = changeQueryOf(options)
  printChanges(await clientOf(options).call(addPortRoute, { body: body as never, query }), options)
}

async function set(name: string, settings: readonly string[], options: Options): Promise<void> {
  const body = parsePatch(settings, `port set ${name}`)
  const allowed = Object.keys(portPatchSchema.shape)
  const unknown = Object.keys(body).find((key) => !allowed.includes(key))
  if (unknown !== undefined)
    throw new RingferryError(
      'USAGE',
      `port set ${name}: unknown setting "${unknown}"${didYouMean(unknown, allowed)}; docs/operators.md has them all`,
    )
  const query = changeQueryOf(options)
  printChanges(
    await clientOf(options).call(setPort, { params: { name }, body: body as never, query }),
    options,
  )
}

async function remove(name: string, options: Options): Promise<void> {
  const query = changeQueryOf(options)
  printChanges(await clientOf(options).call(deletePort, { params: { name }, query }), options)
}

const SETTINGS_HELP = `
Settings are written as in ringferry up --vif: key=value; lists joined by "+", groups by ".". docs/operators.md has them all.`

export function addPort(program: Command): void {
  const port = program.command('port').description('ports of the running switch: list, show, add, del, set')
  withControl(port.command('list').description('all ports with their state'), ['port list']).action(list)
  withControl(port.command('show').description('state and settings of one port').argument('<name>'), [
    'port show g1',
    'port show g1 --json',
  ]).action(show)
  withControl(
    withChange(
      port
        .command('add')
        .description('add a port; one that is there with the same settings is left alone')
        .argument('<kind>', Object.keys(PORT_FLAGS).join(', '), kindOf)
        .argument('<port>', 'NAME=SOCKET or NAME=DEVICE, then ,key=value...'),
    ),
    [
      'port add vif g3=/run/g3.sock,vlan=10',
      'port add tap host=rf0 --persist',
      'port add vif g3=/run/g3.sock --dry-run',
    ],
  )
    .addHelpText('after', SETTINGS_HELP)
    .action(add)
  withControl(
    withChange(
      port
        .command('set')
        .description('change settings of an open port, whose guest stays; key= takes one out')
        .argument('<name>')
        .argument('<settings...>', 'key=value'),
    ),
    [
      'port set g1 vlan=20',
      'port set g1 fromVm.averageKiB=12500 macs=',
      'port set g1 targetUs=200 --persist',
    ],
  )
    .addHelpText('after', SETTINGS_HELP)
    .action(set)
  withControl(
    withChange(
      port
        .command('del')
        .description('remove a port; one that is not there is removed already')
        .argument('<name>'),
    ),
    ['port del g3', 'port del g3 --persist'],
  ).action(remove)
}

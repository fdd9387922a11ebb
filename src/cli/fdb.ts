import { type Command, InvalidArgumentError } from 'commander'
import { flushFdb, showFdb } from '../daemon/api/routes/fdb.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { formatTable, print, printJson } from './output.js'

interface FdbOptions extends ControlOptions {
  readonly port?: string
  readonly vlan?: number
  readonly mac?: string
}

function vlanOf(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) <= 4094) return Number(text)
  throw new InvalidArgumentError('give a VLAN from 1 to 4094, or 0 for untagged frames')
}

function macOf(text: string): string {
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return text
  throw new InvalidArgumentError('give a MAC address like 02:00:00:00:00:01')
}

const withFilter = (command: Command): Command =>
  command
    .option('--port <name>', 'only addresses heard on this port')
    .option('--vlan <number>', 'only addresses in this VLAN; 0: of untagged frames', vlanOf)
    .option('--mac <address>', 'only this address', macOf)

const filterOf = ({ port, vlan, mac }: FdbOptions): { port?: string; vlan?: number; mac?: string } => ({
  ...(port === undefined ? {} : { port }),
  ...(vlan === undefined ? {} : { vlan }),
  ...(mac === undefined ? {} : { mac }),
})

async function show(options: FdbOptions): Promise<void> {
  const { addresses } = await clientOf(options).call(showFdb, { query: filterOf(options) })
  if (options.json) return printJson({ addresses })
  const rows = addresses.map(({ mac, vlan, port, ageS }) => [
    mac,
    vlan === 0 ? '-' : `${vlan}`,
    port,
    `${ageS}`,
  ])
  print(formatTable(['address', 'vlan', 'port', 'age s'], rows, [1, 3]))
}

async function flush(options: FdbOptions & { readonly dryRun?: boolean }): Promise<void> {
  const query = { ...filterOf(options), ...(options.dryRun ? { dryRun: true } : {}) }
  const answer = await clientOf(options).call(flushFdb, { query })
  if (options.json) printJson(answer)
  else print(`${answer.flushed} addresses ${answer.dryRun ? 'would be' : 'were'} forgotten`)
}

export function addFdb(program: Command): void {
  const fdb = program.command('fdb').description('addresses that the running switch has learned: show, flush')
  withControl(
    withFilter(fdb.command('show').description('live addresses, where they were heard, and how long ago')),
    ['fdb show', 'fdb show --port g1 --json'],
  ).action(show)
  withControl(
    withFilter(
      fdb.command('flush').description('forget addresses: all, or of a port, a VLAN, one address'),
    ).option('--dry-run', 'count them, and keep them'),
    ['fdb flush --port g1', 'fdb flush --vlan 10 --dry-run', 'fdb flush --mac 02:00:00:00:00:01'],
  ).action(flush)
}

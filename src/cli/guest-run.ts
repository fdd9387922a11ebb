import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Argument, type Command } from 'commander'
import { shellQuote } from '../daemon/shell-word.js'
import { startSwitch } from '../daemon/start.js'
import type { Switch } from '../engine/switch.js'
import { RingferryError } from '../errors/errors.js'
import { bootGuest, cleanUp, GUEST_KINDS, type GuestKind, type NicTransport } from '../lab/guest/guest.js'
import type { PortConfig } from '../port/config.js'
import { checkReachable } from '../sys/socket-reach.js'
import { Interruption } from './interruption.js'
import { wholeNumber } from './options.js'
import { printJson } from './output.js'
import { needsOwnNamespace, runInOwnNamespace } from './own-namespace.js'

const MAX_DEVICE_NAME = 15
const MS = 1000

interface GuestRunOptions {
  readonly name: string
  readonly socket?: string
  readonly tap?: string
  readonly address?: string
  readonly mac?: string
  readonly memory?: number
  readonly timeout?: number
  readonly json?: boolean
}

/** What the guest hangs on when it was not told: a port of a switch of its own. */
interface Own {
  readonly port: PortConfig
  readonly transport: NicTransport
}

function ownPort(kind: GuestKind, name: string, folder: string): Own {
  if (kind === 'netns') {
    const device = `rf${process.pid}${name}`.slice(0, MAX_DEVICE_NAME)
    return { port: { kind: 'tap', name, device }, transport: { type: 'tap', ifname: device } }
  }
  const socket = join(folder, `${name}.sock`)
  return { port: { kind: 'vif', name, socket }, transport: { type: 'vhost-user', path: socket } }
}

function givenTransport(kind: GuestKind, options: GuestRunOptions): NicTransport | undefined {
  const { socket, tap } = options
  if (socket !== undefined && tap !== undefined)
    throw new RingferryError('USAGE', '--socket and --tap: give one of them')
  if (kind === 'netns' && socket !== undefined)
    throw new RingferryError('USAGE', '--socket: a netns guest hangs on a TAP; give --tap DEVICE')
  if (kind === 'netns' && tap !== undefined && !existsSync(`/sys/class/net/${tap}`))
    throw new RingferryError(
      'NOT_FOUND',
      `TAP ${tap}: there is no such device here; start the switch first: ringferry up --tap ${options.name}=${tap}`,
    )
  if (tap !== undefined) return { type: 'tap', ifname: tap }
  if (socket === undefined) return undefined
  checkReachable(socket, `ringferry up --vif ${options.name}=${socket}`)
  return { type: 'vhost-user', path: socket }
}

/** One word is a shell command; several are a program and its arguments. */
export function shellCommand(words: readonly string[]): string {
  return words.length === 1 ? (words[0] as string) : words.map(shellQuote).join(' ')
}

async function bootAndRun(
  kind: GuestKind,
  words: readonly string[],
  options: GuestRunOptions,
  transport: NicTransport,
): Promise<number> {
  const { name, address, mac, memory, timeout, json } = options
  const guest = await bootGuest({
    name,
    kind,
    ...(memory === undefined ? {} : { memoryMb: memory }),
    nics: [
      { transport, ...(address === undefined ? {} : { address }), ...(mac === undefined ? {} : { mac }) },
    ],
  })
  try {
    const result = await guest.run(shellCommand(words), {
      timeoutMs: (timeout ?? 0) * MS,
      ...(json
        ? {}
        : {
            onStdout: (line) => process.stdout.write(`${line}\n`),
            onStderr: (line) => process.stderr.write(`${line}\n`),
          }),
    })
    if (json) printJson({ guest: name, kind, ...result })
    return result.code
  } finally {
    await guest.stop()
  }
}

/** Boots, runs, stops. Returns the command's exit code; nothing is left behind, however it ends. */
async function guestRun(
  kind: GuestKind,
  words: readonly string[],
  options: GuestRunOptions,
): Promise<number> {
  const given = givenTransport(kind, options)
  if (kind === 'netns' && given === undefined && needsOwnNamespace()) return runInOwnNamespace()
  const interruption = new Interruption()
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-run-'))
  let running: Switch | undefined
  try {
    const own = given ? undefined : ownPort(kind, options.name, folder)
    if (own) running = await startSwitch({ engine: {}, ports: [own.port] })
    const work = bootAndRun(kind, words, options, (given ?? own?.transport) as NicTransport)
    work.catch(() => {})
    const ends = [work, interruption.rejects(), ...(running ? [running.failed] : [])]
    return await Promise.race(ends)
  } finally {
    await cleanUp()
    await running?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function addGuestRun(guest: Command): void {
  guest
    .command('run')
    .description('boot a guest, run a command in it, end with the exit code of the command')
    .addArgument(new Argument('<kind>', 'kind of guest').choices([...GUEST_KINDS]))
    .argument('<command...>', 'one word: a shell command; several: a program and its arguments')
    .requiredOption('--name <name>', "the guest's name")
    .option('--socket <path>', "a running switch's vif; default: a switch of its own")
    .option('--tap <device>', 'a TAP device instead (netns: of a running switch)')
    .option('--address <cidr>', 'IPv4 address with prefix, for example 10.0.0.1/24')
    .option('--mac <address>', 'unicast MAC address')
    .option('--memory <mb>', 'memory in MB', wholeNumber)
    .option('--timeout <seconds>', 'kill the command after this time', wholeNumber)
    .option('--json', 'one JSON object with exit code and output')
    .addHelpText(
      'after',
      `
Examples:
  ringferry guest run uml --name g1 -- uname -a
  ringferry guest run uml --name g1 --socket /tmp/g1.sock --address 10.0.0.1/24 -- ping -c 3 10.0.0.2
  ringferry guest run netns --name g1 -- 'ip addr; ip route'`,
    )
    .action(async (kind: GuestKind, words: string[], options: GuestRunOptions) => {
      process.exitCode = await guestRun(kind, words, options)
    })
}

import type { Command } from 'commander'
import { parseConfig, parseControl, readConfigText, type SwitchConfig } from '../config/config.js'
import { statusOf } from '../daemon/api/routes/status.js'
import { type ApiOptions, openApi, parseListen, type RunningApi } from '../daemon/api/serve.js'
import { defaultControlPath, makeControlFolder } from '../daemon/control-path.js'
import { type ConfigSource, Daemon } from '../daemon/daemon.js'
import { findKept } from '../daemon/keeping.js'
import { type Log, makeLog } from '../daemon/log.js'
import { ServiceManager, statusLine } from '../daemon/service-manager.js'
import { startSwitch } from '../daemon/start.js'
import type { SwitchEvent } from '../engine/switch-types.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import type { PortConfig } from '../port/config.js'
import { hasPassed } from '../sys/passed-socket.js'
import { endProcess } from '../sys/process-end.js'
import { canDraw } from './full-screen.js'
import { Interruption } from './interruption.js'
import { liveView } from './live-view.js'
import { logView } from './log-view.js'
import { addFlaggedPorts, withConfig } from './options.js'
import { formatTable, print, printJson } from './output.js'
import { howToEnter, isInOwnNamespace, needsOwnNamespace, runInOwnNamespace } from './own-namespace.js'
import { parseSocketFlag } from './port-flags.js'
import { portKeysHelp } from './port-keys.js'
import { Sampler } from './port-samples.js'
import type { Frame } from './top-frame.js'
import { Reloading } from './up-reload.js'
import { jsonView, plainView, type View } from './up-view.js'

const SECOND_MS = 1000
/** From the signal to the end, whatever holds a thread: process.exit() would wait for it. */
const END_LIMIT_MS = 1_900
/** How much of it what was taken may need to leave, and the ports to close in order. */
const DRAIN_LIMIT_MS = 500
const STOP_LIMIT_MS = 1_000

function placeOf(port: PortConfig): string {
  if (port.kind === 'vxlan') return port.local
  if (port.kind === 'xen') return `guest ${port.guest}`
  return 'socket' in port ? port.socket : 'device' in port ? port.device : ''
}

function printPlan(config: SwitchConfig, json: boolean): void {
  const rows = config.ports.map((port) => [port.name, port.kind, placeOf(port)])
  if (json) printJson({ type: 'plan', ...config })
  else print(formatTable(['port', 'kind', 'place'], rows))
}

/** What a socket unit calls the control socket. */
const PASSED_CONTROL = 'control'

/** Where the switch listens for commands: as it was told, else where systemd listens for it, else on this user's own socket. */
function apiOptionsOf({ control = {} }: SwitchConfig): ApiOptions {
  if (control.socket !== undefined) return { ...control, socket: control.socket }
  if (hasPassed(PASSED_CONTROL)) return { ...control, socket: `fd:${PASSED_CONTROL}` }
  const socket = defaultControlPath()
  makeControlFolder(socket)
  return { ...control, socket }
}

async function runSwitch(
  { config, source }: Start,
  { view, log }: { readonly view: View; readonly log: Log },
  sayTcp: (tcp: NonNullable<RunningApi['tcp']>) => void,
): Promise<void> {
  const interruption = new Interruption(['SIGINT', 'SIGTERM'])
  const manager = new ServiceManager()
  void interruption.came.then(() => setTimeout(() => endProcess(0), END_LIMIT_MS).unref())
  const reloading = new Reloading(manager)
  const kept = findKept(config.ports)
  for (const port of kept.lost) log.warn({ port }, 'the guest of a port that is no more was let go')
  const early: SwitchEvent[] = []
  const running = await startSwitch(config, { keeping: kept.options, early })
  const daemon = new Daemon(running, { config, log, early, ...(source ? { source } : {}) })
  const stopListening = running.subscribe((event) => view.event(event))
  daemon.promises.subscribe((change) => view.target(change))
  const sampler = new Sampler()
  const frame = (): Frame => {
    const ports = running.status().map((status) => ({ status, counters: running.counters(status.name) }))
    return {
      status: statusOf(daemon),
      samples: sampler.take(ports, performance.now() / SECOND_MS),
      promises: daemon.promises.verdicts(),
    }
  }
  daemon.onChange((outcome) => {
    // The counters of a port that changed in place go on.
    const changes = 'changes' in outcome ? outcome.changes : []
    sampler.forget(changes.filter(({ change }) => change !== 'changed').map(({ subject }) => subject))
    view.changed(outcome)
  })
  let timer: NodeJS.Timeout | undefined
  let api: RunningApi | undefined
  try {
    api = await openApi(daemon, apiOptionsOf(config))
    if (api.tcp) sayTcp(api.tcp)
    view.begin(frame(), isInOwnNamespace() ? howToEnter() : undefined)
    for (const event of early) view.event(event)
    reloading.begin(daemon)
    manager.ready()
    manager.watch(() => running.refresh())
    timer = setInterval(() => {
      if (manager.isThere) manager.status(statusLine(daemon))
      view.second(frame)
    }, SECOND_MS)
    await Promise.race([interruption.came, running.failed])
  } finally {
    clearInterval(timer)
    manager.stopping()
    view.end()
    // An engine that has ended has nothing to let go.
    await daemon.drain(DRAIN_LIMIT_MS).catch(() => {})
    await daemon.close()
    stopListening()
    await api?.close()
    await running.stop(STOP_LIMIT_MS)
  }
}

interface UpOptions {
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly control?: string
  readonly listen?: string
  readonly tokenFile?: string
  readonly config?: string
  readonly logFormat?: string
}

const LOG_FORMATS = ['json', 'text'] as const

/** Where the switch says what happens. Throws USAGE. */
function outputOf({ json, logFormat }: UpOptions): { readonly view: View; readonly log: Log } {
  if (logFormat === undefined)
    return { view: json ? jsonView() : canDraw() ? liveView() : plainView(), log: makeLog() }
  if (json)
    throw new RingferryError('USAGE', '--json and --log-format say different things; give one of them')
  if (logFormat === 'text') return { view: plainView(), log: makeLog() }
  if (logFormat !== 'json')
    throw new RingferryError(
      'USAGE',
      `--log-format ${logFormat}: is not one of ${LOG_FORMATS.join(', ')}${didYouMean(logFormat, LOG_FORMATS)}`,
    )
  const log = makeLog('info')
  return { view: logView(log), log }
}

/** What a switch is started with, and the file that it can be read from again. */
interface Start {
  readonly config: SwitchConfig
  readonly source?: ConfigSource
}

/** Reads file and flags. */
function readStart(options: UpOptions): Start {
  const withFlags = (base: SwitchConfig): SwitchConfig => {
    const config = addFlaggedPorts(base, options as Record<string, unknown>)
    const { listen, tokenFile } = options
    const control = {
      ...(options.control === undefined
        ? config.control
        : parseControl('--control', parseSocketFlag('--control', options.control))),
      ...(listen === undefined ? {} : { listen }),
      ...(tokenFile === undefined ? {} : { tokenFile }),
    }
    if (control.listen !== undefined) parseListen(control.listen)
    return Object.keys(control).length === 0 ? config : { ...config, control }
  }
  if (options.config === undefined) return { config: withFlags({ engine: {}, ports: [] }) }
  const path = options.config
  const text = readConfigText(path)
  const configOf = (read: string): SwitchConfig => withFlags(parseConfig(read, path))
  return { config: configOf(text), source: { path, text, configOf } }
}

export function addUp(program: Command): void {
  const command = program.command('up').description('run a switch until Ctrl-C')
  withConfig(command)
    .option(
      '--control <socket>',
      'listen for commands on this Unix socket: SOCKET[,socketMode=...,socketOwner=...,socketGroup=...]',
    )
    .option('--listen <address>', 'listen on TCP as well, on this machine alone: 127.0.0.1:PORT')
    .option(
      '--token-file <file>',
      'the token that TCP clients show; else one is made beside the control socket',
    )
    .option('--dry-run', 'check the configuration, show the ports and end')
    .option('--json', 'JSON lines: what happens, and once a second all counters')
    .option(
      '--log-format <format>',
      'say what happens as JSON lines on standard error (json: for services), or as readable lines (text)',
    )
    .addHelpText(
      'after',
      `
Examples:
  ringferry up --vif g1=/tmp/g1.sock --vif g2=/tmp/g2.sock
  ringferry up --vif g1=/tmp/g1.sock,publish=per-packet,mtu=9000 --tap host=rf0
  ringferry up --config examples/uplink.yaml --dry-run
  ringferry up --vif g1=/tmp/g1.sock,trunk=10+20 --packet uplink=eth1 --json
  ringferry up --config examples/two-guests.yaml --listen 127.0.0.1:8090

SIGHUP reads the --config file again: ports whose settings change keep their guests where they can, others are
added, removed or replaced; what cannot be done changes nothing.
A socket's file gets socketMode=0660, socketOwner=NAME and socketGroup=NAME where these are given.
Ingress is what enters the switch from a port (a guest sent it), egress what leaves it by the port.`,
    )
    .addHelpText('after', () => `\n${portKeysHelp()}`)
    .action(async (options: UpOptions) => {
      const start = readStart(options)
      const output = outputOf(options)
      const { ports } = start.config
      if (ports.length === 0)
        throw new RingferryError('USAGE', 'there are no ports; give --vif NAME=SOCKET or --config FILE')
      if (options.dryRun) return printPlan(start.config, options.json ?? false)
      // Neither a host NIC, an address nor Xen is in a new namespace; without them, TAPs are as good there, for who knows where they are.
      const kinds = ports.map(({ kind }) => kind)
      const needsThis = (['packet', 'vxlan', 'xen'] as const).some((kind) => kinds.includes(kind))
      if (kinds.includes('tap') && !needsThis && needsOwnNamespace()) {
        process.exitCode = await runInOwnNamespace()
        return
      }
      await runSwitch(start, output, ({ url, tokenFile }) => {
        if (options.logFormat === 'json') output.log.info({ url, tokenFile }, 'listens on TCP')
        else if (options.json) printJson({ type: 'listening', url, tokenFile })
        else print(`listens on ${url}; the token is in ${tokenFile}`)
      })
    })
}

/** Commands of workloads in VMs: run to their end or until the window is called off, and servers. */

import { quote } from '../../daemon/shell-word.js'
import { RingferryError } from '../../errors/errors.js'
import type { BedVm } from '../bed/bed.js'
import type { BackgroundCommand, CommandResult } from '../guest/spec.js'

const LISTEN_TIMEOUT_MS = 30_000
const SLOT_PORTS = 16
const FIRST_PORT = 20_000

/** The first of the 16 ports of a workload's slot. */
export function portOf(slot: number, offset = 0): number {
  return FIRST_PORT + SLOT_PORTS * slot + offset
}

/** The address of a VM's first NIC. Throws CONFIG when it has none. */
export function firstAddress(vm: BedVm): string {
  const address = vm.addresses[0]
  if (address === undefined) throw new RingferryError('CONFIG', `VM ${vm.name} has no NIC with an address`)
  return address
}

function lastLine({ stdout, stderr }: Pick<CommandResult, 'stdout' | 'stderr'>): string {
  const text = stderr.trim() || stdout.trim()
  return text.split('\n').at(-1)?.trim() || 'it printed nothing'
}

function brief(command: string): string {
  const line = command.replace(/\s+/g, ' ').trim()
  return line.length > 100 ? `${line.slice(0, 97)}...` : line
}

/** GUEST: which VM, which command, what it printed last. */
export function commandFailed(vm: BedVm, command: string, result: CommandResult): RingferryError {
  const how = result.code === 0 ? 'ended too early' : `failed with exit code ${result.code}`
  return new RingferryError('GUEST', `VM ${vm.name}: "${brief(command)}" ${how}: ${lastLine(result)}`)
}

/**
 * Waits for a command that was started; when the signal comes first, the command is stopped. Returns what it
 * printed. Throws GUEST when it fails, INTERRUPTED on the signal.
 */
export async function finish(
  vm: BedVm,
  command: string,
  running: BackgroundCommand,
  signal: AbortSignal,
): Promise<string> {
  const stop = (): void => {
    running.stop().catch(() => {})
  }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    const result = await running.done
    if (signal.aborted)
      throw new RingferryError('INTERRUPTED', `VM ${vm.name}: "${brief(command)}" was called off`)
    if (result.code !== 0) throw commandFailed(vm, command, result)
    return result.stdout
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Runs a command of a load; see `finish`. @param timeoutMs after which it is killed and GUEST thrown */
export function runCommand(
  vm: BedVm,
  command: string,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<string> {
  return finish(vm, command, vm.guest.start(command, { timeoutMs }), signal)
}

/** Whether the VM finds a program. */
async function hasProgram(vm: BedVm, name: string): Promise<boolean> {
  return (await vm.guest.run(`command -v ${quote(name)} >/dev/null`)).code === 0
}

/** Throws NOT_FOUND, with the package to install, when one of the VMs does not find a program. */
export async function needProgram(name: string, debianPackage: string, ...vms: BedVm[]): Promise<void> {
  for (const vm of vms)
    if (!(await hasProgram(vm, name)))
      throw new RingferryError(
        'NOT_FOUND',
        `VM ${vm.name} (${vm.kind}): ${name} is missing; run "apt-get install ${debianPackage}" on the host`,
      )
}

export interface Server {
  readonly port: number
  /** Ends it. Never rejects. */
  stop(): Promise<void>
}

/** Starts one thing for each of a list; when one fails, those that came up are stopped again. */
export async function startAll<T extends { stop(): Promise<void> }>(
  starts: readonly Promise<T>[],
): Promise<T[]> {
  const outcomes = await Promise.allSettled(starts)
  const started = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value)
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (!failure) return started
  await Promise.all(started.map((one) => one.stop()))
  throw failure.reason
}

export interface Listening {
  readonly port: number
  /** Default tcp. */
  readonly protocol?: 'tcp' | 'udp'
  /** Default 30000. */
  readonly timeoutMs?: number
}

/** The shell loop that waits until somebody listens on a port; exit code 1 when nobody does in time. */
export function listening({ port, protocol = 'tcp', timeoutMs = LISTEN_TIMEOUT_MS }: Listening): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  // Source: Linux include/net/tcp_states.h; an unconnected UDP socket is in state 7.
  const state = protocol === 'tcp' ? '0A' : '07'
  const tries = Math.ceil(timeoutMs / 50)
  return `n=0; until grep -qs '[0-9A-F]:${hex} [0-9A-F]*:0000 ${state} ' /proc/net/${protocol} /proc/net/${protocol}6; do n=$((n+1)); [ $n -lt ${tries} ] || exit 1; sleep 0.05; done`
}

/**
 * Starts a server in a VM and waits until it listens. Throws GUEST, and leaves nothing, when it ends before or does
 * not listen in time.
 */
export async function startServer(vm: BedVm, command: string, on: Listening): Promise<Server> {
  const timeoutMs = on.timeoutMs ?? LISTEN_TIMEOUT_MS
  const running = vm.guest.start(command)
  const ended = running.done.then((result) => {
    throw commandFailed(vm, command, result)
  })
  ended.catch(() => {})
  const stop = async (): Promise<void> => {
    await running.stop().catch(() => {})
  }
  // Its own limit ends the loop; the command's is for a guest that hangs.
  const wait = vm.guest.run(listening(on), { timeoutMs: 2 * timeoutMs })
  wait.catch(() => {})
  try {
    const { code } = await Promise.race([wait, ended])
    if (code === 0) return { port: on.port, stop }
    const late = `did not listen on port ${on.port} within ${timeoutMs / 1000} s`
    throw new RingferryError('GUEST', `VM ${vm.name}: "${brief(command)}" ${late}`)
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * The driver domain as a VM: programs of the host itself, in its own network namespace. They have a process
 * namespace of their own, by which they are counted and of which nothing is left at the end.
 */
import { execFile } from 'node:child_process'
import { existsSync, readlinkSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { RingferryError } from '../../errors/errors.js'
import { Agent } from '../guest/agent.js'
import { AGENT_SCRIPT } from '../guest/agent-script.js'
import { makeWorkFolder, spawnChild } from '../guest/child.js'
import { configureCommands } from '../guest/nic.js'
import { GuestLog, ProcessGuest } from '../guest/process-guest.js'
import { allProcesses, type ProcessStat, sessionProcesses } from '../guest/processes.js'
import type { NicSpec } from '../guest/spec.js'
import { findInstalled, programEnvironment } from '../guest/tools.js'

const BOOT_TIMEOUT_MS = 10_000
const run = promisify(execFile)

/** The process namespace of a process; undefined when it may not be asked. */
function processNamespace(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return undefined
  }
}

/** The processes of a session and of all process namespaces that its members lead. */
function membersOf(session: number, own: string | undefined): ProcessStat[] {
  const all = allProcesses()
  const places = all.map((stat) => ({ stat, place: processNamespace(stat.pid) }))
  const inner = new Set(
    places
      .filter(({ stat, place }) => stat.session === session && place !== undefined && place !== own)
      .map(({ place }) => place),
  )
  return places
    .filter(({ stat, place }) => stat.session === session || (place !== undefined && inner.has(place)))
    .map(({ stat }) => stat)
}

/**
 * Starts the agent on the host and gives the devices their addresses; they are the host's already.
 * Throws NOT_FOUND, PERMISSION, GUEST.
 */
export async function startHostGuest(name: string, nics: readonly NicSpec[]): Promise<ProcessGuest> {
  const unshare = findInstalled('unshare')
  if (!unshare)
    throw new RingferryError('NOT_FOUND', 'the unshare command is missing; run "apt-get install util-linux"')
  const workFolder = makeWorkFolder(name)
  const child = spawnChild(
    unshare,
    ['--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', AGENT_SCRIPT, 'agent', workFolder],
    {
      environment: programEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  const log = new GuestLog()
  child.stderr?.on('data', (chunk: Buffer) => log.append(chunk.toString()))
  const channel = { readable: child.stdout as Duplex, writable: child.stdin as Duplex }
  const agent = new Agent(name, channel, (text) => log.append(text))
  const session = child.pid ?? -1
  const own = processNamespace('self')
  const processes = () => (own === undefined ? sessionProcesses(session) : membersOf(session, own))
  const guest = new ProcessGuest({
    ...{ name, kind: 'netns', child, agent, log, workFolder, processes },
    program: "the host's agent",
  })
  await guest.boot(BOOT_TIMEOUT_MS)
  try {
    guest.interfaces = nics.map(({ transport }) => ('ifname' in transport ? transport.ifname : ''))
    for (const [index, nic] of nics.entries()) {
      const ifname = guest.interfaces[index] ?? ''
      await guest.must(`ip link set dev ${ifname} addrgenmode none`)
      await guest.must(configureCommands(ifname, nic, nic.mac ?? '').join(' && '))
    }
    return guest
  } catch (error) {
    await guest.stop()
    throw error
  }
}

/** The IPv4 addresses of the host, of devices that are down too. */
export async function hostAddresses(): Promise<string[]> {
  const path = findInstalled('ip')
  if (!path || !existsSync('/proc/net')) return []
  const { stdout } = await run(path, ['-4', '-o', 'addr', 'show'])
  return [...stdout.matchAll(/ inet (\d+\.\d+\.\d+\.\d+)/g)].map((match) => match[1] ?? '')
}

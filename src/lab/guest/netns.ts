import { execFile } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { RingferryError } from '../../errors/errors.js'
import { Agent } from './agent.js'
import { AGENT_SCRIPT } from './agent-script.js'
import { makeWorkFolder, settles, spawnChild } from './child.js'
import { GuestLog, ProcessGuest } from './process-guest.js'
import { namespaceProcesses, networkNamespace, sessionProcesses } from './processes.js'
import type { Guest, GuestSpec } from './spec.js'
import { findInstalled, programEnvironment } from './tools.js'
import { configure } from './uml.js'

const BOOT_TIMEOUT_MS = 10_000
const run = promisify(execFile)

/** Runs `ip`; throws PERMISSION or NOT_FOUND in one line. */
async function ip(...args: string[]): Promise<void> {
  const path = findInstalled('ip')
  if (!path)
    throw new RingferryError('NOT_FOUND', 'the ip command is missing; run "apt-get install iproute2"')
  try {
    await run(path, args, { timeout: 10_000 })
  } catch (error) {
    const words = String((error as { stderr?: string }).stderr ?? error).trim()
    const code = /not permitted/i.test(words)
      ? 'PERMISSION'
      : /Cannot find/i.test(words)
        ? 'NOT_FOUND'
        : 'SYSCALL'
    throw new RingferryError(code, `ip ${args.join(' ')}: ${words.replaceAll('\n', ' | ')}`, { cause: error })
  }
}

/**
 * Makes a network namespace whose NICs are TAPs of this host, held open by a switch: the host kernel's own
 * network stack as a guest. The namespace has no name and no mount: it lives as long as the agent in it, so
 * nothing is left even when this process is killed. At the end the TAPs move back. Commands see the host's
 * files; /sys is mounted anew so that it shows the namespace's NICs.
 * Needs CAP_NET_ADMIN and CAP_SYS_ADMIN (root, or all of it inside `unshare --user --map-root-user --net`).
 */
export async function bootNetns(spec: GuestSpec): Promise<Guest> {
  const nics = spec.nics ?? []
  for (const { transport } of nics)
    if (transport.type !== 'tap')
      throw new RingferryError(
        'UNSUPPORTED',
        `guest ${spec.name}: a netns guest's NIC is a TAP, not ${transport.type}; use {type: "tap", ifname}`,
      )
  const unshare = findInstalled('unshare')
  if (!unshare)
    throw new RingferryError('NOT_FOUND', 'the unshare command is missing; run "apt-get install util-linux"')
  const workFolder = makeWorkFolder(spec.name)
  const start = 'mount -t sysfs sysfs /sys 2>/dev/null; ip link set dev lo up; exec sh -c "$1" agent "$2"'
  const child = spawnChild(
    unshare,
    ['--net', '--mount', '--uts', 'sh', '-c', start, 'start', AGENT_SCRIPT, workFolder],
    { environment: programEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] },
  )
  const log = new GuestLog()
  child.stderr?.on('data', (chunk: Buffer) => log.append(chunk.toString()))
  const channel = { readable: child.stdout as Duplex, writable: child.stdin as Duplex }
  const agent = new Agent(spec.name, channel, (text) => log.append(text))
  const own = networkNamespace('self')
  let namespace: string | undefined
  const session = child.pid ?? -1
  const processes = () =>
    namespace !== undefined && namespace !== own ? namespaceProcesses(namespace) : sessionProcesses(session)
  const interfaces = nics.map(({ transport }) => ('ifname' in transport ? transport.ifname : ''))
  const moved: string[] = []
  const guest = new ProcessGuest({
    ...{ name: spec.name, kind: 'netns', child, agent, log, workFolder, processes },
    program: 'the network namespace',
    beforeStop: async () => {
      for (const ifname of moved)
        await guest.run(`ip addr flush dev ${ifname}; ip link set dev ${ifname} netns ${process.pid}`)
    },
  })
  await boot(guest, spec, log)
  namespace = networkNamespace(guest.pid)
  try {
    await guest.must(`hostname ${spec.name} 2>/dev/null || true`)
    for (const ifname of interfaces) {
      await ip('link', 'set', 'dev', ifname, 'netns', String(guest.pid))
      moved.push(ifname)
    }
  } catch (error) {
    await guest.stop()
    throw error
  }
  await configure(guest, spec, interfaces)
  return guest
}

async function boot(guest: ProcessGuest, spec: GuestSpec, log: GuestLog): Promise<void> {
  try {
    await guest.boot(spec.bootTimeoutMs ?? BOOT_TIMEOUT_MS)
  } catch (error) {
    await settles(guest.ended, 0)
    if (!/not permitted/i.test(log.tail(5))) throw error
    throw new RingferryError(
      'PERMISSION',
      `guest ${spec.name}: a network namespace needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN); run as root or use a uml guest`,
      { cause: error },
    )
  }
}

import { chmodSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { RingferryError } from '../../errors/errors.js'
import { Agent } from './agent.js'
import { AGENT_SCRIPT } from './agent-script.js'
import { makeWorkFolder, spawnChild } from './child.js'
import { configureCommands, macOf } from './nic.js'
import { GuestLog, ProcessGuest } from './process-guest.js'
import { sessionProcesses } from './processes.js'
import type { Guest, GuestSpec } from './spec.js'
import { fetchedRoot, findTool, libraryFolders, toolEnvironment } from './tools.js'
import { umlArguments, umlInitScript, umlInterfaces } from './uml-command.js'

const BOOT_TIMEOUT_MS = 60_000
const MB = 1 << 20
/** The root of this package: guests run programs of the build. */
const PACKAGE = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/**
 * Where the memory file goes: /dev/shm when it is a tmpfs with room from which code may run (containers
 * often give 64 MB and noexec), else the temporary folder.
 * @param mounts the text of /proc/mounts
 */
export function umlMemoryFolder(mounts: string, freeBytes: number, memoryMb: number): string {
  const shm = mounts.split('\n').find((line) => line.split(' ')[1] === '/dev/shm')
  const [, , type = '', options = ''] = shm?.split(' ') ?? []
  const usable = type === 'tmpfs' && !options.split(',').includes('noexec')
  return usable && freeBytes > (memoryMb + 16) * MB ? '/dev/shm' : tmpdir()
}

function memoryFolder(memoryMb: number): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    return umlMemoryFolder(readFileSync('/proc/mounts', 'utf8'), bavail * bsize, memoryMb)
  } catch {
    return tmpdir()
  }
}

/** Boots a real Linux kernel as one process, from the host's own files. Needs no root. */
export async function bootUml(spec: GuestSpec): Promise<Guest> {
  const uml = findTool('linux.uml')
  if (!uml)
    throw new RingferryError(
      'NOT_FOUND',
      'linux.uml is not installed; run "ringferry guest fetch" or "apt-get install user-mode-linux"',
    )
  const workFolder = makeWorkFolder(spec.name)
  const initScript = join(workFolder, 'init')
  const root = fetchedRoot()
  mkdirSync(join(workFolder, 'uml'))
  writeFileSync(join(workFolder, 'agent.sh'), AGENT_SCRIPT)
  const script = umlInitScript({
    name: spec.name,
    workFolder,
    ...(root ? { fetchedRoot: root } : {}),
    keptFolder: PACKAGE,
    fetchedLibraries: root ? libraryFolders(root).map((folder) => relative(root, folder)) : [],
  })
  writeFileSync(initScript, script)
  chmodSync(initScript, 0o755)
  const environment = { ...toolEnvironment(uml), TMPDIR: memoryFolder(spec.memoryMb ?? 256) }
  const child = spawnChild(uml.path, umlArguments(spec, { workFolder, initScript }), {
    environment,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    deathSignal: 'TERM',
  })
  const log = new GuestLog()
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => log.append(chunk.toString()))
  const channel = child.stdio[3] as Readable as Duplex
  const agent = new Agent(spec.name, channel, (text) => log.append(text))
  const session = child.pid ?? -1
  const processes = () => sessionProcesses(session)
  const guest = new ProcessGuest({
    ...{ name: spec.name, kind: 'uml', child, agent, log, workFolder, processes },
    program: 'linux.uml',
  })
  await guest.boot(spec.bootTimeoutMs ?? BOOT_TIMEOUT_MS)
  await configure(guest, spec, umlInterfaces(spec))
  return guest
}

/** Configures the NICs of a guest that has booted; on failure the guest is stopped. */
export async function configure(
  guest: ProcessGuest,
  spec: GuestSpec,
  interfaces: readonly string[],
): Promise<void> {
  try {
    guest.interfaces = interfaces
    for (const [index, nic] of (spec.nics ?? []).entries()) {
      const ifname = interfaces[index] ?? ''
      const found = await guest.run(`[ -e /sys/class/net/${ifname} ]`)
      if (found.code !== 0)
        throw new RingferryError(
          'GUEST',
          `guest ${spec.name}: NIC ${index} (${nic.transport.type}) did not appear as ${ifname}; last words: ${guest.lastWords(3).replaceAll('\n', ' | ')}`,
        )
      await guest.must(configureCommands(ifname, nic, macOf(spec, index)).join(' && '))
    }
  } catch (error) {
    await guest.stop()
    throw error
  }
}

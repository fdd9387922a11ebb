import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { RingferryError } from '../../errors/errors.js'
import { Agent } from './agent.js'
import { AGENT_SCRIPT } from './agent-script.js'
import { makeWorkFolder, removeWorkFolder, spawnChild } from './child.js'
import { type ArchiveEntry, initramfs } from './initramfs.js'
import { findKernel, GUEST_MODULES, type Kernel, moduleFiles, readModule } from './kernel.js'
import { kvmWorks } from './kvm.js'
import { macOf } from './nic.js'
import { GuestLog, ProcessGuest } from './process-guest.js'
import { sessionProcesses } from './processes.js'
import { DISK_FOLDER, DISK_MODULES, type ProgramDisk, programDisk } from './program-disk.js'
import { fileEntry, isDynamic, programEntries } from './program-files.js'
import { qemuArguments, qemuInitScript } from './qemu-command.js'
import type { Guest, GuestSpec } from './spec.js'
import { findTool, toolEnvironment } from './tools.js'
import { configure } from './uml.js'

export const QEMU_PROGRAM = 'qemu-system-x86_64'
const BOOT_TIMEOUT_MS = 180_000
/** The disk's image in QEMU: what comes after the standard streams. */
const DISK_FD = 3
/** Programs of the host put into the guest when there are any; busybox has the rest. */
const PROGRAMS = ['iperf3', 'ethtool', 'sed']
/**
 * With more than one emulated processor the guest's virtio-serial port now and then sleeps although its ring has room
 * (QEMU 7.2 with kernel 6.1: one of about 200 commands with 400 lines of output). What comes in wakes it.
 */
const NUDGE_MS = 500
/** Lets sed write line by line; see agent-script.ts. */
const STDBUF_LIBRARIES = ['/usr/libexec/coreutils/libstdbuf.so', '/usr/lib/coreutils/libstdbuf.so']

/** The first root file system of a guest: busybox, iperf3, ethtool, kernel modules and the agent. */
function guestInitramfs(
  name: string,
  kernel: Kernel,
  moreModules: readonly string[],
  disk: ProgramDisk | undefined,
): Buffer {
  const busybox = findTool('busybox')
  if (!busybox || isDynamic(busybox.path))
    throw new RingferryError(
      'NOT_FOUND',
      'a statically linked busybox is needed for a qemu guest; run "apt-get install busybox-static"',
    )
  const files = moduleFiles(kernel.modulesFolder)
  const wanted = [...GUEST_MODULES, ...moreModules, ...(disk ? DISK_MODULES : [])]
  const modules = wanted.filter((module) => files.has(module))
  const folders = ['busybox', 'dev', 'proc', 'sys', 'tmp', 'run', ...(disk ? [DISK_FOLDER] : [])]
  const init = qemuInitScript(name, modules, disk ? DISK_FOLDER : undefined)
  return initramfs([
    ...folders.map((path): ArchiveEntry => ({ type: 'folder', path })),
    fileEntry('bin/busybox', busybox.path, true),
    { type: 'link', path: 'bin/sh', target: 'busybox' },
    ...PROGRAMS.flatMap(programEntries),
    ...STDBUF_LIBRARIES.filter((path) => existsSync(path)).map((path) => fileEntry(path, path, true)),
    ...modules.map((module): ArchiveEntry => {
      const content = readModule(files.get(module) ?? '')
      return { type: 'file', path: `modules/${module}.ko`, content }
    }),
    { type: 'file', path: 'agent.sh', content: Buffer.from(AGENT_SCRIPT) },
    { type: 'file', path: 'init', content: Buffer.from(init), executable: true },
    { type: 'file', path: 'etc/passwd', content: Buffer.from('root::0:0::/tmp:/bin/sh\n') },
    { type: 'file', path: 'etc/group', content: Buffer.from('root::0:\n') },
    ...(disk?.entries ?? []),
  ])
}

/** Boots Debian's kernel in QEMU, emulated unless KVM can be used. Needs no root. */
export async function bootQemu(spec: GuestSpec): Promise<Guest> {
  const qemu = findTool(QEMU_PROGRAM)
  if (!qemu)
    throw new RingferryError(
      'NOT_FOUND',
      `${QEMU_PROGRAM} is not installed; run "apt-get install qemu-system-x86 linux-image-cloud-amd64 busybox-static"`,
    )
  const more = (spec.nics ?? []).some((nic) => nic.model === 'e1000') ? ['e1000'] : []
  const kernel = findKernel(more)
  const disk = spec.programs ? await programDisk() : undefined
  const archive = guestInitramfs(spec.name, kernel, more, disk)
  const workFolder = makeWorkFolder(spec.name)
  const consoleLog = join(workFolder, 'console')
  const paths = {
    kernel: kernel.image,
    initramfs: join(workFolder, 'initramfs'),
    consoleLog,
    kvm: await kvmWorks(qemu, kernel.image),
    ...(disk ? { diskFd: DISK_FD } : {}),
  }
  let args: string[]
  try {
    writeFileSync(paths.initramfs, archive)
    args = qemuArguments(spec, paths)
  } catch (error) {
    removeWorkFolder(workFolder)
    throw error
  }
  const child = spawnChild(qemu.path, args, {
    environment: toolEnvironment(qemu),
    stdio: ['pipe', 'pipe', 'pipe', ...(disk ? [disk.fd] : [])],
    deathSignal: 'KILL',
  })
  const log = new ConsoleLog(consoleLog)
  child.stderr?.on('data', (chunk: Buffer) => log.append(chunk.toString()))
  const channel = { readable: child.stdout as Duplex, writable: child.stdin as Duplex }
  const agent = new Agent(spec.name, channel, (text) => log.append(text), NUDGE_MS)
  const session = child.pid ?? -1
  const processes = () => sessionProcesses(session)
  const guest = new ProcessGuest({
    ...{ name: spec.name, kind: 'qemu', child, agent, log, workFolder, processes },
    program: QEMU_PROGRAM,
  })
  await guest.boot(spec.bootTimeoutMs ?? BOOT_TIMEOUT_MS)
  await configure(guest, spec, await interfacesByMac(guest, spec))
  return guest
}

/** The names of the NICs inside, by their MAC addresses: drivers may start in another order than the devices. */
async function interfacesByMac(guest: ProcessGuest, spec: GuestSpec): Promise<string[]> {
  const { stdout } = await guest.run('cd /sys/class/net && for n in *; do echo "$n $(cat $n/address)"; done')
  const names = new Map(stdout.split('\n').map((line) => line.split(' ').reverse() as [string, string]))
  return (spec.nics ?? []).map((_, index) => names.get(macOf(spec, index)) ?? `eth${index}`)
}

/** What QEMU printed after what the guest's kernel printed to its console file. */
class ConsoleLog extends GuestLog {
  readonly #path: string

  constructor(path: string) {
    super()
    this.#path = path
  }

  override tail(lines: number): string {
    const own = super.tail(lines)
    if (!existsSync(this.#path)) return own
    const kernel = new GuestLog()
    kernel.append(readFileSync(this.#path, 'utf8'))
    return [kernel.tail(lines), own].filter((text) => text !== '').join('\n')
  }
}

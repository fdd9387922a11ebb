/** What this machine can do, and what to do for more. Nothing is changed by asking. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import { CAP_NET_ADMIN, hasCapability } from '../../sys/capability.js'
import { canSurviveFaults } from '../../sys/fault-guard.js'
import { OP, whyNoRing } from '../../sys/io-uring.js'
import { libc } from '../../sys/libc.js'
import { installedKernels } from '../guest/kernel.js'
import { kvmOpens } from '../guest/kvm.js'
import { QEMU_PROGRAM } from '../guest/qemu.js'
import type { GuestKind } from '../guest/spec.js'
import { findInstalled, findTool, umlModulesFolder } from '../guest/tools.js'
import { serviceFindings } from './service-checks.js'
import { xenFindings } from './xen-checks.js'

export interface Check {
  readonly name: string
  readonly ok: boolean
  /** What is there, e.g. a path or a number; "missing" when nothing is. */
  readonly found: string
  /** What it is for. */
  readonly need: string
  /** One line that says what to do; empty when all is well or nothing can be done. */
  readonly remedy: string
}

const MB = 2 ** 20
const NODE_MAJOR = 20
/** WebAssembly pages of 64 KiB: 4 GB. */
const LINEAR_MEMORY_PAGES = 65536
const FREE_MEMORY_MB = 1024
const COMMAND_MS = 5_000

interface Finding {
  readonly ok: boolean
  readonly found: string
}

function check(name: string, need: string, remedy: string, finding: Finding): Check {
  return { name, ...finding, need, remedy: finding.ok ? '' : remedy }
}

/** Whether something can be done, without an error: what it returns, or why it cannot. */
function attempt(act: () => string): Finding {
  try {
    return { ok: true, found: act() }
  } catch (error) {
    return { ok: false, found: (error as Error).message.split('\n')[0] ?? 'failed' }
  }
}

function ring(): Finding {
  const problem = whyNoRing(OP.WRITE)
  return { ok: problem === undefined, found: problem ?? 'usable' }
}

function program(name: string): Finding {
  const tool = findTool(name)
  return {
    ok: tool !== undefined,
    found: tool ? `${tool.path}${tool.fetched ? ' (fetched)' : ''}` : 'missing',
  }
}

function netAdmin(): Finding {
  const status = readFileSync('/proc/self/status', 'utf8')
  if (hasCapability(status, CAP_NET_ADMIN)) return { ok: true, found: 'CAP_NET_ADMIN' }
  const trial = spawnSync('unshare', ['--user', '--map-root-user', '--net', 'true'], { timeout: COMMAND_MS })
  return trial.status === 0
    ? { ok: true, found: 'user namespaces: TAPs and netns guests in one of their own, no host NICs' }
    : { ok: false, found: 'neither CAP_NET_ADMIN nor user namespaces' }
}

function opens(path: string): Finding {
  if (!existsSync(path)) return { ok: false, found: 'missing' }
  return attempt(() => {
    closeSync(openSync(path, 'r+'))
    return `${path} opens`
  })
}

function busybox(): Finding {
  const tool = findTool('busybox')
  if (!tool) return { ok: false, found: 'missing' }
  const dynamic = readFileSync(tool.path).subarray(0, 4096).includes('/ld-')
  return { ok: !dynamic, found: `${tool.path}${dynamic ? ' (needs libraries)' : ''}` }
}

function memoryFile(): string {
  const fd = libc.memfd_create('ringferry-doctor', 0)
  if (fd < 0) throw new Error('memfd_create is refused')
  libc.close(fd)
  return 'memfd_create'
}

function umlModules(): Finding {
  const folder = umlModulesFolder()
  return { ok: folder !== undefined, found: folder ?? 'missing' }
}

function qemuKernel(): Finding {
  const kernel = installedKernels()[0]
  return { ok: kernel !== undefined, found: kernel?.image ?? 'missing' }
}

const FETCH = 'ringferry guest fetch'

/** Examines the machine. Takes less than a second; never throws. */
export function examine(): Check[] {
  const node = process.versions.node
  const freeMb = Math.round(freemem() / MB)
  const cores = availableParallelism()
  const shared = { initial: 1, maximum: LINEAR_MEMORY_PAGES, shared: true } as const
  return [
    check('node', `Node.js ${NODE_MAJOR} or later`, `install Node.js ${NODE_MAJOR} from nodejs.org`, {
      ok: Number.parseInt(node, 10) >= NODE_MAJOR,
      found: node,
    }),
    check(
      'libc',
      'system calls by koffi',
      'run npm ci on a system with glibc',
      attempt(() => `glibc loads (sched_yield returns ${libc.sched_yield()})`),
    ),
    check(
      'memory file',
      'guest memory that is shared with the switch',
      'use a kernel from 3.17 on that lets memfd_create pass',
      attempt(memoryFile),
    ),
    check(
      'linear memory',
      'a shared WebAssembly memory of 4 GB (address space, not memory)',
      'raise the limit on address space: ulimit -v unlimited',
      attempt(() => `${new WebAssembly.Memory(shared).buffer.byteLength > 0 ? 4096 : 0} MB`),
    ),
    check(
      'lost memory',
      'a guest whose memory file is cut short ends alone',
      'use x86-64 or arm64 where a guest might cut its memory file short: the switch would end with it',
      { ok: canSurviveFaults(), found: `${process.arch}${canSurviveFaults() ? '' : ': no handler for it'}` },
    ),
    check('cores', 'two processors: one for the switch, one for guests', '', {
      ok: cores >= 2,
      found: `${cores}`,
    }),
    check('free memory', `${FREE_MEMORY_MB} MB for two guests`, 'stop other programs', {
      ok: freeMb >= FREE_MEMORY_MB,
      found: `${freeMb} MB`,
    }),
    check('linux.uml', 'uml guests: a real kernel as one process', FETCH, program('linux.uml')),
    check('uml modules', 'virtio-net in uml guests', FETCH, umlModules()),
    check('iperf3', 'traffic of real guests', FETCH, program('iperf3')),
    check('busybox', 'qemu guests; ping in uml guests', 'apt-get install busybox-static', busybox()),
    check('ethtool', 'guests without offloads', FETCH, program('ethtool')),
    check('qemu', 'qemu guests', 'apt-get install qemu-system-x86', program(QEMU_PROGRAM)),
    check('mke2fs', 'qemu guests of the lab', 'apt-get install e2fsprogs', program('mke2fs')),
    check('qemu kernel', 'qemu guests', 'apt-get install linux-image-cloud-amd64', qemuKernel()),
    check('/dev/kvm', 'qemu guests at full speed (they are emulated without)', '', opens('/dev/kvm')),
    check(
      '/dev/net/tun',
      'tap ports, netns guests',
      'modprobe tun, or start the container with --device /dev/net/tun',
      opens('/dev/net/tun'),
    ),
    check(
      'io_uring',
      'tap ports that move many frames by one system call',
      'Linux 6.1 or newer, sysctl kernel.io_uring_disabled=0, and a container whose seccomp filter lets io_uring pass',
      ring(),
    ),
    check(
      'network rights',
      'tap and packet ports, netns guests',
      'run as root, or setcap cap_net_admin,cap_net_raw+ep on node',
      netAdmin(),
    ),
    check('ip', 'netns guests, Linux bridges to compare with', 'apt-get install iproute2', program('ip')),
    check('dpdk-testpmd', 'the comparison with DPDK', 'apt-get install dpdk-dev', program('dpdk-testpmd')),
    ...[...xenFindings(), ...serviceFindings()].map(({ name, need, remedy, ...finding }) =>
      check(name, need, remedy, finding),
    ),
  ]
}

export interface GuestChoice {
  readonly kind: GuestKind | 'embedded'
  /** One line for the user: why this kind, and what would give a better one. */
  readonly reason: string
}

/** The best kind of guest that this machine can run as it is now. */
export function chooseGuestKind(): GuestChoice {
  const has = (name: string) => findTool(name) !== undefined
  const iperf3 = has('iperf3')
  if (iperf3 && has('linux.uml') && umlModulesFolder())
    return { kind: 'uml', reason: 'User-Mode Linux is there: real kernels without root' }
  if (iperf3 && has(QEMU_PROGRAM) && qemuKernel().ok && busybox().ok) {
    const how = kvmOpens() ? 'with KVM when it works' : 'emulated, slow'
    return { kind: 'qemu', reason: `QEMU and a kernel are there (${how}); for uml guests: ${FETCH}` }
  }
  const status = readFileSync('/proc/self/status', 'utf8')
  if (iperf3 && hasCapability(status, CAP_NET_ADMIN) && opens('/dev/net/tun').ok && findInstalled('ip'))
    return {
      kind: 'netns',
      reason: `no guest kernel is there, but TAPs and namespaces; for uml guests: ${FETCH}`,
    }
  return { kind: 'embedded', reason: `no guest kernel or no iperf3 is there; for uml guests: ${FETCH}` }
}

/** The best kind of guest with a kernel; undefined when there is none and embedded guests must do. */
export function bestGuestKind(): GuestKind | undefined {
  const { kind } = chooseGuestKind()
  return kind === 'embedded' ? undefined : kind
}

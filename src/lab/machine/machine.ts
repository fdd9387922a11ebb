/** What a measurement was made on: data for results, so that two runs can be told apart. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { ringferryCommit, ringferryVersion } from '../../sys/version.js'
import { fetchedPackages } from '../guest/fetch.js'
import { kvmOpens } from '../guest/kvm.js'
import { QEMU_PROGRAM } from '../guest/qemu.js'
import { findTool, toolEnvironment } from '../guest/tools.js'

/** Of dpkg-query. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the braces are dpkg's
const FORMAT = '${Version}'
const VERSION_MS = 5_000
const MITIGATIONS = '/sys/devices/system/cpu/vulnerabilities'

export interface MachineDescription {
  /** Kernel release of the host. */
  readonly kernel: string
  /** PRETTY_NAME of /etc/os-release. */
  readonly system: string
  readonly architecture: string
  readonly cpuModel: string
  /** Processors that this process may use. */
  readonly cores: number
  readonly memoryMb: number
  /** What the kernel says of each processor weakness, by its name. */
  readonly mitigations: Readonly<Record<string, string>>
  readonly node: string
  readonly ringferry: string
  /** Of the working tree that measured, "+" when it was changed; absent for an installed package. */
  readonly commit?: string
  /** Runnable tasks on average of the last 1, 5 and 15 minutes. */
  readonly loadAverage: readonly number[]
  /** /dev/kvm can be opened. */
  readonly kvm: boolean
  readonly root: boolean
  /** Versions of the programs that measurements rest on; null for one that is missing. */
  readonly programs: Readonly<Record<string, string | null>>
  /** Packages in the user's cache, by version. */
  readonly fetchedPackages: Readonly<Record<string, string>>
}

/** Programs with the argument that makes them say their version. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'linux.uml': ['--version'],
  [QEMU_PROGRAM]: ['--version'],
  iperf3: ['--version'],
}

/** The version a program prints: the first number with a dot; null when it is missing or silent. */
export function programVersion(name: string, args: readonly string[]): string | null {
  const tool = findTool(name)
  if (!tool) return null
  const { stdout } = spawnSync(tool.path, args, {
    encoding: 'utf8',
    env: toolEnvironment(tool),
    timeout: VERSION_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return /\d+\.\d+[\w.+~-]*/.exec(stdout ?? '')?.[0] ?? null
}

/** testpmd has no way to ask for its version but its package's. */
function testpmdVersion(): string | null {
  const tool = findTool('dpdk-testpmd')
  if (!tool) return null
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', FORMAT, 'dpdk-dev'], { encoding: 'utf8' })
  return stdout?.trim() || 'unknown'
}

/** One value of a file of KEY=VALUE lines, e.g. /etc/os-release. */
export function assignment(text: string, key: string): string | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${key}=`))
  return line?.slice(key.length + 1).replace(/^"(.*)"$/, '$1')
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function mitigations(): Record<string, string> {
  if (!existsSync(MITIGATIONS)) return {}
  const entries = readdirSync(MITIGATIONS).map((name) => [name, readText(join(MITIGATIONS, name)).trim()])
  return Object.fromEntries(entries) as Record<string, string>
}

/** Describes this machine as it is now. Takes up to a second: it asks programs for their versions. */
export function describeMachine(): MachineDescription {
  const commit = ringferryCommit()
  const versions = Object.entries(PROGRAMS).map(([name, args]) => [name, programVersion(name, args)] as const)
  return {
    kernel: release(),
    system: assignment(readText('/etc/os-release'), 'PRETTY_NAME') ?? 'unknown',
    architecture: process.arch,
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 2 ** 20),
    mitigations: mitigations(),
    node: process.versions.node,
    ringferry: ringferryVersion(),
    ...(commit === undefined ? {} : { commit }),
    loadAverage: loadavg().map((value) => Math.round(value * 100) / 100),
    kvm: kvmOpens(),
    root: process.getuid?.() === 0,
    programs: { ...Object.fromEntries(versions), 'dpdk-testpmd': testpmdVersion() },
    fetchedPackages: fetchedPackages() ?? {},
  }
}

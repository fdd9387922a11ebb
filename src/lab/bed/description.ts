/** What is told of a bed for the record: kernels, offloads, versions. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { promisify } from 'node:util'
import { QEMU_PROGRAM } from '../guest/qemu.js'
import { findTool } from '../guest/tools.js'
import type { BedVm, SwitchKind } from './bed.js'

const run = promisify(execFile)
const LIMIT_MS = 10_000
const OFFLOADS =
  /^(rx-checksumming|tx-checksumming|scatter-gather|tcp-segmentation-offload|generic-(?:segmentation|receive)-offload): (on|off)/gm

/** The offloads in a report of `ethtool -k`. */
export function parseOffloads(text: string): Record<string, boolean> {
  return Object.fromEntries([...text.matchAll(OFFLOADS)].map(([, name, state]) => [name, state === 'on']))
}

/** The first line that a program prints of its version; null when it is not there or says nothing. */
export async function firstLine(program: string, args: readonly string[]): Promise<string | null> {
  const tool = findTool(program)
  if (!tool) return null
  try {
    const { stdout, stderr } = await run(tool.path, [...args], { timeout: LIMIT_MS })
    return `${stdout}\n${stderr}`.trim().split('\n')[0] ?? null
  } catch {
    return null
  }
}

const PROGRAMS: Readonly<Partial<Record<SwitchKind, readonly string[]>>> = {
  vde: ['vde_switch', '--version'],
  ovs: ['ovs-vswitchd', '--version'],
  testpmd: ['dpdk-testpmd', '--version', '--no-huge', '--no-pci'],
}

function ownVersion(): string {
  // The same from src/lab/bed and dist/lab/bed.
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  )
  return (manifest as { version: string }).version
}

/** The version of a switch; of the kernel for those in it. */
export async function versionOf(kind: SwitchKind): Promise<string | null> {
  if (kind === 'ringferry') return ownVersion()
  const [program, ...args] = PROGRAMS[kind] ?? []
  return program === undefined ? `Linux ${release()}` : firstLine(program, args)
}

/** A VM: its addresses, kernel and offloads in use. */
export async function describeVm(vm: BedVm): Promise<Record<string, unknown>> {
  const { kind, addresses, macs } = vm
  if (kind === 'embedded') return { kind, addresses, macs }
  const { stdout } = await vm.guest.run('uname -r')
  const offloads: Record<string, Record<string, boolean>> = {}
  for (const name of vm.interfaces)
    offloads[name] = parseOffloads((await vm.guest.run(`ethtool -k ${name}`)).stdout)
  return {
    ...{ kind, addresses, macs, interfaces: vm.interfaces, kernel: stdout.trim(), offloads },
    ...(kind === 'qemu' ? { model: vm.spec.model, qemu: await firstLine(QEMU_PROGRAM, ['--version']) } : {}),
  }
}

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RingferryError } from '../../errors/errors.js'
import { findInstalled } from './tools.js'

/** A kernel that QEMU can start, with the folder of its modules. */
export interface Kernel {
  readonly image: string
  readonly version: string
  readonly modulesFolder: string
}

/** Modules of a virtio-net guest with an agent on virtio-serial, each after those it needs. What a kernel has built in has no file. */
const VIRTIO =
  'virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console failover net_failover virtio_net'
const VLAN = 'llc stp garp mrp 8021q'
export const GUEST_MODULES: readonly string[] = `${VIRTIO} ipv6 ${VLAN}`.split(' ')

/** The module files of a kernel by module name ("virtio_net" for "virtio-net.ko.xz"). */
export function moduleFiles(modulesFolder: string): Map<string, string> {
  const files = new Map<string, string>()
  for (const entry of readdirSync(join(modulesFolder, 'kernel'), { recursive: true, encoding: 'utf8' })) {
    const match = /([^/]+)\.ko(\.xz|\.zst|\.gz)?$/.exec(entry)
    if (match) files.set(match[1]!.replaceAll('-', '_'), join(modulesFolder, 'kernel', entry))
  }
  return files
}

const DECOMPRESSORS: Readonly<Record<string, string>> = { xz: 'xz', zst: 'zstd', gz: 'gzip' }

/** A module as the kernel takes it. Throws NOT_FOUND when it is compressed and the tool for it is missing. */
export function readModule(path: string): Buffer {
  const content = readFileSync(path)
  const name = DECOMPRESSORS[path.slice(path.lastIndexOf('.') + 1)]
  if (!name) return content
  const tool = findInstalled(name)
  if (!tool) throw new RingferryError('NOT_FOUND', `${path}: ${name} is needed to unpack it; install ${name}`)
  return execFileSync(tool, ['-dc'], { input: content, maxBuffer: 64 << 20 })
}

/** The kernels of this host, those made for virtual machines first. */
export function installedKernels(boot = '/boot', modules = '/lib/modules'): Kernel[] {
  if (!existsSync(boot)) return []
  return readdirSync(boot)
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length))
    .map((version) => ({
      image: join(boot, `vmlinuz-${version}`),
      version,
      modulesFolder: join(modules, version),
    }))
    .filter((kernel) => existsSync(join(kernel.modulesFolder, 'kernel')))
    .sort((a, b) => rank(a.version) - rank(b.version) || (a.version < b.version ? 1 : -1))
}

function rank(version: string): number {
  return version.includes('cloud') ? 0 : 1
}

/** The first kernel that has these modules as files. Throws NOT_FOUND with the package to install. */
export function findKernel(needed: readonly string[] = []): Kernel {
  const kernel = installedKernels().find((candidate) => {
    if (needed.length === 0) return true
    const files = moduleFiles(candidate.modulesFolder)
    return needed.every((name) => files.has(name))
  })
  if (kernel) return kernel
  const [what, remedy] = needed.length
    ? [`no kernel in /boot has the module ${needed.join(', ')}`, 'linux-image-amd64']
    : ['no kernel in /boot has its modules in /lib/modules', 'linux-image-cloud-amd64']
  throw new RingferryError('NOT_FOUND', `${what}; run "apt-get install ${remedy}" for a qemu guest`)
}

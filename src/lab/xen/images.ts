import { RingferryError } from '../../errors/errors.js'
import { AGENT_SCRIPT } from '../guest/agent-script.js'
import { type ArchiveEntry, initramfs } from '../guest/initramfs.js'
import { findKernel, type Kernel, moduleFiles, readModule } from '../guest/kernel.js'
import { fileEntry, programEntries } from '../guest/program-files.js'
import { findInstalled, findTool } from '../guest/tools.js'
import { DOM0_INIT, DOM0_ROOT, DOMU_INIT } from './init-scripts.js'

/** Drivers of a driver domain, each after those it needs: virtio for its root and the agent, Xen's devices, TAPs. */
const DOM0_MODULES = [
  'virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console',
  'netfs fscache 9pnet 9pnet_virtio 9p overlay xen_privcmd xenfs xen_gntdev xen_gntalloc xen_evtchn',
  'tun llc stp bridge ipv6',
]
  .join(' ')
  .split(' ')
/** pktgen sends what a study measures; it does nothing until it is told. */
const GUEST_MODULES = ['ipv6', 'pktgen', 'xen_netfront']
/** busybox has the rest. */
const GUEST_PROGRAMS = ['iperf3', 'ethtool', 'sed']

function moduleEntries(kernel: Kernel, wanted: readonly string[]): ArchiveEntry[] {
  const files = moduleFiles(kernel.modulesFolder)
  const modules = wanted.filter((name) => files.has(name))
  return [
    ...modules.map(
      (name): ArchiveEntry => ({
        type: 'file',
        path: `modules/${name}.ko`,
        content: readModule(files.get(name) ?? ''),
      }),
    ),
    { type: 'file', path: 'module-order', content: Buffer.from(modules.join(' ')) },
  ]
}

function findBusybox(): string {
  const busybox = findTool('busybox')
  if (busybox) return busybox.path
  throw new RingferryError('NOT_FOUND', 'busybox is not installed; run "apt-get install busybox-static"')
}

function base(init: string): ArchiveEntry[] {
  return [
    ...['busybox', 'dev', 'proc', 'sys', 'tmp', 'run'].map(
      (path): ArchiveEntry => ({ type: 'folder', path }),
    ),
    fileEntry('bin/busybox', findBusybox(), true),
    { type: 'link', path: 'bin/sh', target: 'busybox' },
    { type: 'file', path: 'agent.sh', content: Buffer.from(AGENT_SCRIPT) },
    { type: 'file', path: 'init', content: Buffer.from(init), executable: true },
  ]
}

/** A kernel and its first root file system. */
export interface Image {
  readonly kernel: Kernel
  readonly initramfs: Buffer
}

/** What a kernel must have as modules, to be the driver domain's and a guest's. */
const DOM0_NEEDS = ['9p', 'xen_netback', 'xen_gntdev']
const GUEST_NEEDS = ['xen_netfront']

/** Programs of the host that the driver domain runs, whose root is the host's own; by the package that has them. */
const DOM0_PROGRAMS = { curl: 'curl', iperf3: 'iperf3', ip: 'iproute2', modprobe: 'kmod' }

/** Throws NOT_FOUND, with the package to install, when something is missing on this host that the images are made of. */
export function checkImages(): void {
  for (const needed of [DOM0_NEEDS, GUEST_NEEDS]) findKernel(needed)
  findBusybox()
  for (const [name, debianPackage] of Object.entries(DOM0_PROGRAMS))
    if (!findInstalled(name))
      throw new RingferryError(
        'NOT_FOUND',
        `${name} is not installed; run "apt-get install ${debianPackage}"`,
      )
}

/** The driver domain: its root is the host's own, so it needs drivers and two scripts. */
export function dom0Image(): Image {
  const kernel = findKernel(DOM0_NEEDS)
  return {
    kernel,
    initramfs: initramfs([
      ...base(DOM0_INIT),
      ...moduleEntries(kernel, DOM0_MODULES),
      { type: 'file', path: 'dom0-root.sh', content: Buffer.from(DOM0_ROOT) },
    ]),
  }
}

/** A guest, PV or PVH: netfront, busybox, iperf3, ethtool and the agent on its console. */
export function guestImage(): Image {
  const kernel = findKernel(GUEST_NEEDS)
  return {
    kernel,
    initramfs: initramfs([
      ...base(DOMU_INIT),
      ...GUEST_PROGRAMS.flatMap(programEntries),
      ...moduleEntries(kernel, GUEST_MODULES),
    ]),
  }
}

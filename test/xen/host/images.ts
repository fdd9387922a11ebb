import { readFileSync } from 'node:fs'
import { AGENT_SCRIPT } from '../../../src/lab/guest/agent-script.js'
import { type ArchiveEntry, initramfs } from '../../../src/lab/guest/initramfs.js'
import { findKernel, type Kernel, moduleFiles, readModule } from '../../../src/lab/guest/kernel.js'
import { fileEntry, programEntries } from '../../../src/lab/guest/program-files.js'
import { findTool } from '../../../src/lab/guest/tools.js'

/** Drivers of a driver domain, each after those it needs: virtio for its root and the agent, Xen's devices, TAPs. */
const DOM0_MODULES = [
  'virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console',
  'netfs fscache 9pnet 9pnet_virtio 9p overlay xen_privcmd xenfs xen_gntdev xen_gntalloc xen_evtchn',
  'tun llc stp bridge ipv6',
]
  .join(' ')
  .split(' ')
/** pktgen sends what the bench measures; it does nothing until it is told. */
const GUEST_MODULES = ['ipv6', 'pktgen', 'xen_netfront']
/** busybox has the rest. */
const GUEST_PROGRAMS = ['iperf3', 'ethtool', 'sed']

function script(name: string): Buffer {
  return readFileSync(new URL(name, import.meta.url))
}

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

function base(init: string): ArchiveEntry[] {
  const busybox = findTool('busybox')
  if (!busybox) throw new Error('busybox is not installed; run "apt-get install busybox-static"')
  return [
    ...['busybox', 'dev', 'proc', 'sys', 'tmp', 'run'].map(
      (path): ArchiveEntry => ({ type: 'folder', path }),
    ),
    fileEntry('bin/busybox', busybox.path, true),
    { type: 'link', path: 'bin/sh', target: 'busybox' },
    { type: 'file', path: 'agent.sh', content: Buffer.from(AGENT_SCRIPT) },
    { type: 'file', path: 'init', content: script(init), executable: true },
  ]
}

/** A kernel and its first root file system. */
export interface Image {
  readonly kernel: Kernel
  readonly initramfs: Buffer
}

/** The driver domain: its root is the host's own, so it needs drivers and two scripts. */
export function dom0Image(): Image {
  const kernel = findKernel(['9p', 'xen_netback', 'xen_gntdev'])
  return {
    kernel,
    initramfs: initramfs([
      ...base('dom0-init.sh'),
      ...moduleEntries(kernel, DOM0_MODULES),
      { type: 'file', path: 'dom0-root.sh', content: script('dom0-root.sh') },
    ]),
  }
}

/** A guest, PV or PVH: netfront, busybox, iperf3, ethtool and the agent on its console. */
export function guestImage(): Image {
  const kernel = findKernel(['xen_netfront'])
  return {
    kernel,
    initramfs: initramfs([
      ...base('domu-init.sh'),
      ...GUEST_PROGRAMS.flatMap(programEntries),
      ...moduleEntries(kernel, GUEST_MODULES),
    ]),
  }
}

// Debian's packages that the host tests need: which are missing, and their installation.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from './run.mjs'

/** Kernels, hypervisor and tools of the real guests. */
export const HOST_TEST_PACKAGES = [
  'user-mode-linux',
  'frr',
  'iperf3',
  'tcpdump',
  'tshark',
  'qemu-system-x86',
  'linux-image-cloud-amd64',
  'busybox-static',
  'ethtool',
  'iproute2',
  'procps',
  // The internet without root, addresses for guests; the schema that recipes for libvirt are held against.
  'passt',
  'dnsmasq-base',
  'libvirt0',
  'libxml2-utils',
  // Workloads and peers of the lab, and the browser that opens its reports.
  'nginx-light',
  'wrk',
  'sockperf',
  'nftables',
  'vde2',
  'dpdk-dev',
  'linux-image-amd64',
  'openvswitch-switch',
  'chromium',
  // Checks of the service's units and of the manual pages.
  'systemd',
  'man-db',
  'groff-base',
  'strace',
  // The queue of sweeps over many machines.
  'redis-server',
]

/** @param {string} name */
function isOnPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Why this process cannot install Debian packages here, in a few words; undefined when it can. */
export function whyNoPackages() {
  if (!isOnPath('dpkg-query') || !isOnPath('apt-get'))
    return 'this is not Debian (no dpkg-query or no apt-get)'
  if (process.arch !== 'x64') return `the guests' packages are for x86-64, this machine is ${process.arch}`
  if (process.getuid?.() !== 0) return 'not root'
  return undefined
}

/**
 * Those of `names` that are not fully installed.
 * @param {string[]} names
 * @returns {Promise<string[]>}
 */
export async function missingPackages(names) {
  // dpkg-query fails when it does not know one of the names, and still lists the others.
  const format = ['Package', 'db:Status-Status'].map((field) => `\${${field}}`).join(' ')
  const { output } = await run('dpkg-query', ['-W', '-f', `${format}\\n`, ...names])
  const lines = new Set(output.split('\n'))
  return names.filter((name) => !lines.has(`${name} installed`))
}

/**
 * Installs packages from Debian's archive, waiting for another apt that runs.
 * @param {string[]} names
 * @returns {Promise<string | undefined>} the output of what failed, or undefined
 */
export async function installPackages(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }
  const options = ['-q', '-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=300']
  // An update that fails leaves the lists that were there; the installation shows whether they suffice.
  const update = await run('apt-get', [...options, 'update'], { env })
  const install = await run('apt-get', [...options, 'install', '-y', '--no-install-recommends', ...names], {
    env,
  })
  if (install.code === 0) return undefined
  return (update.code === 0 ? '' : update.output) + install.output
}

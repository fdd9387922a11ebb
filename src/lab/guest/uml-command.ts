import { umlVhostUser } from '../../daemon/guest-nic.js'
import { quote } from '../../daemon/shell-word.js'
import { RingferryError } from '../../errors/errors.js'
import { macOf } from './nic.js'
import type { GuestSpec, NicSpec } from './spec.js'

export interface UmlPaths {
  /** The guest's private folder on the host. */
  readonly workFolder: string
  /** The script that the kernel starts, on the host. */
  readonly initScript: string
}

/** Modules in the order of their needs: virtio-net, IPv6, VLAN. A kernel that has one built in lacks the file. */
const MODULES = [
  'failover',
  'net_failover',
  'virtio_net',
  'crc-ccitt',
  'ipv6',
  'llc',
  'stp',
  'garp',
  'mrp',
  '8021q',
]

function unsupported(spec: GuestSpec, nic: NicSpec): never {
  throw new RingferryError(
    'UNSUPPORTED',
    `guest ${spec.name}: User-Mode Linux has no ${nic.model === 'e1000' ? 'e1000' : nic.transport.type} NIC like this; use a qemu guest`,
  )
}

/**
 * Arguments of linux.uml. The root is the host's own file system, read-only; the kernel prints to standard
 * output; file descriptor 3 is the serial line of the agent.
 * Source: Linux 6.1, arch/um/drivers/{virtio_uml,vector_kern,tuntap_kern,ssl}.c.
 */
export function umlArguments(spec: GuestSpec, paths: UmlPaths): string[] {
  const args = [
    `mem=${spec.memoryMb ?? 256}M`,
    'rootfstype=hostfs',
    'rootflags=/',
    `init=${paths.initScript}`,
    'con=null',
    'con0=null,fd:1',
    'ssl=null',
    'ssl0=fd:3',
    `umid=${spec.name}`,
    `uml_dir=${paths.workFolder}/uml`,
    'quiet',
  ]
  for (const [index, nic] of (spec.nics ?? []).entries()) {
    const { transport } = nic
    if (nic.model === 'e1000') unsupported(spec, nic)
    switch (transport.type) {
      case 'vhost-user':
        if (transport.server) unsupported(spec, nic)
        args.push(umlVhostUser(transport.path))
        break
      case 'tap':
        args.push(
          `vec${index}:transport=tap,ifname=${transport.ifname},depth=${transport.depth ?? 128}` +
            `,gro=${transport.gro === false ? 0 : 1},mac=${macOf(spec, index)}`,
        )
        break
      case 'tuntap':
        args.push(`eth${index}=tuntap,${transport.ifname},${macOf(spec, index)}`)
        break
      case 'vde':
        args.push(`eth${index}=vde,${transport.dir},${macOf(spec, index)}`)
        break
      default:
        unsupported(spec, nic)
    }
  }
  return [...args, ...(spec.extraArguments ?? [])]
}

/** Names of the NICs inside. virtio NICs take the lowest free ethN in turn, the others have fixed names. */
export function umlInterfaces(spec: GuestSpec): string[] {
  const nics = spec.nics ?? []
  const fixed = nics.map(({ transport }, index) =>
    transport.type === 'vhost-user' ? '' : `${transport.type === 'tap' ? 'vec' : 'eth'}${index}`,
  )
  let next = 0
  return fixed.map((name) => {
    if (name) return name
    while (fixed.includes(`eth${next}`)) next++
    return `eth${next++}`
  })
}

export interface UmlInit {
  readonly name: string
  /** Holds `agent.sh`; on the host. */
  readonly workFolder: string
  /** The root of fetched packages on the host, when there are any. */
  readonly fetchedRoot?: string
  /** Library folders below that root, relative to it. */
  readonly fetchedLibraries: readonly string[]
  /** A host folder that keeps its path inside, e.g. this program's own; only needed where a mount of the guest hides it. */
  readonly keptFolder?: string
}

/** Folders of the guest that are its own, fresh at each boot. */
const HIDDEN = /^\/(tmp|run)\//

/**
 * The first program inside. Host folders that the fresh /tmp would hide are mounted before use. Programs of
 * the host come first, then fetched ones, then what busybox has (ip, ping, ... on a bare container).
 */
export function umlInitScript(init: UmlInit): string {
  const lines = [
    '#!/bin/sh',
    // In a user namespace the host's files are nobody's: a set-user-id mount would stop being root.
    '[ -O "$(command -v mount)" ] || mount() { setpriv --no-new-privs mount "$@"; }',
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    'mount -t tmpfs tmpfs /run',
    'mkdir /run/work /run/fetched /run/busybox',
    `mount -t hostfs none /run/work -o ${quote(init.workFolder)}`,
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'modules=/usr/lib/uml/modules',
  ]
  if (init.fetchedRoot)
    lines.push(
      `mount -t hostfs none /run/fetched -o ${quote(init.fetchedRoot)}`,
      'PATH=$PATH:/run/fetched/usr/sbin:/run/fetched/usr/bin:/run/fetched/sbin:/run/fetched/bin',
      `export LD_LIBRARY_PATH=${init.fetchedLibraries.map((folder) => `/run/fetched/${folder}`).join(':')}`,
      '[ -d "$modules/$(uname -r)" ] || modules=/run/fetched/usr/lib/uml/modules',
    )
  const kept =
    init.keptFolder !== undefined && HIDDEN.test(init.keptFolder) ? quote(init.keptFolder) : undefined
  return [
    ...lines,
    'mount -t tmpfs tmpfs /tmp',
    ...(kept === undefined ? [] : [`mkdir -p ${kept} && mount -t hostfs none ${kept} -o ${kept}`]),
    'busybox=$(command -v busybox) && "$busybox" --install -s /run/busybox && PATH=$PATH:/run/busybox',
    'export PATH HOME=/tmp TMPDIR=/tmp',
    `echo ${init.name} >/proc/sys/kernel/hostname`,
    'modules=$modules/$(uname -r)/kernel',
    // A static insmod starts several times faster here than one with libraries.
    'insmod=insmod; [ -z "$busybox" ] || insmod="$busybox insmod"',
    `for module in ${MODULES.join(' ')}; do`,
    '  for file in "$modules"/net/*/"$module".ko "$modules"/drivers/net/"$module".ko "$modules"/lib/"$module".ko; do',
    '    [ ! -e "$file" ] || $insmod "$file"',
    '  done',
    'done',
    'ip link set dev lo up',
    'cd /',
    'stty raw -echo </dev/ttyS0',
    'sh /run/work/agent.sh /run/agent </dev/ttyS0 >/dev/ttyS0',
    'echo o >/proc/sysrq-trigger',
    'sleep 60',
    '',
  ].join('\n')
}

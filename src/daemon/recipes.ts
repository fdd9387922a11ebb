/**
 * How a guest is attached to a port: the exact command, for people and scripts. Measured with User-Mode Linux
 * 6.1, QEMU 7.2, passt and namespaces; cloud-hypervisor as its documentation (docs/networking.md, vhost-user) has it.
 */
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from '../port/config.js'
import { isPassed } from '../sys/passed-socket.js'
import { type QemuLink, qemuNic, qemuSharedMemory, umlVhostUser } from './guest-nic.js'
import { type Described, NOT_RUN, type Recipe, type RecipeKind } from './recipe.js'
import { libvirt } from './recipe-libvirt.js'
import { container, firecracker, netns } from './recipes-by-device.js'
import { shellQuote } from './shell-word.js'

function uml(config: PortConfig): Described | undefined {
  if (config.kind !== 'vif' || config.mode === 'client') return undefined
  return {
    notes: [
      'SCRIPT is the first program of the guest: it mounts /proc and /sys, then loads the driver with insmod:',
      'failover, net_failover and virtio_net, from /usr/lib/uml/modules/$(uname -r)/kernel.',
    ],
    commands: [
      [
        'linux.uml mem=512M rootfstype=hostfs rootflags=/ init=SCRIPT',
        shellQuote(umlVhostUser(config.socket)),
        'con=null con0=fd:0,fd:1 quiet',
      ].join(' '),
    ],
  }
}

/** What QEMU's NIC hangs on, and what to know about it; undefined when QEMU does not attach to such a port. */
function qemuLink(config: PortConfig): { link: QemuLink; note: string } | undefined {
  if (config.kind === 'vif')
    return {
      link: {
        type: 'vhost-user',
        path: config.socket,
        ...(config.mode === 'client' ? { server: true } : { reconnectS: 1 }),
      },
      note: "The guest's memory must be shared; with reconnect=1 it survives a restart of the switch.",
    }
  if (config.kind === 'stream')
    return {
      link: { type: 'stream', path: config.socket, server: config.mode === 'client' },
      note: 'A stream carries plain frames: no offloads. Any NIC model works, for example e1000.',
    }
  if (config.kind === 'dgram')
    return {
      link: { type: 'dgram', path: config.socket, own: config.peer ?? `${config.socket}.guest` },
      note: 'Datagrams carry plain frames: no offloads. Any NIC model works. QEMU does not remove its own socket.',
    }
  if (config.kind === 'tap')
    return {
      link: { type: 'tap', ifname: config.device },
      note: 'Only while no switch has the device open: a TAP with one queue has one owner.',
    }
  return undefined
}

/** @param kvm whether /dev/kvm may be used; without it QEMU needs vectors=0 */
function qemu(config: PortConfig, kvm: boolean): Described | undefined {
  const described = qemuLink(config)
  if (!described) return undefined
  const isVif = config.kind === 'vif'
  const nic = {
    link: described.link,
    mac: isVif ? config.mac : undefined,
    queues: isVif ? (config.queues ?? 1) : 1,
  }
  const memory = ['-object', qemuSharedMemory('m0', '512M'), '-numa', 'node,memdev=m0']
  const words = [...(isVif ? memory : []), ...qemuNic(nic, 0, kvm)]
  return {
    notes: [
      described.note,
      ...(kvm ? [] : ['Without KVM the device needs vectors=0: with MSI-X QEMU crashes at driver start.']),
    ],
    commands: [
      [
        'qemu-system-x86_64',
        kvm ? '-accel kvm -cpu host' : '-accel tcg -cpu max',
        '-machine q35 -m 512 -nographic -kernel KERNEL -initrd INITRD -append "console=ttyS0"',
        ...words.map(shellQuote),
      ].join(' '),
    ],
  }
}

function cloudHypervisor(config: PortConfig): Described | undefined {
  if (config.kind !== 'vif') return undefined
  const queues = config.queues ?? 1
  const net = [
    'vhost_user=true',
    `socket=${config.socket}`,
    `vhost_mode=${config.mode === 'client' ? 'server' : 'client'}`,
    `num_queues=${queues * 2}`,
    'queue_size=256',
    ...(config.mac === undefined ? [] : [`mac=${config.mac}`]),
  ]
  return {
    notes: [NOT_RUN, "The guest's memory must be shared (shared=on)."],
    commands: [
      [
        `cloud-hypervisor --kernel KERNEL --disk path=IMAGE --cpus boot=${queues}`,
        '--memory size=512M,shared=on',
        `--net ${shellQuote(net.join(','))}`,
      ].join(' '),
    ],
  }
}

function passt(config: PortConfig): Described | undefined {
  if (config.kind !== 'stream' || config.mode !== 'client') return undefined
  return {
    notes: [
      'As an ordinary user; as root it becomes nobody, who must be allowed to write into that folder. One guest of the',
      "switch gets an address by DHCP, and reaches what this user reaches. Its gateway is the host's loopback, too.",
      'Whichever is started first waits for the other.',
    ],
    commands: [`passt --foreground --socket ${shellQuote(config.socket)} --no-ra --no-dhcpv6`],
  }
}

/** Kinds of port that a kind of guest attaches to. */
const TAKES: Readonly<Record<RecipeKind, string>> = {
  uml: 'a vif in server mode',
  qemu: 'a vif, stream, dgram or tap',
  'cloud-hypervisor': 'a vif',
  libvirt: 'a vif',
  firecracker: 'a packet port on a TAP',
  passt: 'a stream in client mode',
  netns: 'a tap',
  container: 'a tap',
}

/**
 * The recipe for a guest on a port. Throws UNSUPPORTED when the two do not fit.
 * @param kvm whether /dev/kvm may be used
 */
export function makeRecipe(kind: RecipeKind, config: PortConfig, kvm: boolean): Recipe {
  if ('socket' in config && isPassed(config.socket))
    throw new RingferryError(
      'UNSUPPORTED',
      `port ${config.name}: its socket (${config.socket}) is handed over by whoever starts the switch; give its path: attach --socket PATH`,
    )
  const makers = {
    uml,
    qemu,
    'cloud-hypervisor': cloudHypervisor,
    libvirt,
    firecracker,
    passt,
    netns,
    container,
  }
  const described = makers[kind](config, kvm)
  if (!described) {
    const mode = 'mode' in config && config.mode === 'client' ? ' in client mode' : ''
    throw new RingferryError(
      'UNSUPPORTED',
      `port ${config.name}: ${kind} attaches to ${TAKES[kind]}, and this is a ${config.kind}${mode}`,
    )
  }
  return { port: config.name, kind, ...described }
}

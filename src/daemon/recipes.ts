/**
 * How a guest is attached to a port: the exact command, for people and scripts. Measured with User-Mode Linux
 * 6.1 and QEMU 7.2; cloud-hypervisor as its documentation (docs/networking.md, vhost-user) has it.
 */
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from '../port/config.js'
import { isPassed } from '../sys/passed-socket.js'
import { type QemuLink, qemuNic, qemuSharedMemory, umlVhostUser } from './guest-nic.js'
import { shellQuote } from './shell-word.js'

export const RECIPE_KINDS = ['uml', 'qemu', 'cloud-hypervisor', 'netns'] as const

/** Kinds of guests with a recipe. */
export type RecipeKind = (typeof RECIPE_KINDS)[number]

/** How a guest of one kind gets a NIC on a port: what `ringferry attach` prints. */
export interface Recipe {
  readonly port: string
  readonly kind: RecipeKind
  /** What to know before; lines without "#". */
  readonly notes: readonly string[]
  /** Shell commands, one each; NAMES in capitals are to be replaced. */
  readonly commands: readonly string[]
}

type Described = Omit<Recipe, 'port' | 'kind'>

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
    notes: ["The guest's memory must be shared (shared=on)."],
    commands: [
      [
        `cloud-hypervisor --kernel KERNEL --disk path=IMAGE --cpus boot=${queues}`,
        '--memory size=512M,shared=on',
        `--net ${shellQuote(net.join(','))}`,
      ].join(' '),
    ],
  }
}

function netns(config: PortConfig): Described | undefined {
  if (config.kind !== 'tap') return undefined
  const space = shellQuote(config.name)
  const device = shellQuote(config.device)
  return {
    notes: [
      'As root, while the switch runs: it holds the other end of the TAP. ADDRESS is like 10.0.0.1/24.',
    ],
    commands: [
      `ip netns add ${space}`,
      `ip link set ${device} netns ${space}`,
      `ip -n ${space} addr add ADDRESS dev ${device}`,
      `ip -n ${space} link set lo up`,
      `ip -n ${space} link set ${device} up`,
      `ip netns exec ${space} COMMAND`,
    ],
  }
}

/** Kinds of port that a kind of guest attaches to. */
const TAKES: Readonly<Record<RecipeKind, string>> = {
  uml: 'a vif in server mode',
  qemu: 'a vif, stream, dgram or tap',
  'cloud-hypervisor': 'a vif',
  netns: 'a tap',
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
  const makers = { uml, qemu, 'cloud-hypervisor': cloudHypervisor, netns }
  const described = makers[kind](config, kvm)
  if (!described) {
    const mode = 'mode' in config && config.mode === 'client' ? ' in client mode' : ''
    throw new RingferryError(
      'UNSUPPORTED',
      `port ${config.name}: a ${kind} guest attaches to ${TAKES[kind]}, and this is a ${config.kind}${mode}`,
    )
  }
  return { port: config.name, kind, ...described }
}

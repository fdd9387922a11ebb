/**
 * How a guest is attached to a port: the exact command, for people and scripts. Measured with User-Mode Linux
 * 6.1 and QEMU 7.2; cloud-hypervisor as its documentation (docs/networking.md, vhost-user) has it.
 */
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from '../port/config.js'

export const RECIPE_KINDS = ['uml', 'qemu', 'cloud-hypervisor', 'netns'] as const
export type RecipeKind = (typeof RECIPE_KINDS)[number]

export interface Recipe {
  readonly port: string
  readonly kind: RecipeKind
  /** What to know before; lines without "#". */
  readonly notes: readonly string[]
  /** Shell commands, one each; NAMES in capitals are to be replaced. */
  readonly commands: readonly string[]
}

type Described = Omit<Recipe, 'port' | 'kind'>

/** A word of a POSIX shell command. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_/.:,=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

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
        shellQuote(`virtio_uml.device=${config.socket}:1`),
        'con=null con0=fd:0,fd:1 quiet',
      ].join(' '),
    ],
  }
}

/** @param kvm whether /dev/kvm may be used; without it QEMU needs vectors=0 */
function qemu(config: PortConfig, kvm: boolean): Described | undefined {
  const base = [
    'qemu-system-x86_64',
    kvm ? '-accel kvm -cpu host' : '-accel tcg -cpu max',
    '-machine q35 -m 512 -nographic -kernel KERNEL -initrd INITRD -append "console=ttyS0"',
  ]
  const notes = kvm
    ? []
    : ['Without KVM the device needs vectors=0: with MSI-X QEMU crashes at driver start.']
  const device = (mac: string | undefined, queues: number): string =>
    [
      'virtio-net-pci,netdev=n0',
      ...(mac === undefined ? [] : [`mac=${mac}`]),
      ...(queues > 1 ? ['mq=on'] : []),
      ...(kvm ? [] : ['vectors=0']),
    ].join(',')
  if (config.kind === 'vif') {
    const queues = config.queues ?? 1
    const chardev =
      config.mode === 'client'
        ? `socket,id=c0,path=${config.socket},server=on,wait=off`
        : `socket,id=c0,path=${config.socket},reconnect=1`
    return {
      notes: [
        "The guest's memory must be shared; with reconnect=1 it survives a restart of the switch.",
        ...notes,
      ],
      commands: [
        [
          ...base,
          '-object memory-backend-memfd,id=m0,size=512M,share=on -numa node,memdev=m0',
          `-chardev ${shellQuote(chardev)}`,
          `-netdev vhost-user,id=n0,chardev=c0${queues > 1 ? `,queues=${queues}` : ''}`,
          `-device ${device(config.mac, queues)}`,
        ].join(' '),
      ],
    }
  }
  if (config.kind === 'stream') {
    const server = config.mode === 'client' ? 'on' : 'off'
    return {
      notes: [
        'A stream carries plain frames: no offloads. Any NIC model works, for example e1000.',
        ...notes,
      ],
      commands: [
        [
          ...base,
          `-netdev ${shellQuote(`stream,id=n0,server=${server},addr.type=unix,addr.path=${config.socket}`)}`,
          `-device ${device(undefined, 1)}`,
        ].join(' '),
      ],
    }
  }
  if (config.kind === 'tap')
    return {
      notes: ['Only while no switch has the device open: a TAP with one queue has one owner.', ...notes],
      commands: [
        [
          ...base,
          `-netdev tap,id=n0,ifname=${config.device},script=no,downscript=no`,
          `-device ${device(undefined, 1)}`,
        ].join(' '),
      ],
    }
  return undefined
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
  qemu: 'a vif, stream or tap',
  'cloud-hypervisor': 'a vif',
  netns: 'a tap',
}

/**
 * The recipe for a guest on a port. Throws UNSUPPORTED when the two do not fit.
 * @param kvm whether /dev/kvm may be used
 */
export function makeRecipe(kind: RecipeKind, config: PortConfig, kvm: boolean): Recipe {
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

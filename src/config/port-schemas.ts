/** What a port of each kind may be configured with. What the whole file may contain: schema.ts. */
import { z } from 'zod'
import { VIF_DEFAULTS } from '../control/defaults.js'
import { MAX_FDB_ENTRIES, MAX_LEARN_ND, MAX_PORTS, MAX_QUEUE_PAIRS } from '../core/layout.js'
import {
  type DgramConfig,
  type PacketConfig,
  PUBLISH_MODES,
  RESERVED_GROUP_MODES,
  type StreamConfig,
  type TapConfig,
  type VifConfig,
  type VxlanConfig,
  type XenConfig,
} from '../port/config.js'
import { MAX_SOURCE_PORTS, MAX_STATIC_PEERS, MAX_VNI, VXLAN_UDP_PORT } from '../port/vxlan-settings.js'
import type { SocketAccess } from '../sys/socket-access.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../virtio/virtio.js'

const FEATURES = [...Object.keys(VIRTIO_NET_F), ...Object.keys(VIRTIO_F)] as [string, ...string[]]

const vlan = z.int().min(1).max(4094)
export const flag = z.boolean()

/** A path of a Unix socket: 107 bytes is what the kernel takes. */
export const socketPath = z.string().min(1).max(107).meta({
  description:
    'Path of the Unix socket. fd:3 or fd:NAME: one that whoever starts the switch hands over, listening',
})
/** Who may connect to a socket that is listened on. */
export const access = {
  socketMode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'a mode is written in octal and in quotes, "0660"')
    .exactOptional()
    .meta({
      description:
        'Mode of the socket in octal, "0660". Default: as the umask says; of the control socket 0660',
    }),
  socketOwner: z.string().min(1).exactOptional().meta({ description: "The socket's owner: name or number" }),
  socketGroup: z.string().min(1).exactOptional().meta({ description: "The socket's group: name or number" }),
} satisfies Shape<SocketAccess>
/** A network device's name: 15 bytes is what the kernel takes. */
const deviceName = z
  .string()
  .regex(/^[^\s/:]{1,15}$/, 'a device name has 1 to 15 characters without blank, "/" and ":"')

const macAddress = z
  .string()
  .regex(
    /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i,
    'write a unicast MAC address like "02:00:00:00:00:01" (in quotes)',
  )

/** A limit on one direction, in libvirt's units. */
export const rateSchema = z.strictObject({
  averageKiB: z.int().min(1).exactOptional().meta({
    description: 'Average rate in KiB per second; what exceeds it waits',
  }),
  peakKiB: z.int().min(1).exactOptional().meta({ description: 'Highest rate of a burst in KiB per second' }),
  burstKiB: z.int().min(1).exactOptional().meta({
    description: 'Amount that may pass beyond the average, in KiB. Default one second of it',
  }),
  framesPerSecond: z.int().min(1).exactOptional().meta({
    description: 'Frames per second; a super-frame counts as the segments that it is on the wire',
  }),
})

/** How a guarded port learns what its guest may use. */
export const learnSchema = z.strictObject({
  dhcp: flag
    .exactOptional()
    .meta({ description: 'From DHCP answers of ports that are not held to addresses' }),
  nd: z.array(z.string()).min(1).max(MAX_LEARN_ND).exactOptional().meta({
    description: 'From duplicate address detection, within these IPv6 prefixes or "any-link-local"',
  }),
})

const every = {
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/, 'a name has up to 32 letters, digits, "-", "_" and "."'),
  publish: z.enum(PUBLISH_MODES).exactOptional().meta({
    description:
      'When frames are published to the receiver: natural, once a burst; per-packet, each. Default: the policy',
  }),
  vlan: vlan.exactOptional().meta({ description: 'Access port: untagged frames of this VLAN' }),
  trunk: z.array(vlan).exactOptional().meta({ description: 'Trunk: the VLANs that cross tagged' }),
  nativeVlan: z.int().min(0).max(4094).exactOptional().meta({
    description:
      'Trunk: VLAN of untagged frames; 0: that of ports without vlan and trunk. Default: they are dropped',
  }),
  mirror: z.array(z.string()).min(1).max(MAX_PORTS).exactOptional().meta({
    description: 'Mirror port: it gets copies of what enters and leaves by these ports, nothing else',
  }),
  isolated: flag.exactOptional().meta({ description: 'Isolated ports do not reach each other' }),
  maxAddresses: z
    .int()
    .min(1)
    .max(MAX_FDB_ENTRIES)
    .exactOptional()
    .meta({ description: 'Most addresses learned here. Default 4096' }),
  reservedGroups: z.enum(RESERVED_GROUP_MODES).exactOptional().meta({
    description:
      'Frames to 01:80:C2:00:00:0x: drop; stp, only those of the spanning tree cross; all, all but PAUSE. Default drop',
  }),
  sticky: flag.exactOptional().meta({
    description: 'Whether addresses heard here stay here while they live; other ports may not use them',
  }),
  mtu: z.int().min(68).max(65535).exactOptional().meta({
    description:
      'Largest IP packet in bytes from and to the port, segments of GSO frames included; longer ones are dropped',
  }),
  merge: flag
    .exactOptional()
    .meta({ description: 'Whether segments toward the port become one. Default true' }),
  thinAcks: flag.exactOptional().meta({
    description: 'Whether of consecutive pure acknowledgements only the last is delivered. Default false',
  }),
  macs: z
    .array(z.string())
    .min(1)
    .max(16)
    .exactOptional()
    .meta({ description: 'Source MAC addresses that the port may use; left out: any' }),
  addresses: z.array(z.string()).min(1).max(33).exactOptional().meta({
    description:
      'IPv4 and IPv6 source addresses and prefixes that the port may use, "link-local" and "any-link-local"; left out: any',
  }),
  learn: learnSchema
    .exactOptional()
    .meta({ description: 'From what the addresses of the guest are learned' }),
  fromVm: rateSchema
    .exactOptional()
    .meta({ description: 'Rate of what the VM sends; it waits, see docs/limits.md' }),
  toVm: rateSchema
    .exactOptional()
    .meta({ description: 'Rate of what is sent to the VM; it waits, see docs/limits.md' }),
  stormFps: z.int().min(0).exactOptional().meta({
    description:
      'Flooded frames per second from the port: broadcast, multicast, unknown unicast; 0: no limit. Default 10000',
  }),
}

const target = {
  targetUs: z
    .number()
    .positive()
    .exactOptional()
    .meta({
      description: `p99 in microseconds from arrival to publication that is accepted. Default ${VIF_DEFAULTS.targetUs}`,
    }),
  weight: z
    .number()
    .positive()
    .exactOptional()
    .meta({ description: `Share of the engine's core. Default ${VIF_DEFAULTS.weight}` }),
}

const mode = z.enum(['server', 'client']).exactOptional().meta({
  description: 'server: Ringferry listens; client: it connects and tries again',
})
const queues = z.int().min(1).max(MAX_QUEUE_PAIRS).exactOptional().meta({ description: 'Queue pairs' })
const offloads = flag.exactOptional().meta({ description: 'Whether offloaded frames may cross' })

/** Every setting of a kind, so that a new one cannot be forgotten here. */
export type Shape<Config> = Record<keyof Config, z.ZodType>

const vif = z.strictObject({
  kind: z.literal('vif'),
  ...every,
  ...target,
  socket: socketPath,
  ...access,
  mode,
  queues,
  mac: macAddress
    .exactOptional()
    .meta({ description: 'The address that the guest is told. Default: whatever the VMM gives it' }),
  control: flag
    .exactOptional()
    .meta({ description: 'Whether the control queue with its filters is offered' }),
  withhold: z
    .array(z.enum(FEATURES))
    .exactOptional()
    .meta({ description: 'Virtio features that are not offered' }),
} satisfies Shape<VifConfig>)
const tap = z.strictObject({
  kind: z.literal('tap'),
  ...every,
  device: deviceName,
  queues,
  offloads,
} satisfies Shape<TapConfig>)
const packet = z.strictObject({
  kind: z.literal('packet'),
  ...every,
  device: deviceName,
  offloads,
} satisfies Shape<PacketConfig>)
const stream = z.strictObject({
  kind: z.literal('stream'),
  ...every,
  socket: socketPath,
  ...access,
  mode,
} satisfies Shape<StreamConfig>)
const dgram = z.strictObject({
  kind: z.literal('dgram'),
  ...every,
  socket: socketPath,
  ...access,
  peer: z
    .string()
    .min(1)
    .max(107)
    .exactOptional()
    .meta({ description: "Path of the peer's socket. Default: whoever sends first, until it goes" }),
} satisfies Shape<DgramConfig>)
const vxlan = z.strictObject({
  kind: z.literal('vxlan'),
  ...every,
  local: z
    .string()
    .min(1)
    .meta({ description: "This host's address for the tunnel, IPv4 or IPv6, on one of its devices" }),
  vni: z
    .int()
    .min(0)
    .max(MAX_VNI)
    .meta({ description: 'Number of the network; frames of others do not cross' }),
  udpPort: z
    .int()
    .min(1)
    .max(65_535)
    .exactOptional()
    .meta({ description: `UDP port on which this host and its peers listen. Default ${VXLAN_UDP_PORT}` }),
  peers: z.array(z.string()).max(MAX_STATIC_PEERS).exactOptional().meta({
    description: 'Addresses of the other hosts: they are heard, and get flooded frames',
  }),
  learnPeers: flag.exactOptional().meta({
    description: 'Whether a MAC address is looked for at the peer that it was heard from last. Default true',
  }),
  anyPeer: flag
    .exactOptional()
    .meta({ description: 'Whether hosts that are not in peers are heard, and answered. Default false' }),
  ttl: z
    .int()
    .min(1)
    .max(255)
    .exactOptional()
    .meta({ description: "Hops that the datagrams may make. Default: the kernel's, 64" }),
  sourcePorts: z
    .int()
    .min(1)
    .max(MAX_SOURCE_PORTS)
    .exactOptional()
    .meta({ description: 'UDP source ports over which flows are spread. Default 4' }),
} satisfies Shape<VxlanConfig>)

const xen = z.strictObject({
  kind: z.literal('xen'),
  ...every,
  ...target,
  guest: z.string().min(1).max(128).meta({
    description: 'Name of the guest whose vif the port takes, or "any"; only the first domain may read names',
  }),
  handle: z
    .int()
    .min(0)
    .max(65_535)
    .exactOptional()
    .meta({ description: "Place of the vif in the guest's vif = [...], from 0. Default: any" }),
  guestMac: macAddress
    .exactOptional()
    .meta({ description: 'MAC address of the vif that the port takes. Default: any' }),
  ownMac: flag
    .exactOptional()
    .meta({ description: 'Whether the guest is held to the MAC address of its vif. Default false' }),
  queues,
  offloads,
} satisfies Shape<XenConfig>)

/** The kinds of port that can be configured; `embedded` ones are made by programs. */
export const PORT_SCHEMAS = { vif, tap, packet, stream, dgram, vxlan, xen } as const
export type ConfigurableKind = keyof typeof PORT_SCHEMAS
export const PORT_KINDS = Object.keys(PORT_SCHEMAS) as ConfigurableKind[]

export const portSchema = z.discriminatedUnion('kind', [vif, tap, packet, stream, dgram, vxlan, xen])

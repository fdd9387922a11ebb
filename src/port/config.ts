/** What a port is made from. The configuration file and the command line produce these; see src/daemon. */

import type { SocketAccess } from '../sys/socket-access.js'
import type { GuardSettings } from './guard.js'
import type { RateLimitSettings } from './rate-limits.js'

export const PUBLISH_MODES = ['natural', 'per-packet'] as const

/** `natural`: at the end of every burst; `per-packet`: frame by frame. */
export type PublishMode = (typeof PUBLISH_MODES)[number]

/**
 * What happens to frames to 01:80:C2:00:00:00 to 0F, which are for the bridges of one link (IEEE 802.1Q, 8.6.3). stp: those
 * of the spanning tree (:00) alone, as Linux bridges without STP do; all: all but :01 (PAUSE).
 */
export const RESERVED_GROUP_MODES = ['drop', 'stp', 'all'] as const

/** What a port does with frames to reserved group addresses. */
export type ReservedGroups = (typeof RESERVED_GROUP_MODES)[number]

/** Settings of every port, whatever its kind. */
export interface PortSettings extends GuardSettings, RateLimitSettings {
  readonly name: string
  /** When frames written into the receiver's ring are published. Default: as the policy of the engine decides. */
  readonly publish?: PublishMode
  /** Access port: untagged frames of this VLAN (1 to 4094). Its receiver sees no tag, its sender may use none. */
  readonly vlan?: number
  /** Trunk: the VLANs that cross tagged. Without vlan and trunk, frames of every VLAN cross as they are. */
  readonly trunk?: readonly number[]
  /**
   * Trunk: VLAN of untagged frames. Default: they are dropped. 0: the one that ports without vlan and trunk are in.
   */
  readonly nativeVlan?: number
  /**
   * Mirror port: it is sent a copy of whatever enters or leaves the switch by these ports, and nothing else. What comes
   * from it is dropped.
   */
  readonly mirror?: readonly string[]
  /** Isolated ports do not reach each other. */
  readonly isolated?: boolean
  /** Most addresses learned on this port. Default 4096. */
  readonly maxAddresses?: number
  /** Which frames to group addresses of 802.1D cross between ports that both let them. Default drop. */
  readonly reservedGroups?: ReservedGroups
  /** Addresses heard on this port stay here until they are silent or its peer goes; others may not use them. Default false. */
  readonly sticky?: boolean
  /**
   * Whether segments of a flow toward the port may become one GSO frame, if its receiver takes them. Default true, but
   * for a mirror port.
   */
  readonly merge?: boolean
  /** Whether consecutive pure TCP acknowledgements of a flow toward the port may become the last of them. Default false. */
  readonly thinAcks?: boolean
  /**
   * Largest IP packet in bytes that the port may send and is sent, segments of GSO frames included; longer ones are
   * dropped. One VLAN tag is not counted. A vif offers it to its guest, a TAP's device gets it. Default: no limit.
   */
  readonly mtu?: number
}

/** How late a frame may be for a guest, and its share of the engine. */
export interface VifTargetSettings {
  /** p99 of the time from arrival to publication that the guest's user accepts, in microseconds. Default 500. */
  readonly targetUs?: number
  /** Share of the engine's core relative to other vifs. Default 1. */
  readonly weight?: number
}

/** A guest's NIC over vhost-user. */
export interface VifConfig extends PortSettings, VifTargetSettings, SocketAccess {
  readonly kind: 'vif'
  readonly socket: string
  /** server: Ringferry listens; client: it connects and retries. Default server. */
  readonly mode?: 'server' | 'client'
  /** Queue pairs offered. Default 1; more offer MQ and the control queue. */
  readonly queues?: number
  /** MAC address offered to the guest, "02:00:00:00:00:01". Default: the guest's own. */
  readonly mac?: string
  /** Whether the control queue with its filters is offered. Default: only with several queues. */
  readonly control?: boolean
  /** Feature names (VIRTIO_NET_F without prefix, e.g. "GUEST_TSO4") taken out of the offer. */
  readonly withhold?: readonly string[]
}

/** A TAP device. It is created unless it exists. */
export interface TapConfig extends PortSettings {
  readonly kind: 'tap'
  readonly device: string
  readonly queues?: number
  /** Whether the kernel may hand over and take offloaded frames. Default true. */
  readonly offloads?: boolean
}

/** A host NIC, by AF_PACKET. */
export interface PacketConfig extends PortSettings {
  readonly kind: 'packet'
  readonly device: string
  readonly offloads?: boolean
}

/** QEMU's `-netdev stream` and passt: a 4-byte big-endian length before each frame on a Unix socket. */
export interface StreamConfig extends PortSettings, SocketAccess {
  readonly kind: 'stream'
  readonly socket: string
  readonly mode?: 'server' | 'client'
}

/** QEMU's `-netdev dgram`, vfkit and krunkit: one frame a datagram, on Unix datagram sockets. */
export interface DgramConfig extends PortSettings, SocketAccess {
  readonly kind: 'dgram'
  /** Path of our socket, where the peer sends to. */
  readonly socket: string
  /** Path of the peer's socket. Default: whoever sends first, until it goes. */
  readonly peer?: string
}

/** A tunnel to other hosts: VXLAN (RFC 7348) over UDP. */
export interface VxlanConfig extends PortSettings {
  readonly kind: 'vxlan'
  /** This host's address for the tunnel, IPv4 or IPv6, on one of its devices. */
  readonly local: string
  /** Number of the network, 0 to 16777215: what has another does not cross. */
  readonly vni: number
  /** Where this host and its peers listen. Default 4789. */
  readonly udpPort?: number
  /** Addresses of the other hosts: they are heard, and get flooded frames. */
  readonly peers?: readonly string[]
  /** Whether a MAC address is looked for where it was heard last. Default true; false: every frame goes to every peer. */
  readonly learnPeers?: boolean
  /** Whether hosts that are not in `peers` are heard, and answered. Default false. */
  readonly anyPeer?: boolean
  /** Hops that the datagrams may make. Default: the kernel's. */
  readonly ttl?: number
  /** Source ports over which flows are spread. Default 4. */
  readonly sourcePorts?: number
}

/**
 * A guest's NIC under Xen, where this is the guest's driver domain: any vif that the toolstack gave to this domain and that
 * is described here, one at a time.
 */
export interface XenConfig extends PortSettings, VifTargetSettings {
  readonly kind: 'xen'
  /** Name of the guest, or "any". Only the first domain may read names. */
  readonly guest: string
  /** Place in the guest's `vif = [...]`, from 0. Default: any. */
  readonly handle?: number
  /** The vif's MAC address, "00:16:3e:00:00:01". Default: any. */
  readonly guestMac?: string
  /** Whether the guest is held to the MAC address of its vif. Default false. */
  readonly ownMac?: boolean
  /** Most queues offered. Default 1. */
  readonly queues?: number
  /** Whether GSO and checksum offloads are offered. Default true. */
  readonly offloads?: boolean
}

/** A frontend in this process, on the other end of a socket pair whose descriptor is given. */
export interface EmbeddedConfig extends PortSettings, VifTargetSettings {
  readonly kind: 'embedded'
  /** Connected vhost-user socket; the port owns it from now on. */
  readonly fd: number
  readonly queues?: number
  readonly control?: boolean
  readonly withhold?: readonly string[]
}

/** A port of any kind, as configured. */
export type PortConfig =
  | VifConfig
  | TapConfig
  | PacketConfig
  | StreamConfig
  | DgramConfig
  | VxlanConfig
  | XenConfig
  | EmbeddedConfig

/** Kinds of ports. */
export type PortKind = PortConfig['kind']

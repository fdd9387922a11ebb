/**
 * The words of virtio and virtio-net that the driver side and the device side share: feature bits as
 * masks, the packet header, the control queue, the configuration space.
 * Source: virtio 1.3, sections 2.7 (split rings), 5.1 (network device), 6 (reserved feature bits).
 */

/** Features of the transport and the ring (virtio 1.3, 6), and two bits that vhost defines. */
export const VIRTIO_F = {
  NOTIFY_ON_EMPTY: 1n << 24n,
  VHOST_F_LOG_ALL: 1n << 26n,
  ANY_LAYOUT: 1n << 27n,
  INDIRECT_DESC: 1n << 28n,
  EVENT_IDX: 1n << 29n,
  VHOST_USER_F_PROTOCOL_FEATURES: 1n << 30n,
  VERSION_1: 1n << 32n,
  ACCESS_PLATFORM: 1n << 33n,
  RING_PACKED: 1n << 34n,
  IN_ORDER: 1n << 35n,
  ORDER_PLATFORM: 1n << 36n,
  SR_IOV: 1n << 37n,
  NOTIFICATION_DATA: 1n << 38n,
  NOTIF_CONFIG_DATA: 1n << 39n,
  RING_RESET: 1n << 40n,
} as const

/** Features of the network device (virtio 1.3, 5.1.3). */
export const VIRTIO_NET_F = {
  CSUM: 1n << 0n,
  GUEST_CSUM: 1n << 1n,
  CTRL_GUEST_OFFLOADS: 1n << 2n,
  MTU: 1n << 3n,
  MAC: 1n << 5n,
  GUEST_TSO4: 1n << 7n,
  GUEST_TSO6: 1n << 8n,
  GUEST_ECN: 1n << 9n,
  GUEST_UFO: 1n << 10n,
  HOST_TSO4: 1n << 11n,
  HOST_TSO6: 1n << 12n,
  HOST_ECN: 1n << 13n,
  HOST_UFO: 1n << 14n,
  MRG_RXBUF: 1n << 15n,
  STATUS: 1n << 16n,
  CTRL_VQ: 1n << 17n,
  CTRL_RX: 1n << 18n,
  CTRL_VLAN: 1n << 19n,
  CTRL_RX_EXTRA: 1n << 20n,
  GUEST_ANNOUNCE: 1n << 21n,
  MQ: 1n << 22n,
  CTRL_MAC_ADDR: 1n << 23n,
  NOTF_COAL: 1n << 53n,
  GUEST_USO4: 1n << 54n,
  GUEST_USO6: 1n << 55n,
  HOST_USO: 1n << 56n,
  HASH_REPORT: 1n << 57n,
  GUEST_HDRLEN: 1n << 59n,
  RSS: 1n << 60n,
  RSC_EXT: 1n << 61n,
  STANDBY: 1n << 62n,
  SPEED_DUPLEX: 1n << 63n,
} as const

/** struct virtio_net_hdr: `flags` (virtio 1.3, 5.1.6). */
export const VIRTIO_NET_HDR_F = { NEEDS_CSUM: 1, DATA_VALID: 2, RSC_INFO: 4 } as const

/** struct virtio_net_hdr: `gso_type`; ECN is or-ed onto a TCP type. */
export const VIRTIO_NET_HDR_GSO = { NONE: 0, TCPV4: 1, UDP: 3, TCPV6: 4, UDP_L4: 5, ECN: 0x80 } as const

/** Offsets of the header's fields in bytes, little endian; NUM_BUFFERS only in the 12-byte header. */
export const NET_HEADER = {
  FLAGS: 0,
  GSO_TYPE: 1,
  HDR_LEN: 2,
  GSO_SIZE: 4,
  CSUM_START: 6,
  CSUM_OFFSET: 8,
  NUM_BUFFERS: 10,
} as const

/** Bytes of the packet header for negotiated features: 12, or 10 for a legacy driver without mergeable buffers. */
export function netHeaderBytes(features: bigint): 10 | 12 {
  return (features & (VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MRG_RXBUF)) === 0n ? 10 : 12
}

/** Classes of control commands (virtio 1.3, 5.1.6.5). */
export const VIRTIO_NET_CTRL = {
  RX: 0,
  MAC: 1,
  VLAN: 2,
  ANNOUNCE: 3,
  MQ: 4,
  GUEST_OFFLOADS: 5,
  NOTF_COAL: 6,
} as const

export const VIRTIO_NET_CTRL_RX = {
  PROMISC: 0,
  ALLMULTI: 1,
  ALLUNI: 2,
  NOMULTI: 3,
  NOUNI: 4,
  NOBCAST: 5,
} as const
export const VIRTIO_NET_CTRL_MAC = { TABLE_SET: 0, ADDR_SET: 1 } as const
export const VIRTIO_NET_CTRL_VLAN = { ADD: 0, DEL: 1 } as const
export const VIRTIO_NET_CTRL_ANNOUNCE = { ACK: 0 } as const
export const VIRTIO_NET_CTRL_MQ = { VQ_PAIRS_SET: 0, RSS_CONFIG: 1, HASH_CONFIG: 2 } as const
export const VIRTIO_NET_CTRL_GUEST_OFFLOADS = { SET: 0 } as const
export const VIRTIO_NET_CTRL_NOTF_COAL = { TX_SET: 0, RX_SET: 1 } as const

/** The device's answer to a control command. */
export const VIRTIO_NET_OK = 0
export const VIRTIO_NET_ERR = 1

/** Offsets in the configuration space in bytes (virtio 1.3, 5.1.4), little endian. */
export const NET_CONFIG = {
  MAC: 0,
  STATUS: 6,
  MAX_VIRTQUEUE_PAIRS: 8,
  MTU: 10,
  SPEED: 12,
  DUPLEX: 16,
  BYTES: 17,
} as const

/** Bits of the configuration field `status`. */
export const VIRTIO_NET_S = { LINK_UP: 1, ANNOUNCE: 2 } as const

/** Bits of the device status (virtio 1.3, 2.1). */
export const VIRTIO_STATUS = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  DEVICE_NEEDS_RESET: 64,
  FAILED: 128,
} as const

/** Descriptor flags and the suppression flags of the rings (virtio 1.3, 2.7.5 to 2.7.8). */
export const VIRTQ_DESC_F = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const
export const VIRTQ_AVAIL_F_NO_INTERRUPT = 1
export const VIRTQ_USED_F_NO_NOTIFY = 1
export const DESCRIPTOR_BYTES = 16

/** The largest split ring. Source: virtio 1.3, 2.7. */
export const MAX_VRING_SIZE = 32768

/**
 * Whether `event` lies in [oldIdx, newIdx) on the u16 circle: the other side wants a notification.
 * Source: virtio 1.3, 2.7.7.2 and 2.7.10.
 */
export function needEvent(event: number, newIdx: number, oldIdx: number): boolean {
  return ((newIdx - event - 1) & 0xffff) < ((newIdx - oldIdx) & 0xffff)
}

const FEATURE_NAMES: readonly (readonly [string, bigint])[] = [
  ...Object.entries(VIRTIO_NET_F),
  ...Object.entries(VIRTIO_F),
].sort(([, a], [, b]) => (a < b ? -1 : 1))

/** The names of the set bits, lowest first; unknown ones as "bit 42". */
export function featureNames(features: bigint): string[] {
  const names: string[] = []
  let rest = features
  for (const [name, mask] of FEATURE_NAMES)
    if ((rest & mask) !== 0n) {
      names.push(name)
      rest &= ~mask
    }
  for (let bit = 0; rest !== 0n; bit++, rest >>= 1n) if ((rest & 1n) !== 0n) names.push(`bit ${bit}`)
  return names
}

/** Which virtio features a vif offers, and what the negotiated ones let its guest and its receivers do. */

import { TAKE_CSUM, TAKE_ECN, TAKE_TSO4, TAKE_TSO6, TAKE_USO4, TAKE_USO6 } from '../../core/layout.js'
import { RingferryError } from '../../errors/errors.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../virtio/virtio.js'
import type { EmbeddedConfig, VifConfig } from '../config.js'

/** Offered to every guest unless withheld: what the kernels of UML 6.1 and QEMU guests handle well. */
const ALWAYS =
  VIRTIO_NET_F.CSUM |
  VIRTIO_NET_F.GUEST_CSUM |
  VIRTIO_NET_F.GUEST_TSO4 |
  VIRTIO_NET_F.GUEST_TSO6 |
  VIRTIO_NET_F.GUEST_ECN |
  VIRTIO_NET_F.HOST_TSO4 |
  VIRTIO_NET_F.HOST_TSO6 |
  VIRTIO_NET_F.HOST_ECN |
  VIRTIO_NET_F.GUEST_USO4 |
  VIRTIO_NET_F.GUEST_USO6 |
  VIRTIO_NET_F.HOST_USO |
  VIRTIO_NET_F.MRG_RXBUF |
  VIRTIO_F.INDIRECT_DESC |
  VIRTIO_F.VHOST_F_LOG_ALL |
  VIRTIO_F.EVENT_IDX |
  VIRTIO_F.ANY_LAYOUT |
  VIRTIO_F.VERSION_1
/** Offered with `control` or several queues: some guest kernels (UML 6.1) do not survive these. */
const CONTROL =
  VIRTIO_NET_F.CTRL_VQ |
  VIRTIO_NET_F.CTRL_RX |
  VIRTIO_NET_F.CTRL_RX_EXTRA |
  VIRTIO_NET_F.CTRL_VLAN |
  VIRTIO_NET_F.CTRL_MAC_ADDR |
  VIRTIO_NET_F.CTRL_GUEST_OFFLOADS |
  VIRTIO_NET_F.NOTF_COAL |
  VIRTIO_NET_F.GUEST_ANNOUNCE |
  VIRTIO_NET_F.STATUS |
  VIRTIO_NET_F.SPEED_DUPLEX

type Offloads = readonly (readonly [feature: bigint, offload: number])[]

/** Offloads that a guest's receiver takes / its sender may use, by negotiated feature. */
const TAKES: Offloads = [
  [VIRTIO_NET_F.GUEST_CSUM, TAKE_CSUM],
  [VIRTIO_NET_F.GUEST_TSO4, TAKE_TSO4],
  [VIRTIO_NET_F.GUEST_TSO6, TAKE_TSO6],
  [VIRTIO_NET_F.GUEST_ECN, TAKE_ECN],
  [VIRTIO_NET_F.GUEST_USO4, TAKE_USO4],
  [VIRTIO_NET_F.GUEST_USO6, TAKE_USO6],
]
const SENDS: Offloads = [
  [VIRTIO_NET_F.CSUM, TAKE_CSUM],
  [VIRTIO_NET_F.HOST_TSO4, TAKE_TSO4],
  [VIRTIO_NET_F.HOST_TSO6, TAKE_TSO6],
  [VIRTIO_NET_F.HOST_ECN, TAKE_ECN],
  [VIRTIO_NET_F.HOST_USO, TAKE_USO4 | TAKE_USO6],
]
/** The features that a driver may change while it runs (CTRL_GUEST_OFFLOADS). */
export const GUEST_OFFLOADS = TAKES.reduce((mask, [feature]) => mask | feature, 0n)

function offloads(features: bigint, table: Offloads): number {
  return table.reduce((mask, [feature, offload]) => ((features & feature) !== 0n ? mask | offload : mask), 0)
}

/** Offloads (TAKE_*) that a guest with these features takes. */
export function takenOffloads(features: bigint): number {
  return offloads(features, TAKES)
}

/** Offloads (TAKE_*) that a guest with these features may use when it sends. */
export function sentOffloads(features: bigint): number {
  return offloads(features, SENDS)
}

/** The virtio features that a vif offers, whatever its session adds. Throws CONFIG when an unknown one is withheld. */
export function offeredFeatures(config: VifConfig | EmbeddedConfig, queuePairs: number): bigint {
  let offer = ALWAYS
  if (queuePairs > 1) offer |= VIRTIO_NET_F.MQ
  if (config.control ?? queuePairs > 1) offer |= CONTROL
  if (config.kind === 'vif' && config.mac !== undefined) offer |= VIRTIO_NET_F.MAC
  if (config.mtu !== undefined) offer |= VIRTIO_NET_F.MTU
  for (const name of config.withhold ?? []) {
    const bit = { ...VIRTIO_NET_F, ...VIRTIO_F }[name as keyof typeof VIRTIO_NET_F]
    if (bit === undefined)
      throw new RingferryError(
        'CONFIG',
        `port ${config.name}: withhold: no feature is named ${name}; give names like GUEST_TSO4`,
      )
    offer &= ~bit
  }
  return offer
}

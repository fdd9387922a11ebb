import { NET_CONFIG, VIRTIO_NET_S } from '../../virtio/virtio.js'

const SPEED_MBPS = 100_000
const FULL_DUPLEX = 1

/** What a driver reads in the device's configuration space. */
export interface NetConfig {
  /** 6 bytes. */
  readonly mac: Uint8Array
  readonly queuePairs: number
  /** Largest IP packet in bytes; 0: not said. */
  readonly mtu: number
}

/** A part of the configuration space in bytes; zeros beyond its end. Source: virtio 1.3, 5.1.4. */
export function readNetConfig(config: NetConfig, offset: number, sizeBytes: number): Uint8Array {
  const space = new Uint8Array(NET_CONFIG.BYTES)
  const data = new DataView(space.buffer)
  space.set(config.mac, NET_CONFIG.MAC)
  data.setUint16(NET_CONFIG.STATUS, VIRTIO_NET_S.LINK_UP, true)
  data.setUint16(NET_CONFIG.MAX_VIRTQUEUE_PAIRS, config.queuePairs, true)
  data.setUint16(NET_CONFIG.MTU, config.mtu, true)
  data.setUint32(NET_CONFIG.SPEED, SPEED_MBPS, true)
  data.setUint8(NET_CONFIG.DUPLEX, FULL_DUPLEX)
  const result = new Uint8Array(sizeBytes)
  result.set(space.subarray(offset, offset + sizeBytes))
  return result
}

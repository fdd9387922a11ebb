import type { PortRow } from '../../core/port-row.js'
import { NET_CONFIG, VIRTIO_NET_S } from '../../virtio/virtio.js'
import type { EmbeddedConfig, VifConfig } from '../config.js'
import { parseStationMac } from '../guard-address.js'

const SPEED_MBPS = 100_000
const FULL_DUPLEX = 1
const NO_MAC = new Uint8Array(6)

/** The address that a device has at first. Throws a SettingError when it is none. */
export function macOf(config: VifConfig | EmbeddedConfig): Uint8Array {
  if (config.kind !== 'vif' || config.mac === undefined) return NO_MAC
  return parseStationMac(config.mac, { owner: `port ${config.name}`, path: ['mac'] })
}

/** The configuration space of a vif's device: address, largest packet, queue pairs. Source: virtio 1.3, 5.1.4. */
export class ConfigSpace {
  readonly #row: PortRow
  readonly #queuePairs: number
  /** The device's address: as configured until a driver sets its own. */
  readonly #mac: Uint8Array
  /** The address that a guest finds. */
  #firstMac: Uint8Array
  /** Largest IP packet in bytes as configured, and as the frontend tells its guest; undefined: not said. */
  #mtu: number | undefined
  #frontendMtu: number | undefined

  /** Throws what macOf() does. */
  constructor(row: PortRow, config: VifConfig | EmbeddedConfig, queuePairs: number) {
    this.#row = row
    this.#queuePairs = queuePairs
    this.#firstMac = macOf(config)
    this.#mac = this.#firstMac.slice()
    this.#mtu = config.mtu
  }

  /** The device's address, 6 bytes. */
  get mac(): Uint8Array {
    return this.#mac
  }

  /** The driver sets the address, or a part of it. */
  setMac(bytes: Uint8Array, offset = 0): void {
    this.#mac.set(bytes, offset)
  }

  /** Gets other settings. Throws what macOf() does. */
  configure(config: VifConfig | EmbeddedConfig): void {
    const mac = macOf(config)
    if (mac.some((byte, at) => byte !== this.#firstMac[at])) this.#mac.set(mac)
    this.#firstMac = mac
    this.#mtu = config.mtu
    this.#limitFrames()
  }

  /** What the frontend tells its guest binds the port, too, if it is less than the configuration allows. */
  setFrontendMtu(mtu: number): void {
    this.#frontendMtu = mtu
    this.#limitFrames()
  }

  /** A new guest begins: it finds what was configured. */
  reset(): void {
    this.#mac.set(this.#firstMac)
    this.#frontendMtu = undefined
    this.#limitFrames()
  }

  #limitFrames(): void {
    const mtus = [this.#mtu, this.#frontendMtu].filter((mtu) => mtu !== undefined)
    this.#row.setMtu(mtus.length > 0 ? Math.min(...mtus) : undefined)
  }

  /** A part of the space; zeros beyond its end. */
  read(offset: number, sizeBytes: number): Uint8Array {
    const space = new Uint8Array(NET_CONFIG.BYTES)
    const data = new DataView(space.buffer)
    space.set(this.#mac, NET_CONFIG.MAC)
    data.setUint16(NET_CONFIG.STATUS, VIRTIO_NET_S.LINK_UP, true)
    data.setUint16(NET_CONFIG.MAX_VIRTQUEUE_PAIRS, this.#queuePairs, true)
    data.setUint16(NET_CONFIG.MTU, this.#mtu ?? 0, true)
    data.setUint32(NET_CONFIG.SPEED, SPEED_MBPS, true)
    data.setUint8(NET_CONFIG.DUPLEX, FULL_DUPLEX)
    const result = new Uint8Array(sizeBytes)
    result.set(space.subarray(offset, offset + sizeBytes))
    return result
  }
}

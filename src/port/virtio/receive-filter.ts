/**
 * What a driver wants to receive: modes, addresses and VLANs, as it says by its control queue, written into the port's
 * row for the plane. Source: virtio 1.3, 5.1.6.5.1 to 5.1.6.5.3.
 */
import {
  MAX_FILTER_MACS,
  P_FILTER_MACS,
  P_FILTER_TABLE,
  P_FILTER_VLANS,
  PORT_FILTER,
  PORT_FILTER_ALLMULTI,
  PORT_FILTER_ALLUNI,
  PORT_FILTER_NOBROADCAST,
  PORT_FILTER_NOMULTI,
  PORT_FILTER_NOUNI,
  PORT_FILTER_VLAN,
} from '../../core/layout.js'
import { type PortRow, VLAN_BITMAP_BYTES } from '../../core/port-row.js'
import { VIRTIO_F, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_F } from '../../virtio/virtio.js'

export const MAC_BYTES = 6

export class ReceiveFilter {
  readonly #row: PortRow
  readonly #has: (feature: bigint) => boolean
  #uni: bigint[] = []
  #multi: bigint[] = []
  /** The address that the driver receives at, or 0: not known. */
  #own = 0n
  /** Modes that the driver asked for, undefined: never; and the table that it set but that is too large to keep. */
  #promiscuous: boolean | undefined
  #allMulti = false
  #allUni = false
  #overflow = false
  /** Whether the driver may have said things to a switch before this one. */
  #isResumed = false

  /** @param has whether a feature was negotiated */
  constructor(row: PortRow, has: (feature: bigint) => boolean) {
    this.#row = row
    this.#has = has
  }

  /**
   * Forgets all filters: a new driver starts without any.
   * @param mac the device's address, 6 bytes: the driver's, if it has read it (F_MAC)
   */
  reset(mac: Uint8Array): void {
    this.#uni = []
    this.#multi = []
    this.#own = this.#has(VIRTIO_NET_F.MAC) ? macToKey(mac) : 0n
    this.#promiscuous = undefined
    this.#allMulti = false
    this.#allUni = false
    this.#isResumed = false
    this.#row.flag(PORT_FILTER_NOBROADCAST | PORT_FILTER_NOMULTI | PORT_FILTER_NOUNI, false)
    this.#row.bytes(P_FILTER_VLANS, VLAN_BITMAP_BYTES).fill(0)
    this.#writeTable()
  }

  /**
   * A driver goes on that has spoken to a switch before this one: which VLANs and which address it has set is not known, so
   * everything comes in that it could have asked for.
   */
  resume(): void {
    this.#isResumed = true
    this.#own = 0n
    this.#writeTable()
  }

  /** Sets a receive mode (VIRTIO_NET_CTRL_RX). Returns false when it is not known or not negotiated. */
  setMode(kind: number, on: boolean): boolean {
    switch (kind) {
      case VIRTIO_NET_CTRL_RX.PROMISC:
        this.#promiscuous = on
        this.#writeModes()
        return true
      case VIRTIO_NET_CTRL_RX.ALLMULTI:
        this.#allMulti = on
        this.#writeModes()
        return true
    }
    if (!this.#has(VIRTIO_NET_F.CTRL_RX_EXTRA)) return false
    switch (kind) {
      case VIRTIO_NET_CTRL_RX.ALLUNI:
        this.#allUni = on
        this.#writeModes()
        return true
      case VIRTIO_NET_CTRL_RX.NOMULTI:
        this.#row.flag(PORT_FILTER_NOMULTI, on)
        return true
      case VIRTIO_NET_CTRL_RX.NOUNI:
        this.#row.flag(PORT_FILTER_NOUNI, on)
        return true
      case VIRTIO_NET_CTRL_RX.NOBCAST:
        this.#row.flag(PORT_FILTER_NOBROADCAST, on)
        return true
      default:
        return false
    }
  }

  /** Sets two tables, unicast and multicast: u32 count, then addresses. Returns false when they are malformed. */
  setTable(data: Uint8Array): boolean {
    const view = new DataView(data.buffer, data.byteOffset, data.length)
    const tables: bigint[][] = []
    let at = 0
    for (let table = 0; table < 2; table++) {
      if (at + 4 > data.length) return false
      const count = view.getUint32(at, true)
      at += 4
      if (count > (data.length - at) / MAC_BYTES) return false
      const macs: bigint[] = []
      for (let index = 0; index < count; index++, at += MAC_BYTES)
        macs.push(macToKey(data.subarray(at, at + MAC_BYTES)))
      tables.push(macs)
    }
    this.#uni = tables[0] as bigint[]
    this.#multi = tables[1] as bigint[]
    this.#writeTable()
    return true
  }

  /** The driver has said its address, 6 bytes. */
  setOwn(mac: Uint8Array): void {
    this.#own = macToKey(mac)
    this.#writeTable()
  }

  /** A table that overflows lets everything of its kind in: the filter may pass too much, never too little. */
  #writeTable(): void {
    const uni = [this.#own, ...this.#uni].filter((key) => key !== 0n)
    this.#overflow = uni.length + this.#multi.length > MAX_FILTER_MACS
    const macs = this.#overflow ? [] : [...uni, ...this.#multi]
    this.#writeModes()
    for (const [index, key] of macs.entries()) this.#row.setU64(P_FILTER_TABLE + index * 8, key)
    this.#row.set(P_FILTER_MACS, macs.length)
  }

  /**
   * What is let in beyond the table. A promiscuous driver gets everything, VLANs too. Unicast is filtered only for a driver
   * whose address is known and that could tell of another one: Linux may change its address without a word when it
   * has neither CTRL_MAC_ADDR nor the legacy configuration space to write it to.
   */
  #writeModes(): void {
    const tells = this.#has(VIRTIO_NET_F.CTRL_MAC_ADDR) || !this.#has(VIRTIO_F.VERSION_1)
    const isKnown = this.#own !== 0n && tells
    this.#row.flag(PORT_FILTER, this.#promiscuous === false)
    const filtersVlans = this.#has(VIRTIO_NET_F.CTRL_VLAN) && !this.#isResumed
    this.#row.flag(PORT_FILTER_VLAN, filtersVlans && this.#promiscuous !== true)
    this.#row.flag(PORT_FILTER_ALLMULTI, this.#allMulti || this.#overflow)
    this.#row.flag(PORT_FILTER_ALLUNI, this.#allUni || this.#overflow || !isKnown)
  }

  /** Lets a VLAN in, or no longer (VIRTIO_NET_CTRL_VLAN). Returns false when malformed. */
  setVlan(kind: number, data: Uint8Array): boolean {
    const vlan = (data[0] as number) | ((data[1] as number) << 8)
    if (vlan > 4095 || (kind !== VIRTIO_NET_CTRL_VLAN.ADD && kind !== VIRTIO_NET_CTRL_VLAN.DEL)) return false
    const vlans = this.#row.bytes(P_FILTER_VLANS, VLAN_BITMAP_BYTES)
    const bit = 1 << (vlan & 7)
    const old = vlans[vlan >> 3] as number
    vlans[vlan >> 3] = kind === VIRTIO_NET_CTRL_VLAN.ADD ? old | bit : old & ~bit
    return true
  }
}

/** A MAC address as the plane compares it: its bytes in memory order, in the low 48 bits. */
function macToKey(mac: Uint8Array): bigint {
  let key = 0n
  for (let index = MAC_BYTES - 1; index >= 0; index--) key = (key << 8n) | BigInt(mac[index] ?? 0)
  return key
}

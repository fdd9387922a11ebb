/**
 * The control queue of a vif: receive mode, MAC table, VLAN filter, queue pairs, announcement, offloads.
 * Commands are rare, so they are interpreted here and not in the plane. A command that is malformed or was
 * not negotiated is answered with VIRTIO_NET_ERR. Source: virtio 1.3, 5.1.6.5.
 */
import { Globals } from '../../core/globals.js'
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
  SEGS_AT,
} from '../../core/layout.js'
import { type PortRow, VLAN_BITMAP_BYTES } from '../../core/port-row.js'
import {
  VIRTIO_F,
  VIRTIO_NET_CTRL,
  VIRTIO_NET_CTRL_ANNOUNCE,
  VIRTIO_NET_CTRL_MAC,
  VIRTIO_NET_CTRL_MQ,
  VIRTIO_NET_CTRL_RX,
  VIRTIO_NET_CTRL_VLAN,
  VIRTIO_NET_ERR,
  VIRTIO_NET_F,
  VIRTIO_NET_OK,
} from '../../virtio/virtio.js'
import type { PortHost } from '../port.js'

const MAX_COMMAND_BYTES = 8192
/** Answers of the plane's takeControl(): guest memory must be mapped first; a malformed chain was dropped. */
const WAITS = -1
const MALFORMED = -2
const MAC_BYTES = 6

/** What a command may change beyond the receive filter. */
export interface ControlActions {
  features(): bigint
  setQueuePairs(pairs: number): boolean
  setGuestOffloads(features: bigint): boolean
  /** @param mac the device's new address, 6 bytes */
  setMac(mac: Uint8Array): void
}

export class VifControl {
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #globals: Globals
  readonly #actions: ControlActions
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

  constructor(host: PortHost, row: PortRow, actions: ControlActions) {
    this.#host = host
    this.#row = row
    this.#globals = new Globals(row.memory)
    this.#actions = actions
  }

  #has(feature: bigint): boolean {
    return (this.#actions.features() & feature) !== 0n
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

  /** Answers one command. Returns whether more may wait, or one that needs guest memory to be mapped first. */
  serve(): 'none' | 'more' | 'later' {
    const taken = this.#host.plane.takeControl(this.#row.index)
    if (taken === 0) return this.#host.plane.armControl(this.#row.index) !== 0 ? 'more' : 'none'
    if (taken === WAITS) return 'later'
    if (taken === MALFORMED) return 'more'
    const head = (taken & 0xffff) - 1
    const readable = (taken >>> 16) & 0xff
    const command = this.#gather(readable)
    const ok = command !== undefined && this.#execute(command)
    const [ack] = this.#segment(readable)
    this.#row.memory.u8[ack] = ok ? VIRTIO_NET_OK : VIRTIO_NET_ERR
    this.#host.plane.completeControl(this.#row.index, head, 1)
    return 'more'
  }

  /** Linear offset and length of a segment of the chain that was taken. */
  #segment(index: number): readonly [number, number] {
    return [this.#globals.entry(SEGS_AT, index * 2), this.#globals.entry(SEGS_AT, index * 2 + 1)]
  }

  /** Copies the readable segments: class, command, data. */
  #gather(segments: number): Uint8Array | undefined {
    const { u8 } = this.#row.memory
    const parts: Uint8Array[] = []
    let bytes = 0
    for (let index = 0; index < segments; index++) {
      const [at, length] = this.#segment(index)
      bytes += length
      if (bytes > MAX_COMMAND_BYTES) return undefined
      parts.push(u8.slice(at, at + length))
    }
    const command = new Uint8Array(bytes)
    let at = 0
    for (const part of parts) {
      command.set(part, at)
      at += part.length
    }
    return command
  }

  #execute(command: Uint8Array): boolean {
    if (command.length < 2) return false
    const data = command.subarray(2)
    const kind = command[1] as number
    switch (command[0]) {
      case VIRTIO_NET_CTRL.RX:
        return this.#has(VIRTIO_NET_F.CTRL_RX) && data.length >= 1 && this.#receiveMode(kind, data[0] !== 0)
      case VIRTIO_NET_CTRL.MAC:
        if (kind === VIRTIO_NET_CTRL_MAC.TABLE_SET)
          return this.#has(VIRTIO_NET_F.CTRL_RX) && this.#setTable(data)
        if (kind === VIRTIO_NET_CTRL_MAC.ADDR_SET)
          return this.#has(VIRTIO_NET_F.CTRL_MAC_ADDR) && this.#setAddress(data)
        return false
      case VIRTIO_NET_CTRL.VLAN:
        return this.#has(VIRTIO_NET_F.CTRL_VLAN) && data.length >= 2 && this.#setVlan(kind, data)
      case VIRTIO_NET_CTRL.ANNOUNCE:
        return this.#has(VIRTIO_NET_F.GUEST_ANNOUNCE) && kind === VIRTIO_NET_CTRL_ANNOUNCE.ACK
      case VIRTIO_NET_CTRL.MQ:
        if (kind !== VIRTIO_NET_CTRL_MQ.VQ_PAIRS_SET || !this.#has(VIRTIO_NET_F.MQ) || data.length < 2)
          return false
        return this.#actions.setQueuePairs((data[0] as number) | ((data[1] as number) << 8))
      case VIRTIO_NET_CTRL.GUEST_OFFLOADS:
        if (kind !== 0 || !this.#has(VIRTIO_NET_F.CTRL_GUEST_OFFLOADS) || data.length < 8) return false
        return this.#actions.setGuestOffloads(
          new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true),
        )
      default:
        return false
    }
  }

  #receiveMode(kind: number, on: boolean): boolean {
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

  /** Two tables, unicast and multicast: u32 count, then addresses. */
  #setTable(data: Uint8Array): boolean {
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

  #setAddress(data: Uint8Array): boolean {
    if (data.length < MAC_BYTES) return false
    const mac = data.slice(0, MAC_BYTES)
    this.#actions.setMac(mac)
    this.setOwn(mac)
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

  #setVlan(kind: number, data: Uint8Array): boolean {
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
export function macToKey(mac: Uint8Array): bigint {
  let key = 0n
  for (let index = MAC_BYTES - 1; index >= 0; index--) key = (key << 8n) | BigInt(mac[index] ?? 0)
  return key
}

/**
 * The control queue of a vif: receive mode, MAC table, VLAN filter, queue pairs, announcement, offloads, coalescing.
 * Commands are rare, so they are interpreted here and not in the plane. A command that is malformed or was
 * not negotiated is answered with VIRTIO_NET_ERR. Source: virtio 1.3, 5.1.6.5.
 */
import { Globals } from '../../core/globals.js'
import {
  CONTROL_HEAD_MASK,
  CONTROL_MALFORMED,
  CONTROL_NONE,
  CONTROL_READABLE_SHIFT,
  CONTROL_WAITS,
  SEGS_AT,
} from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import {
  VIRTIO_NET_CTRL,
  VIRTIO_NET_CTRL_ANNOUNCE,
  VIRTIO_NET_CTRL_GUEST_OFFLOADS,
  VIRTIO_NET_CTRL_MAC,
  VIRTIO_NET_CTRL_MQ,
  VIRTIO_NET_CTRL_NOTF_COAL,
  VIRTIO_NET_ERR,
  VIRTIO_NET_F,
  VIRTIO_NET_OK,
} from '../../virtio/virtio.js'
import type { PortHost } from '../port.js'
import { MAC_BYTES, ReceiveFilter } from './receive-filter.js'

const MAX_COMMAND_BYTES = 8192

/** What a command may change beyond the receive filter. */
export interface ControlActions {
  features(): bigint
  setQueuePairs(pairs: number): boolean
  setGuestOffloads(features: bigint): boolean
  /** @param mac the device's new address, 6 bytes */
  setMac(mac: Uint8Array): void
  /** The driver wishes that received frames wait no longer than `holdUs`, and no more than `maxFrames` of them (0: any). */
  boundHold(holdUs: number, maxFrames: number): void
  /** A command was carried out; it is answered after this. */
  onDone(command: Uint8Array): void
}

export class VifControl {
  /** What the driver wants to receive. */
  readonly filter: ReceiveFilter
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #globals: Globals
  readonly #actions: ControlActions

  constructor(host: PortHost, row: PortRow, actions: ControlActions) {
    this.#host = host
    this.#row = row
    this.#globals = new Globals(row.memory)
    this.#actions = actions
    this.filter = new ReceiveFilter(row, (feature) => this.#has(feature))
  }

  #has(feature: bigint): boolean {
    return (this.#actions.features() & feature) !== 0n
  }

  /** Answers one command. Returns whether more may wait, or one that needs guest memory to be mapped first. */
  serve(): 'none' | 'more' | 'later' {
    const taken = this.#host.plane.takeControl(this.#row.index)
    if (taken === CONTROL_NONE) return this.#host.plane.armControl(this.#row.index) !== 0 ? 'more' : 'none'
    if (taken === CONTROL_WAITS) return 'later'
    if (taken === CONTROL_MALFORMED) return 'more'
    const head = (taken & CONTROL_HEAD_MASK) - 1
    const readable = taken >>> CONTROL_READABLE_SHIFT
    const command = this.#gather(readable)
    const ok = command !== undefined && this.execute(command)
    if (ok) this.#actions.onDone(command)
    const [ack] = this.#segment(readable)
    this.#row.memory.u8[ack] = ok ? VIRTIO_NET_OK : VIRTIO_NET_ERR
    this.#host.plane.completeControl(this.#row.index, head, ack)
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

  /** Carries a command out: class, command, data. Returns whether it could. */
  execute(command: Uint8Array): boolean {
    if (command.length < 2) return false
    const data = command.subarray(2)
    const kind = command[1] as number
    switch (command[0]) {
      case VIRTIO_NET_CTRL.RX:
        return this.#has(VIRTIO_NET_F.CTRL_RX) && data.length >= 1 && this.filter.setMode(kind, data[0] !== 0)
      case VIRTIO_NET_CTRL.MAC:
        if (kind === VIRTIO_NET_CTRL_MAC.TABLE_SET)
          return this.#has(VIRTIO_NET_F.CTRL_RX) && this.filter.setTable(data)
        if (kind === VIRTIO_NET_CTRL_MAC.ADDR_SET)
          return this.#has(VIRTIO_NET_F.CTRL_MAC_ADDR) && this.#setAddress(data)
        return false
      case VIRTIO_NET_CTRL.VLAN:
        return this.#has(VIRTIO_NET_F.CTRL_VLAN) && data.length >= 2 && this.filter.setVlan(kind, data)
      case VIRTIO_NET_CTRL.ANNOUNCE:
        return this.#has(VIRTIO_NET_F.GUEST_ANNOUNCE) && kind === VIRTIO_NET_CTRL_ANNOUNCE.ACK
      case VIRTIO_NET_CTRL.MQ:
        if (kind !== VIRTIO_NET_CTRL_MQ.VQ_PAIRS_SET || !this.#has(VIRTIO_NET_F.MQ) || data.length < 2)
          return false
        return this.#actions.setQueuePairs((data[0] as number) | ((data[1] as number) << 8))
      case VIRTIO_NET_CTRL.GUEST_OFFLOADS:
        if (kind !== VIRTIO_NET_CTRL_GUEST_OFFLOADS.SET || !this.#has(VIRTIO_NET_F.CTRL_GUEST_OFFLOADS))
          return false
        if (data.length < 8) return false
        return this.#actions.setGuestOffloads(
          new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true),
        )
      case VIRTIO_NET_CTRL.NOTF_COAL:
        return this.#has(VIRTIO_NET_F.NOTF_COAL) && data.length >= 8 && this.#coalesce(kind, data)
      default:
        return false
    }
  }

  /**
   * The driver says how notifications are to be coalesced. Those about what it sends come once a burst whatever it wishes.
   * Source: virtio 1.3, 5.1.6.5.10.
   */
  #coalesce(kind: number, data: Uint8Array): boolean {
    if (kind === VIRTIO_NET_CTRL_NOTF_COAL.TX_SET) return true
    if (kind !== VIRTIO_NET_CTRL_NOTF_COAL.RX_SET) return false
    const view = new DataView(data.buffer, data.byteOffset, 8)
    this.#actions.boundHold(view.getUint32(4, true), view.getUint32(0, true))
    return true
  }

  #setAddress(data: Uint8Array): boolean {
    if (data.length < MAC_BYTES) return false
    const mac = data.slice(0, MAC_BYTES)
    this.#actions.setMac(mac)
    this.filter.setOwn(mac)
    return true
  }
}

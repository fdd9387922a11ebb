import { VIRTIO_NET_HDR_F, VIRTIO_NET_HDR_GSO } from '../../virtio/virtio.js'
import { XEN_PAGE_BYTES } from '../../xen/devices.js'
import {
  EXTRA,
  NETIF_RING_SIZE,
  NETIF_RSP,
  NETTXF,
  TX_REQUEST,
  TX_RESPONSE,
  XEN_NETIF_EXTRA_TYPE,
  XEN_NETIF_GSO_TYPE,
} from '../../xen/netif.js'
import type { NetHeader } from '../net-header.js'
import type { ModelDomain } from './grant-table.js'
import { SharedRing } from './shared-ring.js'

/** A part of a packet: its bytes, and where in a page they begin. */
export interface TxSlot {
  readonly bytes: number
  readonly offset: number
}

/** How a frame is cut without being told: pages as full as they get. */
function fullPages(length: number): TxSlot[] {
  const slots: TxSlot[] = []
  for (let left = length; left > 0; left -= XEN_PAGE_BYTES)
    slots.push({ bytes: Math.min(left, XEN_PAGE_BYTES), offset: 0 })
  return slots
}

/** The transmit ring of a modelled netfront, with a granted page for each of its entries. */
export class NetfrontTx {
  readonly ring: SharedRing
  readonly #domain: ModelDomain
  readonly #pages: { page: number; reference: number }[] = []
  readonly #free: number[] = []
  /** Slots answered with anything but NETIF_RSP_OKAY or _NULL. */
  errors = 0

  constructor(domain: ModelDomain) {
    this.#domain = domain
    this.ring = new SharedRing(domain, 'tx')
    for (let id = 0; id < NETIF_RING_SIZE; id++) {
      const page = domain.allocate()
      this.#pages.push({ page, reference: domain.grant(page) })
      this.#free.push(id)
    }
  }

  /** The grant of a slot's page, by its id: what a rogue may take back. */
  reference(id: number): number {
    return this.#pages[id]?.reference as number
  }

  /** Adds a frame, unpushed. Returns false when the ring is full. */
  enqueue(frame: Uint8Array, header: Partial<NetHeader> = {}, slots = fullPages(frame.length)): boolean {
    const gsoType = (header.gsoType ?? 0) & ~VIRTIO_NET_HDR_GSO.ECN
    const isGso = gsoType !== VIRTIO_NET_HDR_GSO.NONE
    if (this.ring.room < slots.length + 1 || this.#free.length < slots.length) return false
    const isBlank = ((header.flags ?? 0) & VIRTIO_NET_HDR_F.NEEDS_CSUM) !== 0
    let at = 0
    for (const [number, { bytes, offset }] of slots.entries()) {
      const id = this.#free.pop() as number
      const { page, reference } = this.#pages[id] as { page: number; reference: number }
      this.#domain.page(page).set(frame.subarray(at, at + bytes), offset)
      at += bytes
      const isFirst = number === 0
      const flags =
        (isFirst && isBlank ? NETTXF.csum_blank | NETTXF.data_validated : 0) |
        (number < slots.length - 1 ? NETTXF.more_data : 0) |
        (isFirst && isGso ? NETTXF.extra_info : 0)
      this.request({ reference, offset, flags, id, size: isFirst ? frame.length : bytes })
      if (isFirst && isGso)
        this.extra(XEN_NETIF_EXTRA_TYPE.GSO, 0, (data, entry) => {
          data.setUint16(entry + EXTRA.GSO_SIZE, header.gsoSize ?? 0, true)
          data.setUint8(
            entry + EXTRA.GSO_TYPE,
            gsoType === VIRTIO_NET_HDR_GSO.TCPV4 ? XEN_NETIF_GSO_TYPE.TCPV4 : XEN_NETIF_GSO_TYPE.TCPV6,
          )
        })
    }
    return true
  }

  /** Writes one request, whatever it says. */
  request(request: { reference: number; offset: number; flags: number; id: number; size: number }): void {
    const { data } = this.ring
    const entry = this.ring.entry(this.ring.produced)
    data.setUint32(entry + TX_REQUEST.REFERENCE, request.reference, true)
    data.setUint16(entry + TX_REQUEST.OFFSET, request.offset, true)
    data.setUint16(entry + TX_REQUEST.FLAGS, request.flags, true)
    data.setUint16(entry + TX_REQUEST.ID, request.id, true)
    data.setUint16(entry + TX_REQUEST.SIZE, request.size, true)
    this.ring.produced = (this.ring.produced + 1) >>> 0
  }

  /** Writes extra information. @param fill writes what depends on its type */
  extra(type: number, flags: number, fill: (data: DataView, entry: number) => void = () => {}): void {
    const { data } = this.ring
    const entry = this.ring.entry(this.ring.produced)
    for (let at = 0; at < 12; at++) data.setUint8(entry + at, 0)
    data.setUint8(entry + EXTRA.TYPE, type)
    data.setUint8(entry + EXTRA.FLAGS, flags)
    fill(data, entry)
    this.ring.produced = (this.ring.produced + 1) >>> 0
  }

  /** Takes answered slots back. Returns how many responses there were. */
  reap(): number {
    let taken = 0
    const { data } = this.ring
    for (let waiting = this.ring.waiting; waiting > 0; waiting--, taken++) {
      const entry = this.ring.entry(this.ring.consumed)
      const status = data.getInt16(entry + TX_RESPONSE.STATUS, true)
      this.ring.consumed = (this.ring.consumed + 1) >>> 0
      if (status === NETIF_RSP.NULL) continue
      if (status !== NETIF_RSP.OKAY) this.errors++
      const id = data.getUint16(entry + TX_RESPONSE.ID, true)
      if (id < NETIF_RING_SIZE && !this.#free.includes(id)) this.#free.push(id)
    }
    this.ring.arm()
    return taken
  }
}

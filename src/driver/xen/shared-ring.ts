import { NETIF_RING_SIZE, RING, RING_HEADER_BYTES, RX_ENTRY_BYTES, TX_ENTRY_BYTES } from '../../xen/netif.js'
import type { ModelDomain } from './grant-table.js'

/** The frontend's side of one netif ring: the page that it shares, and its own indices. */
export class SharedRing {
  readonly reference: number
  readonly #domain: ModelDomain
  readonly #page: number
  readonly #entryBytes: number
  /** Requests written, also those not yet pushed; responses taken. u32. */
  produced = 0
  consumed = 0
  #pushed = 0

  /** A fresh ring, as SHARED_RING_INIT leaves it. @param kind decides the size of an entry */
  constructor(domain: ModelDomain, kind: 'tx' | 'rx') {
    this.#domain = domain
    this.#page = domain.allocate()
    this.#entryBytes = kind === 'tx' ? TX_ENTRY_BYTES : RX_ENTRY_BYTES
    this.reference = domain.grant(this.#page)
    this.data.setUint32(RING.REQ_EVENT, 1, true)
    this.data.setUint32(RING.RSP_EVENT, 1, true)
  }

  /** The page, where it is at present. */
  get data(): DataView {
    const page = this.#domain.page(this.#page)
    return new DataView(page.buffer, page.byteOffset, page.byteLength)
  }

  /** Where the entry of an index lies in the page. */
  entry(index: number): number {
    return RING_HEADER_BYTES + (index % NETIF_RING_SIZE) * this.#entryBytes
  }

  /** Entries that are free for requests. */
  get room(): number {
    return NETIF_RING_SIZE - ((this.produced - this.consumed) >>> 0)
  }

  /** Shows the requests that were written. Returns whether the backend wants an event. */
  push(): boolean {
    const { data } = this
    const old = this.#pushed
    this.#pushed = this.produced
    data.setUint32(RING.REQ_PROD, this.produced, true)
    const event = data.getUint32(RING.REQ_EVENT, true)
    return (this.produced - event) >>> 0 < (this.produced - old) >>> 0
  }

  /** Responses that wait; none where the index says more than a ring has: Linux's netfront takes none then, either. */
  get waiting(): number {
    const waiting = (this.data.getUint32(RING.RSP_PROD, true) - this.consumed) >>> 0
    return waiting > NETIF_RING_SIZE ? 0 : waiting
  }

  /** Asks for an event when another response comes. Returns whether one has come meanwhile. */
  arm(): boolean {
    this.data.setUint32(RING.RSP_EVENT, (this.consumed + 1) >>> 0, true)
    return this.waiting > 0
  }
}

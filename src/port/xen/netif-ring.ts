import { allocateByteRing } from '../../core/byte-ring.js'
import {
  DROP_DETACHED,
  N_DOMAIN,
  N_FREE,
  N_NEXT,
  N_PUSHED,
  N_RING,
  N_SEEN,
  N_STACK,
  N_STAGE,
  N_STAGE_BYTES,
  NET_HEADER_BYTES,
  NETIF_BYTES,
  NETIF_SIZE,
  NETIF_STATE_BYTES,
  V_BACKLOG,
  V_FLAGS,
  V_LAST_AVAIL,
  VRING_ENABLED,
  VRING_EVENT_IDX,
  VRING_MERGEABLE,
  VRING_NETIF,
  VRING_READY,
  XEN_PAGE_BYTES,
} from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import { Row } from '../../core/row.js'
import { VringRow } from '../../core/vring-row.js'

/** Descriptor table, available and used ring of the plane's own vring, and the state of the netif ring behind it. */
const VRING_PARTS = { desc: 0, avail: 4096, used: 5120, netif: NETIF_STATE_BYTES } as const
const OWN_BYTES = NETIF_STATE_BYTES + NETIF_BYTES
/** Staging of a transmit ring: a few bursts of the largest packets. */
const TX_STAGE_BYTES = 512 * 1024
const RX_STAGE_BYTES = NETIF_SIZE * XEN_PAGE_BYTES
const DESCRIPTOR_BYTES = 16
const DESCRIPTOR_WRITE = 2
/** Where the frontend's page has its indices. Source: xen/include/public/io/ring.h (4.17). */
const REQ_PROD = 0
const RSP_PROD = 8

/** Bytes of staging that both rings of a queue take. */
export const QUEUE_STAGE_BYTES = RX_STAGE_BYTES + TX_STAGE_BYTES

/** What a ring is made of. */
export interface NetifRingParts {
  readonly domain: number
  /** Linear offset of the frontend's page, and of the queue's staging. */
  readonly page: number
  readonly staging: number
  /** Whether frames may lie in several slots. */
  readonly sg: boolean
}

/**
 * One netif ring as the TypeScript side sets it up: the row of a vring, the vring itself with buffers in staging, and the
 * state of the frontend's ring behind it.
 */
export class NetifRing {
  readonly vring: VringRow
  readonly #row: PortRow
  #own = 0

  /** @param queue as of vrings: even ones receive, odd ones transmit */
  constructor(row: PortRow, queue: number) {
    this.#row = row
    this.vring = new VringRow(row.memory, row.index, queue)
  }

  /** Starts the ring where the frontend's is. Returns what is wrong. */
  start({ domain, page, staging, sg }: NetifRingParts): string | undefined {
    const { memory } = this.#row
    const { vring } = this
    const pushed = memory.data.getUint32(page + RSP_PROD, true)
    if ((memory.data.getUint32(page + REQ_PROD, true) - pushed) >>> 0 > NETIF_SIZE)
      return `${vring.isReceive ? 'rx' : 'tx'} ring ${vring.queue >> 1} has more requests than entries`
    this.#own = memory.allocate(OWN_BYTES)
    if (this.#own === 0) return NO_ROOM
    const netif = new Row(memory, this.#own + VRING_PARTS.netif)
    netif.set(N_RING, page)
    netif.set(N_DOMAIN, domain)
    for (const index of [N_NEXT, N_PUSHED, N_SEEN]) netif.set(index, pushed)
    if (vring.isReceive) {
      const backlog = vring.queue === 0 ? this.#row.ring : allocateByteRing(memory)
      if (backlog === 0) return NO_ROOM
      vring.set(V_BACKLOG, backlog)
      this.#fillStack(netif, staging)
    } else {
      netif.set(N_STAGE, staging + RX_STAGE_BYTES)
      netif.set(N_STAGE_BYTES, TX_STAGE_BYTES)
    }
    this.#writeRow(sg)
    return undefined
  }

  /** Makes a page of staging a chain of one buffer, for each entry. */
  #fillStack(netif: Row, staging: number): void {
    const { memory } = this.#row
    const desc = this.#own + VRING_PARTS.desc
    for (let number = 0; number < NETIF_SIZE; number++) {
      const at = desc + number * DESCRIPTOR_BYTES
      memory.data.setBigUint64(at, BigInt(staging + number * XEN_PAGE_BYTES), true)
      memory.data.setUint32(at + 8, XEN_PAGE_BYTES, true)
      memory.data.setUint16(at + 12, DESCRIPTOR_WRITE, true)
      memory.data.setUint16(netif.at + N_STACK + (NETIF_SIZE - 1 - number) * 2, number, true)
    }
    netif.set(N_FREE, NETIF_SIZE)
  }

  #writeRow(sg: boolean): void {
    const { vring } = this
    vring.place({
      desc: this.#own + VRING_PARTS.desc,
      avail: this.#own + VRING_PARTS.avail,
      used: this.#own + VRING_PARTS.used,
      size: NETIF_SIZE,
      headerBytes: NET_HEADER_BYTES,
    })
    vring.begin(0)
    vring.set(
      V_FLAGS,
      VRING_READY | VRING_ENABLED | VRING_EVENT_IDX | VRING_NETIF | (sg ? VRING_MERGEABLE : 0),
    )
  }

  /** A number that changes while the frontend makes requests. */
  get progress(): number {
    if (this.#own === 0) return 0
    const netif = new Row(this.#row.memory, this.#own + VRING_PARTS.netif)
    return (netif.get(N_SEEN) + netif.get(N_NEXT)) >>> 0
  }

  /** Packets that were taken from the guest, and answered, but have not entered the switch. */
  get #fetched(): number {
    if (this.#own === 0 || this.vring.isReceive) return 0
    const offered = this.#row.memory.data.getUint16(this.#own + VRING_PARTS.avail + 2, true)
    return (offered - this.vring.get(V_LAST_AVAIL)) & 0xffff
  }

  /** Stops the ring, also one that did not start. What it holds must have been published. */
  stop(): void {
    this.#row.countDrops(DROP_DETACHED, this.#fetched)
    this.vring.clear(this.vring.queue === 0)
    if (this.#own !== 0) this.#row.memory.free(this.#own)
    this.#own = 0
  }
}

export const NO_ROOM = 'the linear memory has no room for another ring'

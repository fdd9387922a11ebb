import { VIRTIO_NET_HDR_F, VIRTIO_NET_HDR_GSO } from '../../virtio/virtio.js'
import { XEN_PAGE_BYTES } from '../../xen/devices.js'
import {
  EXTRA,
  NETIF_RING_SIZE,
  NETRXF,
  RX_REQUEST,
  RX_RESPONSE,
  XEN_NETIF_EXTRA_FLAG_MORE,
  XEN_NETIF_EXTRA_TYPE,
  XEN_NETIF_GSO_TYPE,
  XEN_NETIF_NR_SLOTS_MIN,
} from '../../xen/netif.js'
import type { ReceivedFrame } from '../rx-queue.js'
import { checksumPlace } from './checksum-place.js'
import type { ModelDomain } from './grant-table.js'
import { SharedRing } from './shared-ring.js'

const GSO_TYPES: ReadonlyMap<number, number> = new Map<number, number>([
  [XEN_NETIF_GSO_TYPE.TCPV4, VIRTIO_NET_HDR_GSO.TCPV4],
  [XEN_NETIF_GSO_TYPE.TCPV6, VIRTIO_NET_HDR_GSO.TCPV6],
])

/** What the responses of one frame said together. */
interface Gathered {
  readonly parts: Uint8Array[]
  flags: number
  gsoType: number
  gsoSize: number
  isWhole: boolean
}

/** The receive ring of a modelled netfront: a granted page at each place, found by the place as Linux does. */
export class NetfrontRx {
  readonly ring: SharedRing
  readonly #domain: ModelDomain
  readonly #pages: { page: number; reference: number }[] = []
  /** Frames of which a slot had an error; frames that break the rules of the protocol. */
  errors = 0
  malformed = 0

  constructor(domain: ModelDomain) {
    this.#domain = domain
    this.ring = new SharedRing(domain, 'rx')
    for (let place = 0; place < NETIF_RING_SIZE; place++) {
      const page = domain.allocate()
      this.#pages.push({ page, reference: domain.grant(page) })
    }
  }

  /** The grant of the page at a place: what a rogue may take back. */
  reference(place: number): number {
    return this.#pages[place % NETIF_RING_SIZE]?.reference as number
  }

  /** Makes requests until so many are out. Returns whether the backend wants an event. */
  fill(most = NETIF_RING_SIZE): boolean {
    const { data } = this.ring
    while (NETIF_RING_SIZE - this.ring.room < most) {
      const index = this.ring.produced
      const entry = this.ring.entry(index)
      data.setUint16(entry + RX_REQUEST.ID, index % NETIF_RING_SIZE, true)
      data.setUint16(entry + 2, 0, true)
      data.setUint32(entry + RX_REQUEST.REFERENCE, this.reference(index), true)
      this.ring.produced = (index + 1) >>> 0
    }
    return this.ring.push()
  }

  /** Takes one frame. Undefined when none waits; those with errors are counted and passed over. */
  receive(): ReceivedFrame | undefined {
    while (this.ring.waiting > 0) {
      const gathered = this.#gather()
      if (!gathered) return undefined
      if (gathered.isWhole) return finish(gathered)
    }
    this.ring.arm()
    return undefined
  }

  #extras(gathered: Gathered): void {
    const { data } = this.ring
    for (;;) {
      if (this.ring.waiting === 0) {
        this.malformed++
        return
      }
      const entry = this.ring.entry(this.ring.consumed)
      this.ring.consumed = (this.ring.consumed + 1) >>> 0
      if (data.getUint8(entry + EXTRA.TYPE) === XEN_NETIF_EXTRA_TYPE.GSO) {
        gathered.gsoType = data.getUint8(entry + EXTRA.GSO_TYPE)
        gathered.gsoSize = data.getUint16(entry + EXTRA.GSO_SIZE, true)
      } else this.malformed++
      if ((data.getUint8(entry + EXTRA.FLAGS) & XEN_NETIF_EXTRA_FLAG_MORE) === 0) return
    }
  }

  /** All responses of a frame. */
  #gather(): Gathered | undefined {
    const { data } = this.ring
    const gathered: Gathered = { parts: [], flags: 0, gsoType: 0, gsoSize: 0, isWhole: true }
    for (;;) {
      if (this.ring.waiting === 0) {
        this.malformed++
        return undefined
      }
      const index = this.ring.consumed
      const entry = this.ring.entry(index)
      const flags = data.getUint16(entry + RX_RESPONSE.FLAGS, true)
      const status = data.getInt16(entry + RX_RESPONSE.STATUS, true)
      const offset = data.getUint16(entry + RX_RESPONSE.OFFSET, true)
      if (data.getUint16(entry + RX_RESPONSE.ID, true) !== index % NETIF_RING_SIZE) this.malformed++
      this.ring.consumed = (index + 1) >>> 0
      if (gathered.parts.length === 0) gathered.flags = flags
      if (status < 0) gathered.isWhole = false
      if (offset + status > XEN_PAGE_BYTES || gathered.parts.length >= XEN_NETIF_NR_SLOTS_MIN)
        this.malformed++
      const page = this.#domain.page(this.#pages[index % NETIF_RING_SIZE]?.page as number)
      gathered.parts.push(page.slice(offset, offset + Math.max(status, 0)))
      if (gathered.parts.length === 1 && (flags & NETRXF.extra_info) !== 0) this.#extras(gathered)
      if ((flags & NETRXF.more_data) === 0) break
    }
    if (!gathered.isWhole) this.errors++
    return gathered
  }
}

/** The frame as its kernel sees it: the header says in virtio's words what flags and extra information said. */
function finish({ parts, flags, gsoType, gsoSize }: Gathered): ReceivedFrame {
  const frame = new Uint8Array(Buffer.concat(parts))
  const isBlank = (flags & NETRXF.csum_blank) !== 0
  const place = isBlank ? checksumPlace(frame) : undefined
  return {
    frame,
    header: {
      flags: isBlank
        ? VIRTIO_NET_HDR_F.NEEDS_CSUM
        : (flags & NETRXF.data_validated) !== 0
          ? VIRTIO_NET_HDR_F.DATA_VALID
          : 0,
      gsoType: GSO_TYPES.get(gsoType) ?? VIRTIO_NET_HDR_GSO.NONE,
      hdrLen: 0,
      gsoSize,
      csumStart: place?.csumStart ?? 0,
      csumOffset: place?.csumOffset ?? 0,
      numBuffers: parts.length,
    },
  }
}

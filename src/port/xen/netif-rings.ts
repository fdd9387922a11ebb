import {
  GRANULE_BYTES,
  P_FILTER_MACS,
  P_QUEUE_PAIRS,
  P_STARTED_PAIRS,
  PORT_FILTER,
  PORT_FILTER_ALLMULTI,
  PORT_FILTER_ALLUNI,
  TAKE_CSUM,
  TAKE_TSO4,
  TAKE_TSO6,
  XEN_PAGE_BYTES,
} from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import { RingferryError } from '../../errors/errors.js'
import { GranuleTable } from '../../grants/granule-table.js'
import type { EventChannels, GrantDevice, GrantMapping } from '../../xen/devices.js'
import type { NetifFeatures, NetifFrontend } from '../../xen/frontend.js'
import type { PortHost } from '../port.js'
import { NetifEvents } from './netif-events.js'
import { NetifRing, NO_ROOM, QUEUE_STAGE_BYTES } from './netif-ring.js'

/** Both rings of a queue are a page. */
const PAGES_PER_QUEUE = 2
/** What frontends may use whatever they take: the backend offers it to all. */
const SENDS = TAKE_CSUM | TAKE_TSO4 | TAKE_TSO6

/** Offloads (TAKE_*) of a frontend. A checksum is one offload here, so it takes both or none. */
function taken({ sg, gsoTcpv4, gsoTcpv6, csumIpv4, csumIpv6 }: NetifFeatures): number {
  if (!csumIpv4 || !csumIpv6) return 0
  return TAKE_CSUM | (sg && gsoTcpv4 ? TAKE_TSO4 : 0) | (sg && gsoTcpv6 ? TAKE_TSO6 : 0)
}

/**
 * The rings of one frontend: its pages mapped, staging for what crosses them, its channels bound. The staging is what the
 * plane takes for the guest's memory: there an address is a linear offset.
 */
export class NetifRings {
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #device: GrantDevice
  readonly #granules: GranuleTable
  readonly #events: NetifEvents
  #rings: NetifRing[] = []
  #mapping: GrantMapping | undefined
  #pages = 0
  #staging = 0

  constructor(host: PortHost, row: PortRow, device: GrantDevice, channels: EventChannels) {
    this.#host = host
    this.#row = row
    this.#device = device
    this.#granules = new GranuleTable(row)
    this.#events = new NetifEvents(host, row, channels, () =>
      this.#rings.reduce((sum, { progress }) => (sum + progress) >>> 0, 0),
    )
  }

  /** Maps and starts all rings of a frontend. Throws a RingferryError, having taken nothing, when they cannot be. */
  start(frontend: NetifFrontend): void {
    try {
      this.#take(frontend)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  #take({ domain, queues, features }: NetifFrontend): void {
    const { memory } = this.#row
    this.#pages = memory.allocate(queues.length * PAGES_PER_QUEUE * XEN_PAGE_BYTES)
    this.#staging = memory.allocate(queues.length * QUEUE_STAGE_BYTES)
    if (this.#pages === 0 || this.#staging === 0) throw this.#refusal(NO_ROOM)
    const references = queues.flatMap(({ rxRingRef, txRingRef }) => [rxRingRef, txRingRef])
    this.#mapping = this.#device.map(domain, references, this.#pages)
    this.#grantStaging(queues.length * QUEUE_STAGE_BYTES)
    for (const ring of references.keys()) {
      const netif = new NetifRing(this.#row, ring)
      this.#rings.push(netif)
      const problem = netif.start({
        domain,
        page: this.#pages + ring * XEN_PAGE_BYTES,
        staging: this.#staging + (ring >> 1) * QUEUE_STAGE_BYTES,
        sg: features.sg,
      })
      if (problem !== undefined) throw this.#refusal(problem)
    }
    this.#events.bind(
      domain,
      queues.flatMap(({ rxEventChannel, txEventChannel }, pair) => [
        { remote: rxEventChannel, vringId: this.#ring(pair * 2).vring.id },
        { remote: txEventChannel, vringId: this.#ring(pair * 2 + 1).vring.id },
      ]),
    )
    this.#row.setOffloads(taken(features), SENDS)
    this.#row.set(P_QUEUE_PAIRS, queues.length)
    this.#row.set(P_STARTED_PAIRS, queues.length)
    this.#filterGroups(features.multicastControl)
    this.#host.grants.use(this.#device)
  }

  #ring(queue: number): NetifRing {
    return this.#rings[queue] as NetifRing
  }

  #refusal(reason: string): RingferryError {
    return new RingferryError('UNSUPPORTED', reason)
  }

  /** Lets the plane use the staging, and nothing else, as the guest's memory. */
  #grantStaging(sizeBytes: number): void {
    const region = { guestAddress: this.#staging, sizeBytes, fileOffset: 0, fd: -1 }
    const problem = this.#granules.make([region])
    if (problem !== undefined) throw this.#refusal(problem)
    const first = Math.floor(this.#staging / GRANULE_BYTES)
    const last = Math.floor((this.#staging + sizeBytes - 1) / GRANULE_BYTES)
    for (let granule = first; granule <= last; granule++)
      this.#granules.setOffset(granule, granule * GRANULE_BYTES)
    this.#granules.show()
  }

  /** A frontend with multicast control gets the groups that it asks for in its transmit ring, and no others. */
  #filterGroups(on: boolean): void {
    this.#row.set(P_FILTER_MACS, 0)
    this.#row.flag(PORT_FILTER_ALLMULTI, false)
    this.#row.flag(PORT_FILTER | PORT_FILTER_ALLUNI, on)
  }

  /** Listens again to channels that were too busy. Called some ten times a second. */
  tick(): void {
    this.#events.tick()
  }

  /** Publishes what is held and gives everything back. */
  stop(): void {
    this.#host.plane.publishPort(this.#row.index)
    this.#host.plane.dropBacklog(this.#row.index)
    this.#events.unbind()
    for (const ring of this.#rings) ring.stop()
    this.#rings = []
    this.#row.setOffloads(0, 0)
    this.#row.set(P_QUEUE_PAIRS, 1)
    this.#row.set(P_STARTED_PAIRS, 1)
    this.#filterGroups(false)
    this.#granules.hide()
    this.#granules.free()
    this.#mapping?.unmap()
    this.#mapping = undefined
    if (this.#pages !== 0) this.#row.memory.free(this.#pages)
    if (this.#staging !== 0) this.#row.memory.free(this.#staging)
    this.#pages = 0
    this.#staging = 0
  }
}

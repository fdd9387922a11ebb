/**
 * A guest's NIC as the driver domain sees it: a vhost-user session, the guest's granted memory, and the
 * rings that the plane serves. One guest at a time; when it goes, the port waits for the next, and a guest
 * that breaks the protocol is detached alone, with its reason kept.
 */

import type { HoldLimits } from '../../aggregation/hold.js'
import {
  BROKEN_AVAIL_INDEX,
  BROKEN_HEAD,
  BROKEN_NONE,
  BROKEN_RX_CHAIN,
  CONTROL_VRING,
  MAX_QUEUE_PAIRS,
  P_BROKEN_REASON,
  P_BROKEN_VRING,
  P_FDB_COUNT,
  P_QUEUE_PAIRS,
  P_STARTED_PAIRS,
  PORT_BROKEN,
  PORT_LINK,
  STAGE_AT,
  STAGE_BYTES,
  TAKE_CSUM,
  TAKE_ECN,
  TAKE_TSO4,
  TAKE_TSO6,
  TAKE_USO4,
  TAKE_USO6,
  VRINGS_PER_PORT,
} from '../../core/layout.js'
import { RingferryError } from '../../errors/errors.js'
import { Grants } from '../../grants/grants.js'
import { EPOLLET, EPOLLIN } from '../../sys/epoll.js'
import type { DetachCause, GuestRegion, VhostUserDevice, VringAddresses } from '../../vhost-user/device.js'
import { VhostUserSession } from '../../vhost-user/session.js'
import { featureNames, NET_CONFIG, VIRTIO_F, VIRTIO_NET_F, VIRTIO_NET_S } from '../../virtio/virtio.js'
import type { EmbeddedConfig, VifConfig } from '../config.js'
import { PeerSocket } from '../peer-socket.js'
import type { PortHost, PortStatus, RingPort } from '../port.js'
import { PortRow } from '../row.js'
import { VifControl } from './control-queue.js'
import { VifRings } from './rings.js'

const UNSHARED =
  'the guest kicks, but its rings never move: its memory is not shared with the switch; with QEMU give ' +
  '-object memory-backend-memfd,share=on and name it in -machine memory-backend= or -numa'
const MAX_MEMORY_SLOTS = 32
const SPEED_MBPS = 100_000
const NET_HEADER_BYTES = 12

/** Offered to every guest unless withheld: what the kernels of UML 6.1 and QEMU guests handle well. */
const ALWAYS =
  VIRTIO_NET_F.CSUM |
  VIRTIO_NET_F.GUEST_CSUM |
  VIRTIO_NET_F.GUEST_TSO4 |
  VIRTIO_NET_F.GUEST_TSO6 |
  VIRTIO_NET_F.GUEST_ECN |
  VIRTIO_NET_F.HOST_TSO4 |
  VIRTIO_NET_F.HOST_TSO6 |
  VIRTIO_NET_F.HOST_ECN |
  VIRTIO_NET_F.GUEST_USO4 |
  VIRTIO_NET_F.GUEST_USO6 |
  VIRTIO_NET_F.HOST_USO |
  VIRTIO_NET_F.MRG_RXBUF |
  VIRTIO_F.INDIRECT_DESC |
  VIRTIO_F.EVENT_IDX |
  VIRTIO_F.ANY_LAYOUT |
  VIRTIO_F.VERSION_1
/** Offered with `control` or several queues: some guest kernels (UML 6.1) do not survive these. */
const CONTROL =
  VIRTIO_NET_F.CTRL_VQ |
  VIRTIO_NET_F.CTRL_RX |
  VIRTIO_NET_F.CTRL_RX_EXTRA |
  VIRTIO_NET_F.CTRL_VLAN |
  VIRTIO_NET_F.CTRL_MAC_ADDR |
  VIRTIO_NET_F.CTRL_GUEST_OFFLOADS |
  VIRTIO_NET_F.GUEST_ANNOUNCE |
  VIRTIO_NET_F.STATUS |
  VIRTIO_NET_F.SPEED_DUPLEX

/** Offloads that a guest's receiver takes / its sender may use, by negotiated feature. */
const TAKES: readonly (readonly [bigint, number])[] = [
  [VIRTIO_NET_F.GUEST_CSUM, TAKE_CSUM],
  [VIRTIO_NET_F.GUEST_TSO4, TAKE_TSO4],
  [VIRTIO_NET_F.GUEST_TSO6, TAKE_TSO6],
  [VIRTIO_NET_F.GUEST_ECN, TAKE_ECN],
  [VIRTIO_NET_F.GUEST_USO4, TAKE_USO4],
  [VIRTIO_NET_F.GUEST_USO6, TAKE_USO6],
]
const SENDS: readonly (readonly [bigint, number])[] = [
  [VIRTIO_NET_F.CSUM, TAKE_CSUM],
  [VIRTIO_NET_F.HOST_TSO4, TAKE_TSO4],
  [VIRTIO_NET_F.HOST_TSO6, TAKE_TSO6],
  [VIRTIO_NET_F.HOST_ECN, TAKE_ECN],
  [VIRTIO_NET_F.HOST_USO, TAKE_USO4 | TAKE_USO6],
]
const GUEST_OFFLOADS = TAKES.reduce((mask, [feature]) => mask | feature, 0n)

const BROKEN_TEXT: ReadonlyMap<number, string> = new Map<number, string>([
  [BROKEN_HEAD, 'an available chain starts beyond the ring'],
  [BROKEN_AVAIL_INDEX, 'the available index runs ahead of the ring'],
  [BROKEN_RX_CHAIN, 'a receive chain is malformed'],
])

function offloads(features: bigint, table: readonly (readonly [bigint, number])[]): number {
  return table.reduce((mask, [feature, offload]) => ((features & feature) !== 0n ? mask | offload : mask), 0)
}

function parseMac(config: VifConfig | EmbeddedConfig): Uint8Array {
  const text = (config.kind === 'vif' ? config.mac : undefined) ?? '00:00:00:00:00:00'
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
}

export class Vif implements RingPort, VhostUserDevice {
  readonly hasRings = true
  readonly name: string
  readonly kind: 'vif' | 'embedded'
  readonly index: number
  readonly maxQueuePairs: number
  readonly maxMemorySlots = MAX_MEMORY_SLOTS
  readonly #host: PortHost
  readonly #config: VifConfig | EmbeddedConfig
  readonly #row: PortRow
  /** Where guests come; undefined: the only one is there already. */
  readonly #peers: PeerSocket | undefined
  readonly #grants: Grants
  readonly #rings: VifRings
  readonly #control: VifControl
  /** The device's address: as configured until a driver sets its own. */
  readonly #mac: Uint8Array
  #regions: GuestRegion[] = []
  #features = 0n
  #deviceStatus = 0
  #announce = false
  #session: VhostUserSession | undefined
  /** Whether the session's socket may hold something. */
  #mayRead = false
  /** Whether memory of the last guest is still to be unmapped; the next one is not served before. */
  #sweeps = false
  #reason: string | undefined
  #detachments = 0
  #up = false
  #controlWaits = false
  /** Whether the driver's control queue has run here, and how many queue pairs it has asked for there. */
  #hasControlRing = false
  #askedPairs = 1

  constructor(host: PortHost, index: number, config: VifConfig | EmbeddedConfig) {
    this.#host = host
    this.#config = config
    this.name = config.name
    this.kind = config.kind
    this.index = index
    this.maxQueuePairs = Math.min(config.queues ?? 1, MAX_QUEUE_PAIRS)
    this.#row = new PortRow(host.memory, index)
    this.#grants = new Grants(host.memory, host.pool, this.#row.at)
    this.#rings = new VifRings(host, this.#row, this.#grants)
    this.#rings.onUnshared = () => this.#tellUnshared()
    this.#mac = parseMac(config)
    if (config.kind === 'vif')
      this.#peers = new PeerSocket(host, this, this.#row, config, {
        hasPeer: () => this.#session !== undefined,
        attach: (fd) => this.#attach(fd),
        onTrouble: (problem) => this.#host.report(this, 'error', problem),
      })
    this.#control = new VifControl(host, this.#row, {
      features: () => this.#features,
      setQueuePairs: (pairs) => this.#setQueuePairs(pairs),
      setGuestOffloads: (features) => this.#setGuestOffloads(features),
      setMac: (mac) => this.#mac.set(mac),
      announced: () => {
        this.#announce = false
      },
    })
  }

  // ---- port ----

  open(): void {
    const config = this.#config
    this.offeredFeatures()
    this.#row.open(config, true)
    try {
      if (config.kind === 'embedded') this.#attach(config.fd)
      else this.#peers?.open()
    } catch (error) {
      this.#row.close()
      throw error
    }
  }

  #attach(fd: number): void {
    const session = new VhostUserSession(fd, this)
    this.#session = session
    this.#row.set(P_BROKEN_REASON, BROKEN_NONE)
    this.#row.flag(PORT_BROKEN, false)
    this.#mayRead = true
    this.#host.watch(fd, EPOLLIN | EPOLLET, () => {
      this.#mayRead = true
      this.#host.request(this.index)
    })
    this.#host.request(this.index)
    this.#host.report(this, 'attached', this.#place())
  }

  tick(nowUs: number): void {
    this.#peers?.tick(nowUs)
    this.#rings.tick()
    if (this.#controlWaits) this.#host.wake(this.index)
  }

  checkCommands(): void {
    this.#controlWaits = this.#rings.isRunning(CONTROL_VRING)
    if (this.#controlWaits) this.#host.request(this.index)
  }

  get isControlled(): boolean {
    return this.#config.publish === undefined
  }

  setLimits(limits: HoldLimits): void {
    this.#row.setLimits(limits)
  }

  serveRequest(): boolean {
    if (this.#sweeps) {
      this.#sweeps = this.#grants.sweep()
      return true
    }
    const session = this.#session
    if (this.#mayRead && session) {
      const more = session.onReadable()
      // The session may have ended by it, and another begun.
      if (session === this.#session) this.#mayRead = more
    }
    const commands =
      this.#controlWaits && this.#rings.isRunning(CONTROL_VRING) ? this.#control.serve() : 'none'
    this.#controlWaits = commands !== 'none'
    const mayCome = this.#peers?.serve() === true
    return (this.#mayRead && this.#session !== undefined) || commands === 'more' || mayCome
  }

  fail(reason: string): void {
    if (this.#session) {
      this.#session.close(reason, 'fault')
      return
    }
    // Tries go on; the same reason is told once.
    if (this.#reason === reason) return
    this.#reason = reason
    this.#host.report(this, 'error', reason)
  }

  breach(): void {
    const reason = this.#row.get(P_BROKEN_REASON)
    const queue = this.#row.get(P_BROKEN_VRING) % VRINGS_PER_PORT
    this.#session?.close(`ring ${queue}: ${BROKEN_TEXT.get(reason) ?? `broken (${reason})`}`)
  }

  mapMissed(granule: number): void {
    if (this.#grants.mapGranule(granule)) this.#host.wake(this.index)
  }

  loseMemory(offset: number): boolean {
    const reason = this.#grants.lossAt(offset)
    if (reason === undefined) return false
    this.#session?.close(reason)
    return true
  }

  #tellUnshared(): void {
    this.#reason = UNSHARED
    this.#host.report(this, 'error', UNSHARED)
  }

  #place(): string {
    return this.#config.kind === 'vif' ? this.#config.socket : 'in this process'
  }

  status(): PortStatus {
    return {
      name: this.name,
      kind: this.kind,
      index: this.index,
      state: this.#up ? 'up' : this.#session ? 'attached' : 'waiting',
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      detachments: this.#detachments,
      negotiated: featureNames(this.#features),
      place: this.#place(),
    }
  }

  close(): void {
    // The socket goes first, whatever the rest meets.
    this.#peers?.close()
    this.#session?.close('the port was removed', 'removed')
    while (this.#grants.sweep());
    this.#row.close()
  }

  // ---- device: features and memory ----

  offeredFeatures(): bigint {
    let offer = ALWAYS
    const config = this.#config
    if (this.maxQueuePairs > 1) offer |= VIRTIO_NET_F.MQ
    if (config.control ?? this.maxQueuePairs > 1) offer |= CONTROL
    if (config.kind === 'vif' && config.mac !== undefined) offer |= VIRTIO_NET_F.MAC
    if (config.mtu !== undefined) offer |= VIRTIO_NET_F.MTU
    for (const name of config.withhold ?? []) {
      const bit = { ...VIRTIO_NET_F, ...VIRTIO_F }[name as keyof typeof VIRTIO_NET_F]
      if (bit === undefined)
        throw new RingferryError(
          'CONFIG',
          `port ${this.name}: withhold: no feature is named ${name}; give names like GUEST_TSO4`,
        )
      offer &= ~bit
    }
    return offer
  }

  offeredProtocolFeatures(): bigint {
    return (1n << 64n) - 1n
  }

  setFeatures(features: bigint): string | undefined {
    const unknown = features & ~this.offeredFeatures()
    if (unknown !== 0n) return `features that were not offered: ${featureNames(unknown).join(', ')}`
    this.#features = features
    this.#row.setOffloads(offloads(features, TAKES), offloads(features, SENDS))
    this.#control.reset(this.#mac)
    this.#askedPairs = 1
    const reason = this.#rings.setFeatures(features)
    this.#updateLink()
    return reason
  }

  #setGuestOffloads(features: bigint): boolean {
    if ((features & ~(this.#features & GUEST_OFFLOADS)) !== 0n) return false
    this.#rings.settle()
    this.#row.setOffloads(offloads(features, TAKES), offloads(this.#features, SENDS))
    return true
  }

  setMemory(regions: readonly GuestRegion[]): string | undefined {
    this.#regions = [...regions]
    return this.#applyMemory()
  }

  addMemory(region: GuestRegion): string | undefined {
    this.#regions = [...this.#regions, region]
    return this.#applyMemory()
  }

  removeMemory(guestAddress: number): string | undefined {
    this.#regions = this.#regions.filter((region) => region.guestAddress !== guestAddress)
    return this.#applyMemory()
  }

  #applyMemory(): string | undefined {
    this.#rings.settle()
    return this.#grants.set(this.#regions) ?? this.#rings.remap()
  }

  // ---- device: rings ----

  /** The plane's number of a ring: the control ring follows the receive and transmit rings in the protocol. */
  #queue(ring: number): number {
    const pairs = (this.#features & VIRTIO_NET_F.MQ) !== 0n ? this.maxQueuePairs : 1
    const hasControl = (this.#features & VIRTIO_NET_F.CTRL_VQ) !== 0n
    return hasControl && ring === pairs * 2 ? CONTROL_VRING : ring
  }

  setVringSize(ring: number, size: number): undefined {
    this.#rings.setSize(this.#queue(ring), size)
  }

  setVringBase(ring: number, base: number): undefined {
    this.#rings.setBase(this.#queue(ring), base)
  }

  setVringAddresses(ring: number, addresses: VringAddresses): string | undefined {
    return this.#rings.setAddresses(this.#queue(ring), addresses)
  }

  setVringKick(ring: number, fd: number): string | undefined {
    const queue = this.#queue(ring)
    const reason = this.#rings.setKick(queue, fd)
    if (queue === CONTROL_VRING && !this.#hasControlRing) {
      this.#hasControlRing = true
      if (this.#rings.usedIndex(queue) !== 0) this.#control.resume()
    }
    this.#updatePairs()
    this.#updateLink()
    return reason
  }

  setVringCall(ring: number, fd: number): string | undefined {
    return this.#rings.setCall(this.#queue(ring), fd)
  }

  setVringErr(ring: number, fd: number): undefined {
    this.#rings.setErr(this.#queue(ring), fd)
  }

  setVringEnable(ring: number, on: boolean): undefined {
    this.#rings.setEnabled(this.#queue(ring), on)
    this.#updatePairs()
    this.#updateLink()
  }

  stopVring(ring: number): number {
    const queue = this.#queue(ring)
    if (queue > 0 && queue < CONTROL_VRING && (queue & 1) === 0)
      this.#host.plane.moveBacklog(this.index, queue >> 1)
    const base = this.#rings.stop(queue)
    this.#updatePairs()
    this.#updateLink()
    return base
  }

  /**
   * Pairs in use: as many as have a live receive ring, and no more than the driver has asked for, which is one
   * at first (virtio 1.3, 5.1.6.5.6). A frontend that serves the control queue itself (QEMU, Cloud Hypervisor) never starts that
   * ring here: it enables the rings that its driver asks for.
   */
  #updatePairs(): void {
    const wanted = this.#hasControlRing ? this.#askedPairs : this.maxQueuePairs
    let pairs = 1
    while (pairs < wanted && this.#rings.isRunning(pairs * 2) && this.#rings.isEnabled(pairs * 2)) pairs++
    const fewer = pairs < this.#row.get(P_QUEUE_PAIRS)
    this.#row.set(P_QUEUE_PAIRS, pairs)
    if (fewer) this.#host.plane.moveBacklog(this.index, pairs)
    let started = this.maxQueuePairs
    while (started > 1 && !this.#rings.isRunning(started * 2 - 1) && !this.#rings.isRunning(started * 2 - 2))
      started--
    this.#row.set(P_STARTED_PAIRS, started)
  }

  /** What is held on pairs that go out of use is published before the driver has its answer. */
  #setQueuePairs(pairs: number): boolean {
    if (pairs < 1 || pairs > this.maxQueuePairs) return false
    this.#rings.settle()
    this.#askedPairs = pairs
    this.#updatePairs()
    return true
  }

  #updateLink(): void {
    const up = this.#rings.isRunning(0) && this.#rings.isEnabled(0)
    if (up === this.#up) return
    this.#up = up
    this.#row.flag(PORT_LINK, up)
    if (up) this.#reason = undefined
    else this.#host.plane.dropBacklog(this.index)
    this.#host.report(this, up ? 'link-up' : 'link-down', '')
  }

  // ---- device: configuration and messages ----

  readConfig(offset: number, sizeBytes: number): Uint8Array {
    const space = new Uint8Array(NET_CONFIG.BYTES)
    const data = new DataView(space.buffer)
    space.set(this.#mac, NET_CONFIG.MAC)
    data.setUint16(
      NET_CONFIG.STATUS,
      VIRTIO_NET_S.LINK_UP | (this.#announce ? VIRTIO_NET_S.ANNOUNCE : 0),
      true,
    )
    data.setUint16(NET_CONFIG.MAX_VIRTQUEUE_PAIRS, this.maxQueuePairs, true)
    data.setUint16(NET_CONFIG.MTU, this.#config.mtu ?? 0, true)
    data.setUint32(NET_CONFIG.SPEED, SPEED_MBPS, true)
    data.setUint8(NET_CONFIG.DUPLEX, 1)
    const result = new Uint8Array(sizeBytes)
    result.set(space.subarray(offset, offset + sizeBytes))
    return result
  }

  /** Only a legacy driver may write, and only the address. */
  writeConfig(offset: number, bytes: Uint8Array): boolean {
    if ((this.#features & VIRTIO_F.VERSION_1) !== 0n || offset + bytes.length > NET_CONFIG.STATUS)
      return false
    this.#mac.set(bytes, offset)
    this.#control.setOwn(this.#mac)
    return true
  }

  resetDevice(): undefined {
    this.#rings.reset()
    this.#mac.set(parseMac(this.#config))
    this.#features = 0n
    this.#hasControlRing = false
    this.#askedPairs = 1
    this.#row.setOffloads(0, 0)
    this.#row.setMtu(this.#config.mtu)
    this.#row.set(P_QUEUE_PAIRS, 1)
    this.#row.set(P_STARTED_PAIRS, 1)
    this.#updateLink()
  }

  setStatus(status: number): undefined {
    this.#deviceStatus = status
    if (status === 0) this.resetDevice()
  }

  getStatus(): number {
    return this.#deviceStatus
  }

  /** Broadcasts a reverse ARP in the guest's name, so that bridges learn where it is. */
  sendRarp(mac: Uint8Array): boolean {
    const frame = new Uint8Array(60)
    frame.fill(0xff, 0, 6)
    frame.set(mac, 6)
    frame.set([0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3], 12)
    frame.set(mac, 22)
    frame.set(mac, 32)
    const at = STAGE_AT + STAGE_BYTES - 128
    this.#host.memory.u8.fill(0, at, at + NET_HEADER_BYTES)
    this.#host.memory.u8.set(frame, at + NET_HEADER_BYTES)
    this.#host.plane.ingest(this.index, at, NET_HEADER_BYTES + frame.length, NET_HEADER_BYTES)
    this.#host.plane.flush()
    return true
  }

  /** What the frontend tells its guest binds the port, too, if it is less than the configuration allows. */
  setMtu(mtu: number): boolean {
    this.#row.setMtu(Math.min(mtu, this.#config.mtu ?? mtu))
    return true
  }

  /** Asks the guest to announce its addresses. Returns whether it can be asked. */
  requestAnnounce(): boolean {
    this.#announce = (this.#features & VIRTIO_NET_F.GUEST_ANNOUNCE) !== 0n
    return this.#announce && this.#session?.notifyConfigChange() === true
  }

  onDetach(reason: string, cause: DetachCause): void {
    const session = this.#session
    this.#session = undefined
    if (session) this.#host.unwatch(session.fd)
    this.#reason = reason
    if (cause === 'breach' || cause === 'fault') this.#detachments++
    this.resetDevice()
    this.#grants.release()
    this.#sweeps = true
    this.#host.request(this.index)
    this.#regions = []
    this.#deviceStatus = 0
    this.#host.plane.fdbSweep(this.index)
    this.#row.set(P_FDB_COUNT, 0)
    this.#host.report(this, 'detached', reason)
  }
}

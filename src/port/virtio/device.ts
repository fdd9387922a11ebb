/**
 * The virtio network device that a guest's frontend drives by vhost-user: features, memory, rings, configuration. It
 * writes the port's row and vrings from what the session says; whom it belongs to hears of the link.
 */

import {
  CONTROL_VRING,
  MAX_QUEUE_PAIRS,
  NET_HEADER_BYTES,
  PORT_LINK,
  STAGE_AT,
  STAGE_BYTES,
} from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import type { Grants } from '../../grants/grants.js'
import type {
  DetachCause,
  GuestRegion,
  LogArea,
  VhostUserDevice,
  VringAddresses,
} from '../../vhost-user/device.js'
import { featureNames, NET_CONFIG, VIRTIO_F, VIRTIO_NET_F } from '../../virtio/virtio.js'
import type { EmbeddedConfig, VifConfig } from '../config.js'
import type { PortHost } from '../port.js'
import { ConfigSpace, macOf } from './config-space.js'
import { VifControl } from './control-queue.js'
import { GUEST_OFFLOADS, offeredFeatures, sentOffloads, takenOffloads } from './features.js'
import { MigrationLog } from './migration-log.js'
import { QueuePairs } from './queue-pairs.js'
import { rarpFrame } from './rarp.js'
import { VifRings } from './rings.js'

const MAX_MEMORY_SLOTS = 32
/** Room at the end of the staging area for one short frame. */
const STAGED_RARP_BYTES = 128

/** The port that a device belongs to. */
export interface DeviceOwner {
  /** The guest can take frames from now on, or can no longer. */
  onLink(up: boolean): void
  /** The guest kicks, and its rings never move. */
  onUnshared(): void
  /** The driver has commanded something by its control queue. */
  onCommand(command: Uint8Array): void
  /** The session has ended. */
  onDetach(reason: string, cause: DetachCause): void
}

export class VifDevice implements VhostUserDevice {
  readonly maxQueuePairs: number
  readonly maxMemorySlots = MAX_MEMORY_SLOTS
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #grants: Grants
  readonly #owner: DeviceOwner
  readonly #rings: VifRings
  readonly #pairs: QueuePairs
  readonly #control: VifControl
  readonly #space: ConfigSpace
  readonly #log: MigrationLog
  #config: VifConfig | EmbeddedConfig
  #regions: GuestRegion[] = []
  #features = 0n
  #deviceStatus = 0
  #isUp = false
  /** Whether all that the driver has said so far is known here. */
  #isTakenUp = false

  constructor(
    host: PortHost,
    row: PortRow,
    grants: Grants,
    config: VifConfig | EmbeddedConfig,
    owner: DeviceOwner,
  ) {
    this.#host = host
    this.#row = row
    this.#grants = grants
    this.#config = config
    this.#owner = owner
    this.maxQueuePairs = Math.min(config.queues ?? 1, MAX_QUEUE_PAIRS)
    this.#rings = new VifRings(host, row, grants, () => owner.onUnshared())
    this.#log = new MigrationLog(row, grants, this.#rings)
    this.#space = new ConfigSpace(row, config, this.maxQueuePairs)
    this.#pairs = new QueuePairs(host.plane, row, this.#rings, this.maxQueuePairs)
    this.#control = new VifControl(host, row, {
      features: () => this.#features,
      setQueuePairs: (pairs) => this.#pairs.ask(pairs),
      setGuestOffloads: (features) => this.#setGuestOffloads(features),
      setMac: (mac) => this.#space.setMac(mac),
      boundHold: (holdUs, maxFrames) => this.#row.boundHold({ holdUs, maxFrames }),
      onDone: (command) => owner.onCommand(command),
    })
  }

  // ---- for the port ----

  /** Those that were negotiated. */
  get features(): bigint {
    return this.#features | (this.#log.isAsked ? VIRTIO_F.VHOST_F_LOG_ALL : 0n)
  }

  /** Throws CONFIG when no device can be made of the settings: an address that is none, a feature that nobody knows. */
  check(config: VifConfig | EmbeddedConfig): void {
    macOf(config)
    offeredFeatures(config, this.maxQueuePairs)
  }

  /** Whether the guest has been told an MTU, or may be: it stays as it is. Source: virtio 1.3, 5.1.4.1. */
  get tellsMtu(): boolean {
    const told = this.#features === 0n ? this.offeredFeatures() : this.#features
    return (told & VIRTIO_NET_F.MTU) !== 0n
  }

  /** What a guest was told has not changed while one is attached. */
  configure(config: VifConfig | EmbeddedConfig): void {
    this.#space.configure(config)
    this.#config = config
  }

  /** Whether the guest can take frames. */
  get isUp(): boolean {
    return this.#isUp
  }

  /** Whether the driver's control queue runs here: it may hold commands. */
  get mayHaveCommands(): boolean {
    return this.#rings.isRunning(CONTROL_VRING)
  }

  /** Answers one command of the driver. Returns whether more may wait, or one that needs guest memory to be mapped first. */
  serveCommand(): 'none' | 'more' | 'later' {
    return this.mayHaveCommands ? this.#control.serve() : 'none'
  }

  /** Returns what is wrong with the frontend's descriptors. */
  tick(): string | undefined {
    this.#rings.tick()
    return this.#log.tell()
  }

  /** Why an offset of the linear memory lost its page, if it is the device's. */
  lossAt(offset: number): string | undefined {
    return this.#grants.lossAt(offset) ?? this.#log.lossAt(offset)
  }

  /** The guest has gone: nothing of it is known any more. Its memory is released by the grants. */
  forget(): void {
    this.resetDevice()
    this.#rings.forgetBases()
    this.#log.forget()
    this.#regions = []
    this.#deviceStatus = 0
    this.#isTakenUp = false
  }

  // ---- features and memory ----

  offeredFeatures(): bigint {
    return offeredFeatures(this.#config, this.maxQueuePairs)
  }

  offeredProtocolFeatures(): bigint {
    return (1n << 64n) - 1n
  }

  setFeatures(features: bigint): string | undefined {
    const unknown = features & ~this.offeredFeatures()
    if (unknown !== 0n) return `features that were not offered: ${featureNames(unknown).join(', ')}`
    const wantsLog = (features & VIRTIO_F.VHOST_F_LOG_ALL) !== 0n
    const ofDriver = features & ~VIRTIO_F.VHOST_F_LOG_ALL
    // The same driver goes on: what it has asked for by its control queue stays. QEMU says so once a queue pair.
    const isAboutLog = wantsLog || this.#log.isAsked
    if (isAboutLog && ofDriver === this.#features && this.#isUp) return this.#log.ask(wantsLog)
    return this.#log.ask(wantsLog) ?? this.#setDriverFeatures(ofDriver)
  }

  #setDriverFeatures(features: bigint): string | undefined {
    this.#features = features
    this.#row.setOffloads(takenOffloads(features), sentOffloads(features))
    this.#control.filter.reset(this.#space.mac)
    this.#row.boundHold(undefined)
    this.#pairs.newDriver()
    const reason = this.#rings.setFeatures(features)
    this.#updateLink()
    return reason
  }

  #setGuestOffloads(features: bigint): boolean {
    if ((features & ~(this.#features & GUEST_OFFLOADS)) !== 0n) return false
    this.#rings.settle()
    this.#row.setOffloads(takenOffloads(features), sentOffloads(this.#features))
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
    return this.#grants.set(this.#regions) ?? this.#log.update() ?? this.#rings.remap()
  }

  setLog(log: LogArea): string | undefined {
    return this.#log.set(log)
  }

  setLogCall(fd: number): undefined {
    this.#log.setCall(fd)
  }

  // ---- rings ----

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
    const isFirst = queue === CONTROL_VRING && this.#pairs.followControl()
    if (isFirst && !this.#isTakenUp && this.#rings.usedIndex(queue) !== 0) this.#control.filter.resume()
    this.#pairs.update()
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
    this.#pairs.update()
    this.#updateLink()
  }

  stopVring(ring: number): number {
    const queue = this.#queue(ring)
    if (queue > 0 && queue < CONTROL_VRING && (queue & 1) === 0)
      this.#host.plane.moveBacklog(this.#row.index, queue >> 1)
    const base = this.#rings.stop(queue)
    this.#pairs.update()
    this.#updateLink()
    this.#log.tell()
    return base
  }

  #updateLink(): void {
    const up = this.#rings.isRunning(0) && this.#rings.isEnabled(0)
    if (up === this.#isUp) return
    this.#isUp = up
    this.#row.flag(PORT_LINK, up)
    if (!up) this.#host.plane.dropBacklog(this.#row.index)
    this.#owner.onLink(up)
  }

  // ---- configuration and messages ----

  readConfig(offset: number, sizeBytes: number): Uint8Array {
    return this.#space.read(offset, sizeBytes)
  }

  /** Only a legacy driver may write, and only the address. */
  writeConfig(offset: number, bytes: Uint8Array): boolean {
    if ((this.#features & VIRTIO_F.VERSION_1) !== 0n || offset + bytes.length > NET_CONFIG.STATUS)
      return false
    this.#space.setMac(bytes, offset)
    this.#control.filter.setOwn(this.#space.mac)
    return true
  }

  resetDevice(): undefined {
    this.#rings.reset()
    this.#log.ask(false)
    this.#space.reset()
    this.#features = 0n
    this.#pairs.reset()
    this.#row.boundHold(undefined)
    this.#row.setOffloads(0, 0)
    this.#updateLink()
  }

  setStatus(status: number): undefined {
    this.#deviceStatus = status
    if (status === 0) this.resetDevice()
  }

  getStatus = (): number => this.#deviceStatus

  /** Broadcasts a reverse ARP in the guest's name, so that bridges learn where it is. */
  sendRarp(mac: Uint8Array): boolean {
    const frame = rarpFrame(mac)
    const at = STAGE_AT + STAGE_BYTES - STAGED_RARP_BYTES
    this.#host.memory.u8.fill(0, at, at + NET_HEADER_BYTES)
    this.#host.memory.u8.set(frame, at + NET_HEADER_BYTES)
    this.#host.plane.ingest(this.#row.index, at, NET_HEADER_BYTES + frame.length, NET_HEADER_BYTES)
    this.#host.plane.publish()
    return true
  }

  setMtu(mtu: number): boolean {
    this.#space.setFrontendMtu(mtu)
    return true
  }

  takeUp(): void {
    this.#isTakenUp = true
  }

  repeatCommand(command: Uint8Array): boolean {
    return this.#control.execute(command)
  }

  onDetach(reason: string, cause: DetachCause): void {
    this.#owner.onDetach(reason, cause)
  }
}

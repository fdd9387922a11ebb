/**
 * The frontend (VMM) side of vhost-user: what QEMU does for a guest's network device, as a class. Used by
 * embedded guests, tests, fuzz and benches. Requests that have no reply are acknowledged when REPLY_ACK is
 * negotiated, and return whether the backend accepted; else they return true at once.
 * Source: QEMU, docs/interop/vhost-user.rst.
 *
 * Longer than 350 lines because each request of the protocol has a method of its own.
 */
import { RingferryError } from '../errors/errors.js'
import { createEventfd } from '../sys/eventfd.js'
import { closeFd, connectUnix, socketPair } from '../sys/unix-socket.js'
import {
  decodeConfig,
  decodeInflight,
  decodeU64,
  decodeVringState,
  encodeConfig,
  encodeInflight,
  encodeLog,
  encodeMemoryTable,
  encodeRegion,
  encodeU64,
  encodeVringAddress,
  encodeVringFd,
  encodeVringState,
  type InflightPayload,
  type LogPayload,
  type RegionPayload,
} from '../vhost-user/messages.js'
import {
  FLAG_NEED_REPLY,
  PROTOCOL_F,
  REQUEST,
  requestName,
  VHOST_VRING_F_LOG,
} from '../vhost-user/requests.js'
import { VIRTIO_F } from '../virtio/virtio.js'
import { type ChannelMessage, FrontendChannel } from './frontend-channel.js'
import type { GuestMemory, MemoryRegion } from './guest-memory.js'
import type { SplitRing } from './split-ring.js'

/** How a frontend waits for replies. */
export interface FrontendOptions {
  /** Called while a reply is awaited: one step of a backend that lives in this thread. */
  readonly pump?: () => void
  /** Polls for a reply before giving up; about as many milliseconds (default 2000). */
  readonly tries?: number
}

/** The eventfds of a started ring. */
export interface RingEvents {
  /** Signal it to kick the device. */
  readonly kickFd: number
  /** Readable when the device has called. */
  readonly callFd: number
}

const INFLIGHT_BYTES = 24

/**
 * The frontend of a vhost-user session, as a VMM: negotiates features, hands over memory, starts rings.
 * Errors of the backend are RingferryErrors with the code UNSUPPORTED.
 */
export class VhostUserFrontend {
  readonly channel: FrontendChannel
  /** Negotiated virtio features and protocol features, as last set. */
  features = 0n
  protocolFeatures = 0n
  readonly #name: string
  readonly #options: FrontendOptions
  readonly #events = new Map<number, RingEvents>()
  /** Rings that were started. */
  readonly #rings = new Map<number, SplitRing>()
  #backendChannel: FrontendChannel | undefined

  /**
   * @param target a connected, non-blocking socket (owned from here on), or the path of a backend's socket
   * Throws NOT_FOUND when nobody listens on the path.
   */
  constructor(target: number | string, options: FrontendOptions = {}) {
    this.#name = typeof target === 'string' ? target : `socket ${target}`
    const fd = typeof target === 'string' ? connectUnix(target) : target
    if (fd < 0)
      throw new RingferryError('NOT_FOUND', `${target}: no vhost-user backend listens there; start it first`)
    this.#options = options
    this.channel = this.#open(fd, this.#name)
  }

  #open(fd: number, name: string): FrontendChannel {
    return new FrontendChannel(fd, name, this.#options.pump ?? (() => {}), this.#options.tries ?? 2000)
  }

  /** Sends any message: flags without the version. Public for tests that break the protocol. */
  sendMessage(request: number, flags: number, payload: Uint8Array, fds: readonly number[] = []): void {
    this.channel.send(request, flags, payload, fds)
  }

  /** Sends a request that has no reply of its own. Returns whether the backend accepted it. */
  command(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly number[] = []): boolean {
    const acknowledged = (this.protocolFeatures & PROTOCOL_F.REPLY_ACK) !== 0n
    this.sendMessage(request, acknowledged ? FLAG_NEED_REPLY : 0, payload, fds)
    return !acknowledged || this.#u64(this.channel.reply(request)) === 0n
  }

  /** Sends a request and waits for its reply; the caller closes the reply's descriptors. */
  ask(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly number[] = []): ChannelMessage {
    this.sendMessage(request, 0, payload, fds)
    return this.channel.reply(request)
  }

  #valid<T>(request: number, value: T | string): T {
    if (typeof value !== 'string') return value
    throw new RingferryError('UNSUPPORTED', `${this.#name}: reply to ${requestName(request)}: ${value}`)
  }

  #u64(message: ChannelMessage): bigint {
    return this.#valid(message.request, decodeU64(message.payload))
  }

  // ---- negotiation ---------------------------------------------------------------------------------

  getFeatures(): bigint {
    return this.#u64(this.ask(REQUEST.GET_FEATURES))
  }

  setFeatures(features: bigint): boolean {
    this.features = features
    return this.command(REQUEST.SET_FEATURES, encodeU64(features))
  }

  getProtocolFeatures(): bigint {
    return this.#u64(this.ask(REQUEST.GET_PROTOCOL_FEATURES))
  }

  setProtocolFeatures(features: bigint): boolean {
    this.sendMessage(REQUEST.SET_PROTOCOL_FEATURES, 0, encodeU64(features))
    this.protocolFeatures = features
    return true
  }

  setOwner(): boolean {
    return this.command(REQUEST.SET_OWNER)
  }

  /**
   * Owner, protocol features and features, in the order of QEMU: takes what is both wanted and offered.
   * Returns the negotiated virtio features (which it keeps, as the protocol features).
   * @param wantedProtocol 0n: do without protocol features
   */
  negotiate(wanted: bigint, wantedProtocol: bigint): bigint {
    const offered = this.getFeatures()
    const own = wantedProtocol === 0n ? 0n : offered & VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES
    if (own !== 0n) this.setProtocolFeatures(this.getProtocolFeatures() & wantedProtocol)
    this.setOwner()
    this.setFeatures((offered & wanted & ~VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES) | own)
    return this.features & ~VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES
  }

  /** Queue pairs that the backend has. */
  getQueueNum(): number {
    return Number(this.#u64(this.ask(REQUEST.GET_QUEUE_NUM)))
  }

  // ---- memory --------------------------------------------------------------------------------------

  setMemTable(regions: readonly MemoryRegion[]): boolean {
    const fds = regions.map((region) => region.fd)
    return this.command(REQUEST.SET_MEM_TABLE, encodeMemoryTable(regions), fds)
  }

  addMemReg(region: MemoryRegion): boolean {
    return this.command(REQUEST.ADD_MEM_REG, encodeRegion(region), [region.fd])
  }

  removeMemReg(region: RegionPayload): boolean {
    return this.command(REQUEST.REM_MEM_REG, encodeRegion(region))
  }

  getMaxMemSlots(): number {
    return Number(this.#u64(this.ask(REQUEST.GET_MAX_MEM_SLOTS)))
  }

  // ---- rings ---------------------------------------------------------------------------------------

  setVringNum(ring: number, size: number): boolean {
    return this.command(REQUEST.SET_VRING_NUM, encodeVringState(ring, size))
  }

  setVringBase(ring: number, base: number): boolean {
    return this.command(REQUEST.SET_VRING_BASE, encodeVringState(ring, base))
  }

  /** Addresses in user addresses, as they are sent. @param log guest address for the log, if one is to be used */
  setVringAddr(ring: number, desc: number, avail: number, used: number, log?: number): boolean {
    const flags = log === undefined ? 0 : VHOST_VRING_F_LOG
    return this.command(
      REQUEST.SET_VRING_ADDR,
      encodeVringAddress({ index: ring, flags, desc, used, avail, log: BigInt(log ?? 0) }),
    )
  }

  #placeRing(number: number, ring: SplitRing, log?: number): boolean {
    const at = (gpa: number): number => ring.memory.userAddressOf(gpa)
    return this.setVringAddr(number, at(ring.desc), at(ring.avail), at(ring.used), log)
  }

  /** @param fd -1: none, the other side polls */
  setVringKick(ring: number, fd: number): boolean {
    return this.#vringFd(REQUEST.SET_VRING_KICK, ring, fd)
  }

  setVringCall(ring: number, fd: number): boolean {
    return this.#vringFd(REQUEST.SET_VRING_CALL, ring, fd)
  }

  setVringErr(ring: number, fd: number): boolean {
    return this.#vringFd(REQUEST.SET_VRING_ERR, ring, fd)
  }

  #vringFd(request: number, ring: number, fd: number): boolean {
    return this.command(request, encodeVringFd(ring, fd >= 0), fd >= 0 ? [fd] : [])
  }

  setVringEnable(ring: number, on: boolean): boolean {
    return this.command(REQUEST.SET_VRING_ENABLE, encodeVringState(ring, on ? 1 : 0))
  }

  /** Stops a ring. Returns the next available index that the backend would take. */
  getVringBase(ring: number): number {
    const reply = this.ask(REQUEST.GET_VRING_BASE, encodeVringState(ring, 0))
    return this.#valid(reply.request, decodeVringState(reply.payload)).num
  }

  /**
   * Starts a ring in QEMU's order: size, base, addresses, kick, call, and enables it if protocol features
   * are spoken. Creates its eventfds, which close() or stopRing() closes.
   * Throws UNSUPPORTED when the backend refuses.
   */
  startRing(number: number, ring: SplitRing, base = ring.availIdx): RingEvents {
    const events = { kickFd: createEventfd(), callFd: createEventfd() }
    this.#closeEvents(number)
    this.#events.set(number, events)
    this.#rings.set(number, ring)
    const speaks = (this.features & VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES) !== 0n
    const accepted =
      this.setVringNum(number, ring.size) &&
      this.setVringBase(number, base) &&
      this.#placeRing(number, ring) &&
      this.setVringKick(number, events.kickFd) &&
      this.setVringCall(number, events.callFd) &&
      (!speaks || this.setVringEnable(number, true))
    if (!accepted)
      throw new RingferryError('UNSUPPORTED', `${this.#name}: the vhost-user backend refuses ring ${number}`)
    return events
  }

  /** Announces the memory and starts all rings of a driver, in their order. Returns their eventfds. */
  start(memory: GuestMemory, rings: readonly SplitRing[]): RingEvents[] {
    if (!this.setMemTable(memory.regions))
      throw new RingferryError('UNSUPPORTED', `${this.#name}: the vhost-user backend refuses the memory`)
    return rings.map((ring, number) => this.startRing(number, ring))
  }

  /** Stops a ring and closes its eventfds. Returns its base. */
  stopRing(number: number): number {
    const base = this.getVringBase(number)
    this.#rings.delete(number)
    this.#closeEvents(number)
    return base
  }

  #closeEvents(number: number): void {
    const events = this.#events.get(number)
    if (!events) return
    closeFd(events.kickFd)
    closeFd(events.callFd)
    this.#events.delete(number)
  }

  // ---- migration -----------------------------------------------------------------------------------

  /** Hands over the log of dirty pages, which the backend confirms: in its reply lies a zero. */
  setLogBase(log: LogPayload, fd: number): boolean {
    return this.#u64(this.ask(REQUEST.SET_LOG_BASE, encodeLog(log), [fd])) === 0n
  }

  /** @param fd an eventfd that the backend signals when it has marked pages */
  setLogFd(fd: number): boolean {
    return this.command(REQUEST.SET_LOG_FD, new Uint8Array(0), [fd])
  }

  /** Has all writes of the backend logged, or no longer, in QEMU's order: features, then the address of each ring. */
  logAll(on: boolean): boolean {
    const others = this.features & ~VIRTIO_F.VHOST_F_LOG_ALL
    if (!this.setFeatures(on ? others | VIRTIO_F.VHOST_F_LOG_ALL : others)) return false
    return [...this.#rings].every(([number, ring]) =>
      this.#placeRing(number, ring, on ? ring.used : undefined),
    )
  }

  // ---- device --------------------------------------------------------------------------------------

  /** Bytes of the configuration space; undefined when the backend answers with an error (no bytes). */
  getConfig(offset: number, sizeBytes: number): Uint8Array | undefined {
    const reply = this.ask(REQUEST.GET_CONFIG, encodeConfig(offset, 0, new Uint8Array(sizeBytes)))
    if (reply.payload.length === 0) return undefined
    return this.#valid(reply.request, decodeConfig(reply.payload)).bytes
  }

  /** @param migration whether to set the flag that allows read-only fields */
  setConfig(offset: number, bytes: Uint8Array, migration = false): boolean {
    return this.command(REQUEST.SET_CONFIG, encodeConfig(offset, migration ? 1 : 0, bytes))
  }

  setStatus(status: number): boolean {
    return this.command(REQUEST.SET_STATUS, encodeU64(BigInt(status)))
  }

  getStatus(): number {
    return Number(this.#u64(this.ask(REQUEST.GET_STATUS)))
  }

  resetDevice(): boolean {
    return this.command(REQUEST.RESET_DEVICE)
  }

  /** @param mac 6 bytes */
  sendRarp(mac: Uint8Array): boolean {
    const payload = new Uint8Array(8)
    payload.set(mac.subarray(0, 6))
    return this.command(REQUEST.SEND_RARP, payload)
  }

  setMtu(mtu: number): boolean {
    return this.command(REQUEST.NET_SET_MTU, encodeU64(BigInt(mtu)))
  }

  /** An inflight area from the backend; the caller closes `fd`. */
  getInflight(queues: number, queueSize: number): InflightPayload & { readonly fd: number } {
    const wish = encodeInflight({ sizeBytes: 0, offset: 0, queues, queueSize }, INFLIGHT_BYTES)
    const reply = this.ask(REQUEST.GET_INFLIGHT_FD, wish)
    const inflight = this.#valid(reply.request, decodeInflight(reply.payload))
    const [fd, ...rest] = reply.fds
    for (const other of rest) closeFd(other)
    if (fd === undefined)
      throw new RingferryError('UNSUPPORTED', `${this.#name}: the inflight area comes without its file`)
    return { ...inflight, fd }
  }

  setInflight(inflight: InflightPayload, fd: number): boolean {
    return this.command(REQUEST.SET_INFLIGHT_FD, encodeInflight(inflight, INFLIGHT_BYTES), [fd])
  }

  /** Opens the channel for the backend's own requests; read them with takeBackendRequest. */
  openBackendChannel(): boolean {
    const [mine, theirs] = socketPair()
    this.#backendChannel?.close()
    this.#backendChannel = this.#open(mine, `${this.#name}, backend channel`)
    try {
      return this.command(REQUEST.SET_BACKEND_REQ_FD, new Uint8Array(0), [theirs])
    } finally {
      closeFd(theirs)
    }
  }

  /** A request that the backend has sent on its channel, or undefined. */
  takeBackendRequest(): ChannelMessage | undefined {
    return this.#backendChannel?.take()
  }

  /** Closes the connection and every descriptor created here. Guest memory stays. */
  close(): void {
    for (const number of [...this.#events.keys()]) this.#closeEvents(number)
    this.#backendChannel?.close()
    this.#backendChannel = undefined
    this.channel.close()
  }
}

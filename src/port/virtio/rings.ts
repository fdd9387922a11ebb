/**
 * The rings of one vif: what the frontend said of each, and the row in the plane's vring table that follows
 * from it. A ring runs when it has a size, addresses that map, and a kick; it moves frames when it is
 * enabled, too. Source: QEMU docs/interop/vhost-user.rst (9.0), "Ring states".
 */

import { allocateByteRing } from '../../core/byte-ring.js'
import {
  C_CALLS,
  C_MUTED_KICKS,
  C_TX_CALLS,
  V_AVAIL,
  V_AVAIL_SEEN,
  V_BACKLOG,
  V_CALL_COUNTER,
  V_DESC,
  V_FLAGS,
  V_HEADER_BYTES,
  V_LAST_AVAIL,
  V_SIZE,
  V_USED,
  V_USED_NEXT,
  V_USED_PUBLISHED,
  VRING_ENABLED,
  VRING_EVENT_IDX,
  VRING_INDIRECT,
  VRING_MERGEABLE,
  VRING_READY,
  VRINGS_PER_PORT,
} from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import { VringRow } from '../../core/vring-row.js'
import type { Grants } from '../../grants/grants.js'
import { EPOLLET, EPOLLIN } from '../../sys/epoll.js'
import { signalEventfd } from '../../sys/eventfd.js'
import { EINTR } from '../../sys/libc.js'
import { closeFd } from '../../sys/unix-socket.js'
import { netHeaderBytes, VIRTIO_F, VIRTIO_NET_F } from '../../virtio/virtio.js'
import type { PortHost } from '../port.js'

/** So many kicks without a ring that moves are no accident: a driver makes buffers available before it kicks. */
const UNSHARED_KICKS = 8
/**
 * Kicks in a row for which a ring had nothing new. Beyond it they are not listened to until the next tick, and the
 * ring is polled meanwhile: a frontend that only kicks must not keep the engine awake.
 */
const MAX_IDLE_KICKS = 64

interface Ring {
  size: number
  base: number
  addresses: { desc: number; avail: number; used: number } | undefined
  kick: number
  call: number
  err: number
  started: boolean
  enabled: boolean
  /** Kicks in a row that brought nothing, and the next available index as of the last one. */
  idleKicks: number
  kickedAt: number
}

function newRing(): Ring {
  return {
    size: 0,
    base: 0,
    addresses: undefined,
    kick: -1,
    call: -1,
    err: -1,
    started: false,
    enabled: false,
    idleKicks: 0,
    kickedAt: -1,
  }
}

export class VifRings {
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #grants: Grants
  readonly #vrings: readonly VringRow[]
  readonly #rings: Ring[] = Array.from({ length: VRINGS_PER_PORT }, newRing)
  #features = 0n
  /** Kicks that came while no ring had moved since it was started; -1: one has. */
  #deafKicks = 0
  /** Called when kicks come and no ring ever moves: the frontend's memory is another than the one that was granted. */
  onUnshared: () => void = () => {}
  /** Rings that the frontend does not kick (kick without descriptor): they must be polled. */
  #unkicked = new Set<number>()
  /** Rings whose kicks are not listened to until the next tick. */
  #muted = new Set<number>()

  constructor(host: PortHost, row: PortRow, grants: Grants) {
    this.#host = host
    this.#row = row
    this.#grants = grants
    this.#vrings = this.#rings.map((_, queue) => new VringRow(row.memory, row.index, queue))
  }

  #ring(queue: number): Ring {
    return this.#rings[queue] as Ring
  }

  #vring(queue: number): VringRow {
    return this.#vrings[queue] as VringRow
  }

  isRunning(queue: number): boolean {
    return this.#vring(queue).isRunning
  }

  /** How many chains of a ring were ever completed, also by others before, in u16. */
  usedIndex(queue: number): number {
    return this.#vring(queue).get(V_USED_PUBLISHED)
  }

  isEnabled(queue: number): boolean {
    return this.#ring(queue).enabled
  }

  setFeatures(features: bigint): string | undefined {
    this.settle()
    this.#features = features
    return this.remap()
  }

  setSize(queue: number, size: number): void {
    this.#ring(queue).size = size
  }

  /**
   * Remembers where a frontend says that a ring goes on. A ring that starts goes on at its used index, which alone says what
   * was completed: frontends send the used index, what GET_VRING_BASE said, or after a crash their available index.
   */
  setBase(queue: number, base: number): void {
    this.#ring(queue).base = base
  }

  setAddresses(queue: number, addresses: { desc: number; avail: number; used: number }): string | undefined {
    this.settle()
    this.#ring(queue).addresses = addresses
    return this.isRunning(queue) ? this.#start(queue) : undefined
  }

  setKick(queue: number, fd: number): string | undefined {
    const ring = this.#ring(queue)
    this.#closeKick(queue)
    ring.kick = fd
    ring.started = true
    if (fd < 0) this.#polls(queue, true)
    // Each kick is told once, so the counter is never read: a frontend may make reads block, or set it to anything.
    else this.#host.watch(fd, EPOLLIN | EPOLLET, () => this.#kicked(queue))
    // What the backend before this one published may never have been called for.
    const reason = this.isRunning(queue) ? undefined : (this.#start(queue) ?? this.#callOnce(queue))
    this.#host.wake(this.#row.index)
    return reason
  }

  /** Whether the rings that are kicked move in the memory that was granted. */
  #lookForLife(): void {
    if (this.#deafKicks < 0) return
    for (let queue = 0; queue < VRINGS_PER_PORT; queue++) {
      const vring = this.#vring(queue)
      if (!vring.isRunning) continue
      const index = this.#row.memory.data.getUint16(vring.get(V_AVAIL) + 2, true)
      if (index !== 0 || vring.get(V_LAST_AVAIL) !== 0) {
        this.#deafKicks = -1
        return
      }
    }
    if (++this.#deafKicks === UNSHARED_KICKS) this.onUnshared()
  }

  #kicked(queue: number): void {
    this.#host.plane.countKick(this.#row.index)
    this.#lookForLife()
    this.#host.wake(this.#row.index)
    const ring = this.#ring(queue)
    const at = this.#vring(queue).get(V_LAST_AVAIL)
    ring.idleKicks = at === ring.kickedAt ? ring.idleKicks + 1 : 0
    ring.kickedAt = at
    if (ring.idleKicks < MAX_IDLE_KICKS) return
    this.#muted.add(queue)
    this.#polls(queue, true)
    this.#host.rewatch(ring.kick, EPOLLET)
    this.#row.count(C_MUTED_KICKS)
  }

  /** Listens to the kicks again that were too many. Called some ten times a second. */
  tick(): void {
    for (const queue of this.#muted) {
      const ring = this.#ring(queue)
      ring.idleKicks = MAX_IDLE_KICKS / 2
      this.#polls(queue, false)
      this.#host.rewatch(ring.kick, EPOLLIN | EPOLLET)
    }
    this.#muted.clear()
  }

  /** Replaces the call; a running ring is called once, because a call may have been lost meanwhile. Returns what is wrong. */
  setCall(queue: number, fd: number): string | undefined {
    const ring = this.#ring(queue)
    if (ring.call >= 0) closeFd(ring.call)
    ring.call = fd
    this.#host.setCall(this.#vring(queue).id, fd)
    return this.isRunning(queue) ? this.#callOnce(queue) : undefined
  }

  /** Calls the frontend, if it can be called. Returns what is wrong. */
  #callOnce(queue: number): string | undefined {
    const { call } = this.#ring(queue)
    return call >= 0 && signalEventfd(call) === EINTR
      ? `the call descriptor of ring ${queue} blocks`
      : undefined
  }

  setErr(queue: number, fd: number): void {
    const ring = this.#ring(queue)
    if (ring.err >= 0) closeFd(ring.err)
    ring.err = fd
  }

  setEnabled(queue: number, on: boolean): void {
    this.#ring(queue).enabled = on
    if (!this.isRunning(queue)) return
    const vring = this.#vring(queue)
    const flags = vring.get(V_FLAGS)
    vring.set(V_FLAGS, on ? flags | VRING_ENABLED : flags & ~VRING_ENABLED)
    this.#host.wake(this.#row.index)
  }

  /** Maps all running rings anew: memory or features changed. Returns why one cannot run. */
  remap(): string | undefined {
    for (let queue = 0; queue < VRINGS_PER_PORT; queue++) {
      if (!this.isRunning(queue)) continue
      const reason = this.#start(queue)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  /** Writes the ring's row. Returns why it cannot run. */
  #start(queue: number): string | undefined {
    const { size, addresses, enabled } = this.#ring(queue)
    if (size === 0) return `ring ${queue} was started without a size`
    if (!addresses) return `ring ${queue} was started without addresses`
    const parts = [
      { key: `${queue}.desc`, at: addresses.desc, bytes: size * 16, align: 16 },
      { key: `${queue}.avail`, at: addresses.avail, bytes: 6 + size * 2, align: 2 },
      { key: `${queue}.used`, at: addresses.used, bytes: 6 + size * 8, align: 4 },
    ]
    const offsets: number[] = []
    for (const part of parts) {
      if (part.at % part.align !== 0)
        return `ring ${part.key} at 0x${part.at.toString(16)} is not aligned to ${part.align} bytes`
      const offset = this.#grants.mapRing(part.key, part.at, part.bytes)
      if (typeof offset === 'string') return offset
      offsets.push(offset)
    }
    const [desc = 0, avail = 0, used = 0] = offsets
    const vring = this.#vring(queue)
    const running = vring.isRunning
    if (!running && vring.isReceive && !this.#takeBacklog(queue))
      return 'the linear memory has no room for another ring'
    vring.set(V_DESC, desc)
    vring.set(V_AVAIL, avail)
    vring.set(V_USED, used)
    vring.set(V_SIZE, size)
    vring.set(V_HEADER_BYTES, netHeaderBytes(this.#features))
    vring.identify()
    vring.set(V_CALL_COUNTER, vring.isReceive ? C_CALLS : C_TX_CALLS)
    if (!running) {
      vring.takeMergeTable(size)
      const index = this.#row.memory.data.getUint16(used + 2, true)
      vring.set(V_LAST_AVAIL, index)
      vring.set(V_AVAIL_SEEN, index)
      vring.set(V_USED_NEXT, index)
      vring.set(V_USED_PUBLISHED, index)
    }
    let flags = VRING_READY
    if (enabled) flags |= VRING_ENABLED
    if ((this.#features & VIRTIO_F.EVENT_IDX) !== 0n) flags |= VRING_EVENT_IDX
    if ((this.#features & VIRTIO_F.INDIRECT_DESC) !== 0n) flags |= VRING_INDIRECT
    if ((this.#features & VIRTIO_NET_F.MRG_RXBUF) !== 0n) flags |= VRING_MERGEABLE
    vring.set(V_FLAGS, flags)
    return undefined
  }

  /** Gives a receive ring its backlog: the first one the port's own byte ring. Returns false when there is no room. */
  #takeBacklog(queue: number): boolean {
    const ring = queue === 0 ? this.#row.ring : allocateByteRing(this.#row.memory)
    this.#vring(queue).set(V_BACKLOG, ring)
    return ring !== 0
  }

  /** Publishes what is held, because memory, rings or offloads are about to change. */
  settle(): void {
    this.#host.plane.publishPort(this.#row.index)
  }

  #polls(queue: number, on: boolean): void {
    if (on) this.#unkicked.add(queue)
    else this.#unkicked.delete(queue)
    this.#host.setPolled(this.#row.index, this.#unkicked.size > 0)
  }

  #closeKick(queue: number): void {
    const ring = this.#ring(queue)
    this.#polls(queue, false)
    this.#muted.delete(queue)
    ring.idleKicks = 0
    if (ring.kick < 0) return
    this.#host.unwatch(ring.kick)
    closeFd(ring.kick)
    ring.kick = -1
  }

  /**
   * Stops a ring, which keeps its size and addresses for another start. What it holds is published before, also when the
   * frontend has gone: the guest may live on, and the frames are counted as delivered.
   * @returns the next available index that it would take
   */
  stop(queue: number): number {
    this.settle()
    const vring = this.#vring(queue)
    const base = vring.isRunning ? vring.get(V_LAST_AVAIL) : this.#ring(queue).base
    vring.clear(queue === 0)
    this.#closeKick(queue)
    const ring = this.#ring(queue)
    ring.started = false
    ring.base = base
    for (const part of ['desc', 'avail', 'used']) this.#grants.unmapRing(`${queue}.${part}`)
    return base
  }

  /** Stops all rings, closes every descriptor and forgets what was said of them. */
  reset(): void {
    this.#host.plane.dropBacklog(this.#row.index)
    this.#deafKicks = 0
    for (let queue = 0; queue < VRINGS_PER_PORT; queue++) {
      this.stop(queue)
      this.setCall(queue, -1)
      this.setErr(queue, -1)
      this.#rings[queue] = newRing()
    }
    this.#features = 0n
  }
}

/**
 * The rings of one vif: what the frontend said of each, and the row in the plane's vring table that follows
 * from it. A ring runs when it has a size, addresses that map, and a kick; it moves frames when it is
 * enabled, too. Source: QEMU docs/interop/vhost-user.rst (9.0), "Ring states".
 */

import { allocateByteRing } from '../../core/byte-ring.js'
import {
  V_BACKLOG,
  V_FLAGS,
  V_LAST_AVAIL,
  V_LOG_PAGE,
  V_USED_PUBLISHED,
  VRING_ENABLED,
  VRING_EVENT_IDX,
  VRING_INDIRECT,
  VRING_LOGS,
  VRING_MERGEABLE,
  VRING_READY,
  VRINGS_PER_PORT,
} from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import { VringRow } from '../../core/vring-row.js'
import type { Grants } from '../../grants/grants.js'
import { signalEventfd } from '../../sys/eventfd.js'
import { EINTR } from '../../sys/libc.js'
import { PAGE_BYTES } from '../../sys/native-buffer.js'
import { closeFd } from '../../sys/unix-socket.js'
import type { VringAddresses } from '../../vhost-user/device.js'
import { netHeaderBytes, VIRTIO_F, VIRTIO_NET_F } from '../../virtio/virtio.js'
import type { PortHost } from '../port.js'
import { VifKicks } from './kicks.js'

interface Ring {
  size: number
  base: number
  addresses: VringAddresses | undefined
  call: number
  err: number
  enabled: boolean
}

function newRing(): Ring {
  return {
    size: 0,
    base: 0,
    addresses: undefined,
    call: -1,
    err: -1,
    enabled: false,
  }
}

export class VifRings {
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #grants: Grants
  readonly #vrings: readonly VringRow[]
  readonly #rings: Ring[] = Array.from({ length: VRINGS_PER_PORT }, newRing)
  readonly #kicks: VifKicks
  #features = 0n
  /** Pages of guest memory that the log of a migration has bits for; 0: nothing is logged. */
  #logPages = 0

  /** @param onUnshared called when the guest kicks and no ring ever moves */
  constructor(host: PortHost, row: PortRow, grants: Grants, onUnshared: () => void) {
    this.#host = host
    this.#row = row
    this.#grants = grants
    this.#vrings = this.#rings.map((_, queue) => new VringRow(row.memory, row.index, queue))
    this.#kicks = new VifKicks(host, row, this.#vrings, onUnshared)
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

  tick(): void {
    this.#kicks.tick()
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

  setAddresses(queue: number, addresses: VringAddresses): string | undefined {
    this.settle()
    this.#ring(queue).addresses = addresses
    return this.isRunning(queue) ? this.#start(queue) : undefined
  }

  /** Replaces the kick, and starts a ring that does not run. Returns what is wrong. @param fd -1: the ring is polled */
  setKick(queue: number, fd: number): string | undefined {
    this.#kicks.set(queue, fd)
    // What the backend before this one published may never have been called for.
    const reason = this.isRunning(queue) ? undefined : (this.#start(queue) ?? this.#callOnce(queue))
    this.#host.wake(this.#row.index)
    return reason
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
    const logEnd = Math.ceil(((addresses.log ?? addresses.used) + (parts[2]?.bytes ?? 0)) / PAGE_BYTES)
    if (this.#logPages > 0 && logEnd > this.#logPages)
      return `the log of dirty pages has bits for ${this.#logPages} pages, and is to tell of page ${logEnd} for ring ${queue}`
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
    vring.place({ desc, avail, used, size, headerBytes: netHeaderBytes(this.#features) })
    if (!running) vring.begin(this.#row.memory.data.getUint16(used + 2, true))
    vring.set(V_LOG_PAGE, Math.floor((addresses.log ?? addresses.used) / PAGE_BYTES))
    let flags = VRING_READY
    if (this.#logPages > 0) flags |= VRING_LOGS
    if (enabled) flags |= VRING_ENABLED
    if ((this.#features & VIRTIO_F.EVENT_IDX) !== 0n) flags |= VRING_EVENT_IDX
    if ((this.#features & VIRTIO_F.INDIRECT_DESC) !== 0n) flags |= VRING_INDIRECT
    if ((this.#features & VIRTIO_NET_F.MRG_RXBUF) !== 0n) flags |= VRING_MERGEABLE
    vring.set(V_FLAGS, flags)
    return undefined
  }

  /**
   * Logs what is written into the rings and their buffers, or no longer. Returns what is wrong.
   * @param pages of guest memory that the log has bits for; 0: nothing is logged
   */
  setLog(pages: number): string | undefined {
    if (pages === this.#logPages) return undefined
    this.settle()
    this.#logPages = pages
    return this.remap()
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
    this.#kicks.close(queue)
    this.#ring(queue).base = base
    for (const part of ['desc', 'avail', 'used']) this.#grants.unmapRing(`${queue}.${part}`)
    return base
  }

  /**
   * Stops all rings, closes every descriptor and forgets what was said of them, but where they stopped: QEMU 7.2 resets the
   * status of a device before it asks for that, and a VM that is migrated or saved goes on from there.
   */
  reset(): void {
    this.#host.plane.dropBacklog(this.#row.index)
    this.#kicks.forget()
    for (let queue = 0; queue < VRINGS_PER_PORT; queue++) {
      const base = this.stop(queue)
      this.setCall(queue, -1)
      this.setErr(queue, -1)
      this.#rings[queue] = { ...newRing(), base }
    }
    this.#features = 0n
  }

  /** The guest has gone: where its rings stopped concerns nobody. */
  forgetBases(): void {
    for (const ring of this.#rings) ring.base = 0
  }
}

/**
 * A TAP device: the host kernel's end of a cable, for a network namespace or any program with a socket. Frames
 * carry the virtio-net header both ways, so offloads cross as they are. The device may be set down, moved to
 * another namespace or removed at any time; the port follows, and makes a removed device anew.
 */

import { flowHash, frameBytes } from '../core/byte-ring.js'
import {
  DROP_DETACHED,
  DROP_HOST_ERROR,
  INGEST_AT,
  MAX_QUEUE_PAIRS,
  P_QUEUE_PAIRS,
  RECORD_NET_HEADER,
} from '../core/layout.js'
import { TAKE_ALL } from '../core/port-row.js'
import { RingferryError } from '../errors/errors.js'
import { memoryAddress } from '../grants/memory-address.js'
import { type FrameReads, type FrameWrites, settle } from '../sys/frame-calls.js'
import { errnoName } from '../sys/libc.js'
import { bringUp, setMtu } from '../sys/network-device.js'
import { openTap, TAP_HEADER_BYTES, tapState } from '../sys/tap.js'
import { closeFd } from '../sys/unix-socket.js'
import type { TapConfig } from './config.js'
import { DescriptorPort } from './descriptor-port.js'
import { MAX_READ_BYTES, TAKE_TCP } from './host-output.js'
import type { PortHost, PortStatus } from './port.js'
import { listFrames, openTapIo, type TapIo } from './tap-io.js'

const MAX_WRITES = 256

const TAKES = { none: 0, tcp: TAKE_TCP, 'tcp+udp': TAKE_ALL } as const

export class TapPort extends DescriptorPort<TapConfig> {
  #io: TapIo | undefined

  constructor(host: PortHost, index: number, config: TapConfig) {
    super(host, index, config, config.device)
  }

  override open(): void {
    const queues = this.config.queues ?? 1
    if (queues < 1 || queues > MAX_QUEUE_PAIRS)
      throw new RingferryError(
        'CONFIG',
        `port ${this.name}: a TAP has 1 to ${MAX_QUEUE_PAIRS} queues, not ${queues}`,
      )
    super.open()
  }

  /** Makes the device, or uses the one that is there. */
  protected attach(): void {
    const { device, queues = 1, offloads = true, mtu } = this.config
    const { fds, offloads: agreed } = openTap(device, queues, offloads)
    try {
      if (mtu !== undefined) setMtu(device, mtu)
      bringUp(device)
      this.#io = openTapIo(this.host, fds)
    } catch (error) {
      for (const fd of fds) closeFd(fd)
      throw error
    }
    this.row.set(P_QUEUE_PAIRS, queues)
    this.attached(fds, { takes: TAKES[agreed], sends: TAKES[agreed] })
    this.setLink(tapState(this.fd) === 'up')
  }

  /** A device that is there gets a new MTU; without the setting it keeps what it has. */
  protected override adapt({ device, mtu }: TapConfig): () => void {
    if (mtu === undefined || mtu === this.config.mtu || this.fd < 0) return () => {}
    const before = setMtu(device, mtu)
    return () => {
      setMtu(device, before)
    }
  }

  /** The device may be up, down or removed. One that makes us wait looks like one that is down: the next write tells. */
  protected override follow(): void {
    const state = tapState(this.fd)
    if (state === 'gone') this.detach(`device ${this.config.device} was removed`)
    else if (state === 'up' || !this.isBlocked) this.setLink(state === 'up')
  }

  override status(): PortStatus {
    const unbatched = this.#io?.whySingle
    return { ...super.status(), ...(unbatched === undefined ? {} : { unbatched }) }
  }

  /** The device goes with the last that holds it open, a request of ours to read included. */
  protected override release(): void {
    const io = this.#io
    this.#io = undefined
    io?.close()
    if (io) this.row.countDrops(DROP_DETACHED, io.reads.waiting)
    super.release()
  }

  protected readBurst(budget: number): number {
    const io = this.#io
    let frames = 0
    let bytes = 0
    while (io && frames < budget && bytes < MAX_READ_BYTES) {
      const { reads } = io
      const wanted = Math.min(budget - frames, reads.slots)
      const error = reads.read(wanted)
      const isEmpty = reads.waiting < wanted
      const listed = listFrames(this.host.memory, io, wanted, MAX_READ_BYTES - bytes)
      const taken = this.#ingest(reads, listed.frames)
      bytes += listed.bytes
      frames += taken
      // A removed device reads as EBADFD for ever: level-triggered watching must end at once.
      if (error < 0)
        this.detach(`device ${this.config.device}: reading failed (${errnoName(-error)}), it was removed`)
      if (isEmpty || error < 0 || taken < listed.frames) break
    }
    return frames
  }

  /** Hands frames that are listed to the plane. Returns how many it took: those that may wait do when the burst has cost enough. */
  #ingest(reads: FrameReads, count: number): number {
    const { plane } = this.host
    let taken = plane.ingestBurst(this.index, count, TAP_HEADER_BYTES)
    if (!reads.keeps && taken < count) {
      const { memory } = this.host
      for (; taken < count; taken++) {
        const entry = (INGEST_AT >>> 2) + taken * 2
        plane.ingest(
          this.index,
          memory.u32[entry] as number,
          memory.u32[entry + 1] as number,
          TAP_HEADER_BYTES,
        )
      }
    }
    reads.drop(taken)
    return taken
  }

  transmit(): number {
    let written = 0
    while (written < MAX_WRITES && this.#io) {
      const { writes } = this.#io
      const count = this.#addWrites(writes)
      if (count === 0) break
      if (writes.write() === 0) {
        this.output.pop(count)
        written += count
        continue
      }
      const { done, lost, waits } = settle(writes, count)
      this.row.countDrops(DROP_HOST_ERROR, lost)
      this.output.pop(done)
      written += done - lost
      // Somebody limits its send buffer (TUNSETSNDBUF).
      if (waits) this.#io.writeSingly()
      if (done < count) {
        this.block(this.#queueOf(this.output.first()))
        break
      }
      if (waits || tapState(this.fd) === 'up') continue
      this.setLink(false)
      break
    }
    return written
  }

  /** The descriptor of the queue by which a record leaves. */
  #queueOf(record: number): number {
    const queues = this.fds.length
    return this.fds[queues > 1 ? flowHash(this.host.memory, record) % queues : 0] as number
  }

  /** Puts the oldest records into a batch. Returns how many. */
  #addWrites(writes: FrameWrites): number {
    const { memory } = this.host
    const base = memoryAddress(memory) + RECORD_NET_HEADER
    const count = Math.min(this.output.count, writes.capacity)
    let record = count > 0 ? this.output.first() : 0
    for (let added = 0; added < count; added++) {
      if (added > 0) record = this.output.next(record)
      writes.add(this.#queueOf(record), base + record, TAP_HEADER_BYTES + frameBytes(memory, record))
    }
    return count
  }
}

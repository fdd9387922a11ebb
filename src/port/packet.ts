/**
 * A host NIC (or veth, or any other device) by AF_PACKET: the uplink. The kernel hands over partial checksums
 * and segments that are not cut yet whatever the port is told, so the virtio-net header is always on; the
 * kernel takes the same back and cuts for the NIC. A VLAN tag that the kernel took out is put back.
 */

import { release } from 'node:os'
import { frameBytes } from '../core/byte-ring.js'
import { DROP_DETACHED, DROP_HOST_ERROR, RECORD_FRAME, RECORD_NET_HEADER, STAGE_AT } from '../core/layout.js'
import { TAKE_ALL } from '../core/port-row.js'
import { memoryAddress } from '../grants/memory-address.js'
import { EAGAIN, EINTR, errnoName } from '../sys/libc.js'
import { ReceiveBatch, SendBatch } from '../sys/message-batch.js'
import { deviceState } from '../sys/network-device.js'
import {
  openPacketSocket,
  PACKET_CONTROL_BYTES,
  PACKET_HEADER_BYTES,
  takeKernelDrops,
  takenTag,
  takeSocketError,
} from '../sys/packet-socket.js'
import { closeFd } from '../sys/unix-socket.js'
import type { PacketConfig } from './config.js'
import { DescriptorPort } from './descriptor-port.js'
import { SLOT_BYTES, STAGE_SLOTS } from './frame-slots.js'
import { MAX_READ_BYTES, TAKE_TCP } from './host-output.js'
import { PACKET_RING_SIZES, PacketRing } from './packet-ring.js'
import type { PortHost } from './port.js'
import { putTagBack, TAG_BYTES } from './taken-tag.js'

/** Room before a message, into which its head moves when a tag is put back. */
const HEADROOM_BYTES = 8
const SEND_BATCH = 32
const MAX_WRITES = 256
/** Errors of a socket that are told in a row before what waits is given up. */
const MAX_ERRORS = 4

/** Whether the kernel takes UDP segments with a virtio-net header. Source: Linux 6.2, virtio_net_hdr_to_skb. */
function takesUdpSegments(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  return major > 6 || (major === 6 && minor >= 2)
}

/** Whether a refusal concerns one frame, and not the device. */
function errnoIsOfFrame(error: number): boolean {
  const name = errnoName(error)
  return (
    name === 'EINVAL' || name === 'EMSGSIZE' || name === 'ENOBUFS' || name === 'ENOMEM' || name === 'EFAULT'
  )
}

export class PacketPort extends DescriptorPort<PacketConfig> {
  readonly #takes: number
  readonly #receiving: ReceiveBatch
  readonly #sending = new SendBatch(SEND_BATCH)
  #deviceIndex = 0
  #ring: PacketRing | undefined

  constructor(host: PortHost, index: number, config: PacketConfig) {
    super(host, index, config, config.device)
    this.#takes = config.offloads === false ? 0 : takesUdpSegments() ? TAKE_ALL : TAKE_TCP
    const base = memoryAddress(host.memory)
    const slots = Array.from({ length: STAGE_SLOTS }, (_, slot) => base + this.#messageAt(slot))
    this.#receiving = new ReceiveBatch(slots, SLOT_BYTES - HEADROOM_BYTES, PACKET_CONTROL_BYTES)
  }

  #messageAt(slot: number): number {
    return STAGE_AT + slot * SLOT_BYTES + HEADROOM_BYTES
  }

  protected attach(): void {
    const { fd, index } = openPacketSocket(this.config.device, PACKET_RING_SIZES)
    try {
      this.#ring = new PacketRing(this.host.memory, fd, this.name)
    } catch (error) {
      closeFd(fd)
      throw error
    }
    this.#deviceIndex = index
    this.attached([fd], { takes: this.#takes, sends: TAKE_ALL })
    this.setLink(deviceState(fd, index) === 'up')
  }

  #countKernelDrops(): void {
    this.row.countDrops(DROP_HOST_ERROR, takeKernelDrops(this.fd))
  }

  protected override release(): void {
    if (this.fd >= 0) this.#countKernelDrops()
    const ring = this.#ring
    this.#ring = undefined
    if (ring) {
      this.row.countDrops(DROP_DETACHED, ring.waiting)
      ring.close()
    }
    super.release()
  }

  protected override follow(): void {
    this.#countKernelDrops()
    this.#followDevice()
  }

  /** The device may be up, down, or gone, whereupon the port waits for it. */
  #followDevice(): void {
    const state = deviceState(this.fd, this.#deviceIndex)
    if (state === 'gone') this.detach(`device ${this.config.device} was removed`)
    else this.setLink(state === 'up')
  }

  protected readBurst(budget: number): number {
    const ring = this.#ring
    let frames = 0
    let bytes = 0
    while (ring && this.#ring === ring && frames < budget && bytes < MAX_READ_BYTES) {
      const listed = ring.list(budget - frames)
      if (listed > 0) {
        const taken = this.host.plane.ingestBurst(this.index, listed, PACKET_HEADER_BYTES)
        ring.release(taken)
        frames += taken
        if (taken < listed) break
        continue
      }
      const copied = ring.copied(Math.min(budget - frames, STAGE_SLOTS))
      if (copied > 0) bytes += this.#readCopied(copied)
      else if (ring.isCut) this.row.countDrops(DROP_HOST_ERROR, 1)
      else break
      if (this.#ring === ring) ring.release(Math.max(copied, 1))
      frames += Math.max(copied, 1)
    }
    // A device that goes down or away tells of it once, by an error that wakes us until it is taken.
    if (frames === 0 && this.fd >= 0 && takeSocketError(this.fd) !== 0) this.#followDevice()
    return frames
  }

  /** Reads frames that wait on the socket and gives them to the plane. Returns their bytes, more when the burst has cost enough. */
  #readCopied(count: number): number {
    const batch = this.#receiving
    let bytes = 0
    let errors = 0
    for (let done = 0; done < count && this.fd >= 0; ) {
      const got = batch.receive(this.fd, count - done)
      if (got === -EINTR) continue
      if (got <= 0) {
        // What is told first may be that the device went down.
        if (-got !== EAGAIN && ++errors < MAX_ERRORS) continue
        this.row.countDrops(DROP_HOST_ERROR, count - done)
        this.#followDevice()
        break
      }
      for (let slot = 0; slot < got; slot++)
        bytes += this.#ingest(slot) === 0 ? MAX_READ_BYTES : batch.bytes(slot)
      done += got
    }
    return bytes
  }

  /** Hands a frame that was read to the plane. Returns 0 when the burst has cost enough. */
  #ingest(slot: number): number {
    const { memory, plane } = this.host
    const at = this.#messageAt(slot)
    const bytes = this.#receiving.bytes(slot)
    const tag = takenTag(this.#receiving, slot)
    if (tag === 0) return plane.ingest(this.index, at, bytes, PACKET_HEADER_BYTES)
    return plane.ingest(
      this.index,
      putTagBack(memory, at, bytes, tag),
      bytes + TAG_BYTES,
      PACKET_HEADER_BYTES,
    )
  }

  transmit(): number {
    const batch = this.#sending
    let written = 0
    for (let done = 0; done < MAX_WRITES && this.fd >= 0 && this.output.count > 0; ) {
      this.#fill(batch)
      const sent = batch.send(this.fd)
      if (sent >= 0) {
        this.output.pop(sent)
        written += sent
        done += sent
        continue
      }
      if (-sent === EINTR) continue
      if (-sent === EAGAIN) {
        this.block(this.fd)
        break
      }
      this.row.countDrops(DROP_HOST_ERROR, 1)
      this.output.pop(1)
      done++
      if (!errnoIsOfFrame(-sent)) this.#followDevice()
    }
    return written
  }

  /** Puts the oldest records into a batch. */
  #fill(batch: SendBatch): void {
    const { memory } = this.host
    const address = memoryAddress(memory)
    const count = Math.min(this.output.count, batch.capacity)
    let record = this.output.first()
    for (let added = 0; added < count; added++) {
      if (added > 0) record = this.output.next(record)
      batch.add(
        address + record + RECORD_NET_HEADER,
        PACKET_HEADER_BYTES,
        address + record + RECORD_FRAME,
        frameBytes(memory, record),
      )
    }
  }

  override close(): void {
    super.close()
    this.#receiving.close()
    this.#sending.close()
  }
}

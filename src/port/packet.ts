/**
 * A host NIC (or veth, or any other device) by AF_PACKET: the uplink. The kernel hands over partial checksums
 * and segments that are not cut yet whatever the port is told, so the virtio-net header is always on; the
 * kernel takes the same back and cuts for the NIC. A VLAN tag that the kernel took out is put back.
 */

import { release } from 'node:os'
import {
  DROP_HOST_ERROR,
  PORT_LINK,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
  RECORD_NET_HEADER,
  STAGE_AT,
} from '../core/layout.js'
import { memoryAddress } from '../grants/memory-address.js'
import { EPOLLIN, EPOLLOUT } from '../sys/epoll.js'
import { EAGAIN, EINTR, errnoName } from '../sys/libc.js'
import { deviceState } from '../sys/network-device.js'
import {
  openPacketSocket,
  PACKET_HEADER_BYTES,
  ReceiveBatch,
  SendBatch,
  takeKernelDrops,
} from '../sys/packet-socket.js'
import { closeFd } from '../sys/unix-socket.js'
import { NET_HEADER, VIRTIO_NET_HDR_F } from '../virtio/virtio.js'
import type { PacketConfig } from './config.js'
import { countDrops, forgetPeer, HostOutput, MAX_READ_BYTES, offloadNames, TAKE_TCP } from './host-output.js'
import type { Port, PortHost, PortStatus } from './port.js'
import { PortRow, TAKE_ALL } from './row.js'

const RETRY_US = 200_000
/** The staging area in slots: the largest frame, its header and a tag to put back fit into each. */
const SLOTS = 7
const SLOT_BYTES = 0x12000
/** Room before a message, into which its head moves when a tag is put back. */
const HEADROOM_BYTES = 8
const TAG_BYTES = 4
const MACS_BYTES = 12
const SEND_BATCH = 32
const MAX_WRITES = 256
/** Reads refused in a row before the port looks at its device. */
const MAX_REFUSALS = 16

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

export class PacketPort implements Port {
  readonly name: string
  readonly kind = 'packet'
  readonly index: number
  readonly #host: PortHost
  readonly #config: PacketConfig
  readonly #row: PortRow
  readonly #output: HostOutput
  readonly #takes: number
  #receive: ReceiveBatch | undefined
  #send: SendBatch | undefined
  #fd = -1
  #deviceIndex = 0
  #up = false
  #blocked = false
  #retryAtUs = 0
  #reason: string | undefined

  constructor(host: PortHost, index: number, config: PacketConfig) {
    this.#host = host
    this.#config = config
    this.name = config.name
    this.index = index
    this.#row = new PortRow(host.memory, index)
    this.#output = new HostOutput(host, this.#row)
    this.#takes = config.offloads === false ? 0 : takesUdpSegments() ? TAKE_ALL : TAKE_TCP
  }

  open(): void {
    this.#row.open(this.#config, false)
    try {
      this.#attach()
    } catch (error) {
      this.#row.close()
      throw error
    }
    const slots = Array.from(
      { length: SLOTS },
      (_, slot) => memoryAddress(this.#host.memory) + this.#messageAt(slot),
    )
    this.#receive = new ReceiveBatch(slots, SLOT_BYTES - HEADROOM_BYTES)
    this.#send = new SendBatch(SEND_BATCH)
  }

  #messageAt(slot: number): number {
    return STAGE_AT + slot * SLOT_BYTES + HEADROOM_BYTES
  }

  #attach(): void {
    const { fd, index } = openPacketSocket(this.#config.device)
    this.#fd = fd
    this.#deviceIndex = index
    this.#blocked = false
    this.#reason = undefined
    this.#row.setOffloads(this.#takes, TAKE_ALL)
    this.#host.watch(fd, EPOLLIN, (events) => this.#onEvents(fd, events))
    this.#host.report(this, 'attached', this.#config.device)
    this.#setLink(deviceState(fd, index) === 'up')
  }

  #onEvents(fd: number, events: number): void {
    if ((events & EPOLLOUT) !== 0) {
      this.#blocked = false
      this.#host.rewatch(fd, EPOLLIN)
    }
    if ((events & ~EPOLLOUT) !== 0) this.#host.wake(this.index)
  }

  #setLink(up: boolean): void {
    if (up === this.#up) return
    this.#up = up
    this.#row.flag(PORT_LINK, up)
    if (!up) forgetPeer(this.#host, this.#row)
    this.#host.report(this, up ? 'link-up' : 'link-down', this.#config.device)
  }

  #release(): void {
    if (this.#fd < 0) return
    countDrops(this.#row, DROP_HOST_ERROR, takeKernelDrops(this.#fd))
    this.#host.unwatch(this.#fd)
    closeFd(this.#fd)
    this.#fd = -1
  }

  /** Looks at the device: up, down, or gone, whereupon the port waits for it. */
  #follow(): void {
    const state = deviceState(this.#fd, this.#deviceIndex)
    if (state !== 'gone') {
      this.#setLink(state === 'up')
      return
    }
    this.#detach(`device ${this.#config.device} was removed`)
  }

  #detach(reason: string): void {
    this.#release()
    this.#reason = reason
    this.#setLink(false)
    this.#host.report(this, 'detached', reason)
  }

  fail(reason: string): void {
    if (this.#fd >= 0) this.#detach(reason)
    else if (this.#reason !== reason) {
      this.#reason = reason
      this.#host.report(this, 'error', reason)
    }
  }

  tick(nowUs: number): void {
    if (this.#fd >= 0) {
      countDrops(this.#row, DROP_HOST_ERROR, takeKernelDrops(this.#fd))
      this.#follow()
      return
    }
    if (nowUs < this.#retryAtUs) return
    this.#retryAtUs = nowUs + RETRY_US
    this.#attach()
  }

  receive(budget: number): number {
    const batch = this.#receive
    if (!batch) return 0
    let frames = 0
    let refusals = 0
    let readBytes = 0
    while (frames < budget && this.#fd >= 0 && readBytes < MAX_READ_BYTES) {
      const wanted = Math.min(budget - frames, SLOTS)
      const got = batch.receive(this.#fd, wanted)
      if (got < 0) {
        if (-got === EAGAIN) break
        if (-got === EINTR) continue
        // One frame that the header cannot describe (EINVAL), or the device went down or away (ENETDOWN).
        if (errnoIsOfFrame(-got)) countDrops(this.#row, DROP_HOST_ERROR, 1)
        else this.#follow()
        if (++refusals >= MAX_REFUSALS) break
        continue
      }
      for (let slot = 0; slot < got; slot++) {
        const more = this.#ingest(batch, slot)
        readBytes += more ? batch.bytes(slot) : MAX_READ_BYTES
      }
      frames += got
      if (got < wanted) break
    }
    // While frames come, looking again next turn costs one call and is sooner than the next look at epoll.
    if (frames > 0) this.#host.wake(this.index)
    return frames
  }

  /** Hands a frame to the plane. Returns 0 when the burst has cost enough. */
  #ingest(batch: ReceiveBatch, slot: number): number {
    const { memory, plane } = this.#host
    const at = this.#messageAt(slot)
    const bytes = batch.bytes(slot)
    const tag = batch.tag(slot)
    if (tag === 0 || bytes < PACKET_HEADER_BYTES + MACS_BYTES)
      return plane.ingest(this.index, at, bytes, PACKET_HEADER_BYTES)
    const to = at - TAG_BYTES
    const { u8, data } = memory
    u8.copyWithin(to, at, at + PACKET_HEADER_BYTES + MACS_BYTES)
    data.setUint32(to + PACKET_HEADER_BYTES + MACS_BYTES, tag, false)
    if (((u8[to + NET_HEADER.FLAGS] as number) & VIRTIO_NET_HDR_F.NEEDS_CSUM) !== 0) {
      const start = to + NET_HEADER.CSUM_START
      data.setUint16(start, data.getUint16(start, true) + TAG_BYTES, true)
    }
    return plane.ingest(this.index, to, bytes + TAG_BYTES, PACKET_HEADER_BYTES)
  }

  hasOutput(): boolean {
    return !this.#blocked && this.#output.count > 0
  }

  transmit(): number {
    const batch = this.#send
    if (!batch) return 0
    let written = 0
    for (let done = 0; done < MAX_WRITES && this.#fd >= 0 && this.#output.count > 0; ) {
      this.#fill(batch)
      const sent = batch.send(this.#fd)
      if (sent >= 0) {
        this.#output.pop(sent)
        written += sent
        done += sent
        continue
      }
      if (-sent === EINTR) continue
      if (-sent === EAGAIN) {
        this.#blocked = true
        this.#host.rewatch(this.#fd, EPOLLIN | EPOLLOUT)
        break
      }
      countDrops(this.#row, DROP_HOST_ERROR, 1)
      this.#output.pop(1)
      done++
      if (!errnoIsOfFrame(-sent)) this.#follow()
    }
    return written
  }

  /** Puts the oldest records into a batch. */
  #fill(batch: SendBatch): void {
    const { memory } = this.#host
    const { u32 } = memory
    const address = memoryAddress(memory)
    const count = Math.min(this.#output.count, batch.capacity)
    let record = this.#output.first()
    for (let added = 0; added < count; added++) {
      if (added > 0) record = this.#output.next(record)
      const frameBytes = u32[(record + RECORD_FRAME_BYTES) >>> 2] as number
      batch.add(
        address + record + RECORD_NET_HEADER,
        PACKET_HEADER_BYTES,
        address + record + RECORD_FRAME,
        frameBytes,
      )
    }
  }

  status(): PortStatus {
    return {
      name: this.name,
      kind: this.kind,
      index: this.index,
      state: this.#up ? 'up' : this.#fd >= 0 ? 'attached' : 'waiting',
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      detachments: 0,
      negotiated: offloadNames(this.#takes),
      place: this.#config.device,
    }
  }

  close(): void {
    this.#release()
    this.#receive?.close()
    this.#send?.close()
    this.#receive = undefined
    this.#send = undefined
    this.#row.close()
  }
}

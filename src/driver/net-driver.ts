/**
 * A virtio-net driver over split rings: what a guest kernel's driver does, without the kernel.
 *
 *   rings: receive 0, transmit 0, receive 1, transmit 1, ..., control (last)
 *
 * Buffers lie in guest memory in slots, one pool a ring; a chain's token is its slot. A notification leaves
 * through `kick`. Two ways to use it: send and receive copy frames and take any layout (tests, guests);
 * prepareTx/sendPrepared/reapTx and drainRx allocate nothing and re-publish descriptors that were written
 * once (generators). Source: virtio 1.3, 5.1.6.
 */
import { MAX_VRING_SIZE, netHeaderBytes, VIRTIO_F, VIRTIO_NET_F } from '../virtio/virtio.js'
import { ControlQueue } from './control-queue.js'
import type { DriverMemory } from './driver-memory.js'
import type { GuestMemory } from './guest-memory.js'
import type { NetHeader } from './net-header.js'
import { type ReceivedFrame, type Receiver, RxQueue } from './rx-queue.js'
import { SplitRing } from './split-ring.js'
import { type TxLayout, TxQueue } from './tx-queue.js'

export type { NetHeader } from './net-header.js'
export type { ReceivedFrame } from './rx-queue.js'
export type { TxLayout } from './tx-queue.js'

/** How a driver and its rings are made. */
export interface NetDriverOptions {
  /** Negotiated virtio features. */
  readonly features: bigint
  readonly queuePairs?: number
  /** Entries of each ring (default 256). */
  readonly ringSize?: number
  /** Entries of each transmit ring; default ringSize. */
  readonly txRingSize?: number
  /** Room of a transmit slot in bytes, header included (default 2048). */
  readonly txSlotBytes?: number
  /** Called with a ring's number when the device wants a notification. */
  readonly kick?: (ring: number) => void
}

const INDIRECT_ENTRIES = 32
const TX_SLOT_BYTES = 2048

/** The driver's side of a virtio-net device: sends and receives frames over split rings in guest memory. */
export class NetDriver<Memory extends DriverMemory = GuestMemory> implements Receiver {
  readonly memory: Memory
  readonly features: bigint
  readonly queuePairs: number
  readonly headerBytes: number
  readonly mergeable: boolean
  /** All rings by their vhost number. */
  readonly rings: readonly SplitRing<Memory>[]
  /** Number of the control ring, or -1. */
  readonly controlIndex: number
  /** Called with a ring's number when the device wants a notification. */
  kick: (ring: number) => void
  /** Frames and bytes (without headers) that drainRx has counted, and what touching them summed up to. */
  rxFrames = 0
  rxBytes = 0
  rxTouched = 0
  /** Received chains that were too short or incomplete: errors of the device. */
  rxMalformed = 0
  readonly #rx: readonly RxQueue[]
  readonly #tx: readonly TxQueue[]
  readonly #control: ControlQueue<Memory> | undefined

  constructor(memory: Memory, options: NetDriverOptions) {
    const { features } = options
    this.memory = memory
    this.features = features
    this.queuePairs = options.queuePairs ?? 1
    this.headerBytes = netHeaderBytes(features)
    this.mergeable = (features & VIRTIO_NET_F.MRG_RXBUF) !== 0n
    this.kick = options.kick ?? (() => {})
    const size = options.ringSize ?? 256
    const txSize = options.txRingSize ?? size
    if (Math.max(size, txSize) > MAX_VRING_SIZE)
      throw new RangeError(`ring size ${Math.max(size, txSize)} is above ${MAX_VRING_SIZE}`)
    const ring = {
      eventIdx: (features & VIRTIO_F.EVENT_IDX) !== 0n,
      indirectEntries: (features & VIRTIO_F.INDIRECT_DESC) !== 0n ? INDIRECT_ENTRIES : 0,
    }
    const rings = Array.from(
      { length: this.queuePairs * 2 },
      (_, number) => new SplitRing(memory, number % 2 === 0 ? size : txSize, ring),
    )
    const hasControl = (features & VIRTIO_NET_F.CTRL_VQ) !== 0n
    this.controlIndex = hasControl ? rings.length : -1
    this.#control = hasControl ? new ControlQueue(memory, ring) : undefined
    if (this.#control) rings.push(this.#control.ring)
    this.rings = rings
    const pairs = Array.from({ length: this.queuePairs }, (_, queue) => queue)
    this.#rx = pairs.map((queue) => new RxQueue(memory, this.rx(queue), this, () => this.publish(queue * 2)))
    const slotBytes = options.txSlotBytes ?? TX_SLOT_BYTES
    this.#tx = pairs.map((queue) => new TxQueue(memory, this.tx(queue), this.headerBytes, slotBytes))
  }

  rx(queue = 0): SplitRing<Memory> {
    return this.rings[queue * 2]!
  }

  tx(queue = 0): SplitRing<Memory> {
    return this.rings[queue * 2 + 1]!
  }

  /** Publishes what was added to a ring and kicks if the device wants it. */
  publish(ring: number): void {
    const target = this.rings[ring]!
    target.publish()
    if (target.needsKick()) this.kick(ring)
  }

  // ---- receive -------------------------------------------------------------------------------------

  /**
   * Posts receive buffers until the ring is full. Once per queue.
   * @param bufferBytes of a whole buffer, header included; without mergeable buffers it bounds the frame
   *   (65562 for large receive offload)
   * @param descriptors how many descriptors each buffer is split into
   */
  fillRx(bufferBytes: number, queue = 0, descriptors = 1): void {
    this.#rxQueue(queue).fill(bufferBytes, descriptors)
  }

  #rxQueue(queue: number): RxQueue {
    return this.#rx[queue] as RxQueue
  }

  #txQueue(queue: number): TxQueue {
    return this.#tx[queue] as TxQueue
  }

  /**
   * Takes one received frame and posts its buffers again. Undefined when none waits, or when the device
   * delivered a broken one (counted in rxMalformed).
   */
  receive(queue = 0): ReceivedFrame | undefined {
    return this.#rxQueue(queue).receive()
  }

  /**
   * Takes and counts received frames (rxFrames, rxBytes), and posts their buffers again. Allocates nothing.
   * @param touch whether to read the payload, one word a cache line, as a consumer would
   * @param limit buffers to take at most
   * Returns the number of frames taken.
   */
  drainRx(touch: boolean, queue = 0, limit = MAX_VRING_SIZE): number {
    return this.#rxQueue(queue).drain(touch, limit)
  }

  // ---- transmit ------------------------------------------------------------------------------------

  /** Adds a frame to a transmit ring, unpublished. Returns false when the ring is full. */
  enqueue(frame: Uint8Array, header: Partial<NetHeader> = {}, queue = 0, layout: TxLayout = {}): boolean {
    return this.#txQueue(queue).enqueue(frame, header, layout)
  }

  /** Sends one frame: enqueue, publish, kick. Returns false when the ring is full. */
  send(frame: Uint8Array, header: Partial<NetHeader> = {}, queue = 0, layout: TxLayout = {}): boolean {
    if (!this.enqueue(frame, header, queue, layout)) {
      this.reapTx(queue)
      if (!this.enqueue(frame, header, queue, layout)) return false
    }
    this.publish(queue * 2 + 1)
    return true
  }

  /**
   * Takes completed frames back. Returns how many. After prepareTx it counts them by the used index alone,
   * which is right for devices that complete in order.
   */
  reapTx(queue = 0): number {
    return this.#txQueue(queue).reap()
  }

  /** Frames sent and not yet taken back. */
  inFlightTx(queue = 0): number {
    return this.#txQueue(queue).inFlight
  }

  /**
   * Turns a fresh transmit ring into a generator's: it is filled with chains of a frame each, written once. The ring
   * repeats them in order; use only sendPrepared and reapTx on it from now on.
   * @param frames of one length in bytes, used in turn
   */
  prepareTx(frames: readonly Uint8Array[], queue = 0, layout: TxLayout = {}): void {
    this.#txQueue(queue).prepare(frames, layout)
  }

  /**
   * Publishes up to `count` prepared frames, as many as are free, and kicks if the device wants it.
   * Reaps first. Returns how many were sent. Allocates nothing.
   */
  sendPrepared(count: number, queue = 0): number {
    const sent = this.#txQueue(queue).sendPrepared(count)
    if (sent > 0 && this.tx(queue).needsKick()) this.kick(queue * 2 + 1)
    return sent
  }

  // ---- control -------------------------------------------------------------------------------------

  /** Sends a control command; false while another one waits. Kicks. See ControlQueue.send. */
  sendControl(commandClass: number, command: number, bytes: Uint8Array = new Uint8Array(0)): boolean {
    if (!this.#control) throw new RangeError('CTRL_VQ was not negotiated')
    if (!this.#control.send(commandClass, command, bytes)) return false
    this.publish(this.controlIndex)
    return true
  }

  /** The device's answer to the command sent (VIRTIO_NET_OK or VIRTIO_NET_ERR), or undefined while it waits. */
  takeControlAck(): number | undefined {
    return this.#control?.takeAck()
  }
}

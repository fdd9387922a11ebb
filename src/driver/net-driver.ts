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
import { MAX_VRING_SIZE, NET_HEADER, netHeaderBytes, VIRTIO_F, VIRTIO_NET_F } from '../virtio/virtio.js'
import { ControlQueue } from './control-queue.js'
import type { GuestMemory } from './guest-memory.js'
import { SplitRing } from './split-ring.js'

/** The fields of struct virtio_net_hdr; all default to 0. */
export interface NetHeader {
  readonly flags: number
  readonly gsoType: number
  readonly hdrLen: number
  readonly gsoSize: number
  readonly csumStart: number
  readonly csumOffset: number
  readonly numBuffers: number
}

/** How a frame is laid out in descriptors. The default: header and frame in one descriptor. */
export interface TxLayout {
  /** Descriptors for the frame's bytes (default 1). */
  readonly descriptors?: number
  /** Whether the header has a descriptor of its own (legacy drivers without ANY_LAYOUT do so). */
  readonly separateHeader?: boolean
  /** Whether the chain goes through an indirect table. */
  readonly indirect?: boolean
}

export interface ReceivedFrame {
  readonly header: NetHeader
  /** A copy, without the header. */
  readonly frame: Uint8Array
}

export interface NetDriverOptions {
  /** Negotiated virtio features. */
  readonly features: bigint
  readonly queuePairs?: number
  /** Entries of each ring (default 256). */
  readonly ringSize?: number
  /** Room of a transmit slot in bytes, header included (default 2048). */
  readonly txSlotBytes?: number
  /** Called with a ring's number when the device wants a notification. */
  readonly kick?: (ring: number) => void
}

const INDIRECT_ENTRIES = 32
const CACHE_LINE = 64

/** The buffers of one ring. */
interface Slots {
  gpa: number
  offset: number
  bytes: number
  free: Int32Array
  freeCount: number
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

export class NetDriver {
  readonly memory: GuestMemory
  readonly features: bigint
  readonly queuePairs: number
  readonly headerBytes: number
  readonly mergeable: boolean
  /** All rings by their vhost number. */
  readonly rings: readonly SplitRing[]
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

  readonly #slots: (Slots | undefined)[]
  readonly #txSlotBytes: number
  /** Per ring: 0, or for a generator's ring 1 + its frames in flight. */
  readonly #prepared: number[]
  readonly #control: ControlQueue | undefined

  constructor(memory: GuestMemory, options: NetDriverOptions) {
    const { features } = options
    this.memory = memory
    this.features = features
    this.queuePairs = options.queuePairs ?? 1
    this.headerBytes = netHeaderBytes(features)
    this.mergeable = (features & VIRTIO_NET_F.MRG_RXBUF) !== 0n
    this.kick = options.kick ?? (() => {})
    this.#txSlotBytes = roundUp(options.txSlotBytes ?? 2048, CACHE_LINE)
    const size = options.ringSize ?? 256
    if (size > MAX_VRING_SIZE) throw new RangeError(`ring size ${size} is above ${MAX_VRING_SIZE}`)
    const ring = {
      eventIdx: (features & VIRTIO_F.EVENT_IDX) !== 0n,
      indirectEntries: (features & VIRTIO_F.INDIRECT_DESC) !== 0n ? INDIRECT_ENTRIES : 0,
    }
    const rings = Array.from({ length: this.queuePairs * 2 }, () => new SplitRing(memory, size, ring))
    const hasControl = (features & VIRTIO_NET_F.CTRL_VQ) !== 0n
    this.controlIndex = hasControl ? rings.length : -1
    this.#control = hasControl ? new ControlQueue(memory, ring) : undefined
    if (this.#control) rings.push(this.#control.ring)
    this.rings = rings
    this.#slots = rings.map(() => undefined)
    this.#prepared = rings.map(() => 0)
  }

  rx(queue = 0): SplitRing {
    return this.rings[queue * 2]!
  }

  tx(queue = 0): SplitRing {
    return this.rings[queue * 2 + 1]!
  }

  #makeSlots(ring: number, count: number, bytes: number): Slots {
    const gpa = this.memory.allocate(count * bytes)
    const slots = {
      gpa,
      offset: this.memory.offsetOf(gpa),
      bytes,
      free: Int32Array.from({ length: count }, (_, i) => count - 1 - i),
      freeCount: count,
    }
    this.#slots[ring] = slots
    return slots
  }

  /** Publishes what was added to a ring and kicks if the device wants it. */
  flush(ring: number): void {
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
    const ring = this.rx(queue)
    const slots = this.#makeSlots(
      queue * 2,
      Math.floor(ring.size / descriptors),
      roundUp(bufferBytes, CACHE_LINE),
    )
    const piece = Math.ceil(bufferBytes / descriptors)
    while (slots.freeCount > 0) {
      const slot = slots.free[--slots.freeCount]!
      const gpa = slots.gpa + slot * slots.bytes
      for (let at = 0; at < bufferBytes; at += piece)
        ring.stage(gpa + at, Math.min(piece, bufferBytes - at), true)
      ring.tokens[ring.commit()] = slot
    }
    this.flush(queue * 2)
  }

  /** Reads the header at an offset of guest memory. */
  readHeader(offset: number): NetHeader {
    const { data } = this.memory
    return {
      flags: data.getUint8(offset + NET_HEADER.FLAGS),
      gsoType: data.getUint8(offset + NET_HEADER.GSO_TYPE),
      hdrLen: data.getUint16(offset + NET_HEADER.HDR_LEN, true),
      gsoSize: data.getUint16(offset + NET_HEADER.GSO_SIZE, true),
      csumStart: data.getUint16(offset + NET_HEADER.CSUM_START, true),
      csumOffset: data.getUint16(offset + NET_HEADER.CSUM_OFFSET, true),
      numBuffers: this.headerBytes === 12 ? data.getUint16(offset + NET_HEADER.NUM_BUFFERS, true) : 1,
    }
  }

  /**
   * Takes one received frame and posts its buffers again. Undefined when none waits, or when the device
   * delivered a broken one (counted in rxMalformed).
   */
  receive(queue = 0): ReceivedFrame | undefined {
    const ring = this.rx(queue)
    const slots = this.#slots[queue * 2]
    const head = slots ? ring.takeUsed() : -1
    if (!slots || head < 0) return undefined
    const parts: Uint8Array[] = []
    const offset = slots.offset + ring.tokens[head]! * slots.bytes
    const header = this.readHeader(offset)
    const length = Math.min(ring.usedLength, slots.bytes)
    let broken = ring.usedLength < this.headerBytes || ring.usedLength > slots.bytes
    parts.push(this.memory.u8.slice(offset + this.headerBytes, offset + Math.max(length, this.headerBytes)))
    ring.post(head)
    const count = this.mergeable ? header.numBuffers : 1
    if (count < 1) broken = true
    for (let i = 1; i < count && !broken; i++) {
      const more = ring.takeUsed()
      if (more < 0 || ring.usedLength > slots.bytes) broken = true
      if (more < 0) break
      const at = slots.offset + ring.tokens[more]! * slots.bytes
      parts.push(this.memory.u8.slice(at, at + Math.min(ring.usedLength, slots.bytes)))
      ring.post(more)
    }
    this.flush(queue * 2)
    if (broken) {
      this.rxMalformed++
      return undefined
    }
    return { header, frame: new Uint8Array(Buffer.concat(parts)) }
  }

  /**
   * Takes and counts received frames (rxFrames, rxBytes), and posts their buffers again. Allocates nothing.
   * @param touch whether to read the payload, one word a cache line, as a consumer would
   * @param limit buffers to take at most
   * Returns the number of frames taken.
   */
  drainRx(touch: boolean, queue = 0, limit = MAX_VRING_SIZE): number {
    const ring = this.rx(queue)
    const slots = this.#slots[queue * 2]
    if (!slots) return 0
    const { u16, u32 } = this.memory
    const { headerBytes, mergeable } = this
    let frames = 0
    let bytes = 0
    let touched = 0
    let rest = 0
    let taken = 0
    while (taken < limit || rest > 0) {
      const head = ring.takeUsed()
      if (head < 0) break
      taken++
      const start = slots.offset + ring.tokens[head]! * slots.bytes
      const length = ring.usedLength
      bytes += length
      if (rest > 0) rest--
      else {
        frames++
        bytes -= headerBytes
        if (mergeable) rest = Math.max(0, u16[(start + NET_HEADER.NUM_BUFFERS) >>> 1]! - 1)
      }
      if (touch)
        for (let at = start, end = start + length; at < end; at += CACHE_LINE)
          touched = (touched + u32[at >>> 2]!) | 0
      ring.post(head)
    }
    if (taken > 0) this.flush(queue * 2)
    if (rest > 0) this.rxMalformed++
    this.rxFrames += frames
    this.rxBytes += bytes
    this.rxTouched = (this.rxTouched + touched) | 0
    return frames
  }

  // ---- transmit ------------------------------------------------------------------------------------

  /** Writes a header at an offset of guest memory. */
  writeHeader(offset: number, header: Partial<NetHeader> = {}): void {
    const { data } = this.memory
    data.setUint8(offset + NET_HEADER.FLAGS, header.flags ?? 0)
    data.setUint8(offset + NET_HEADER.GSO_TYPE, header.gsoType ?? 0)
    data.setUint16(offset + NET_HEADER.HDR_LEN, header.hdrLen ?? 0, true)
    data.setUint16(offset + NET_HEADER.GSO_SIZE, header.gsoSize ?? 0, true)
    data.setUint16(offset + NET_HEADER.CSUM_START, header.csumStart ?? 0, true)
    data.setUint16(offset + NET_HEADER.CSUM_OFFSET, header.csumOffset ?? 0, true)
    if (this.headerBytes === 12) data.setUint16(offset + NET_HEADER.NUM_BUFFERS, header.numBuffers ?? 0, true)
  }

  /** Adds a frame to a transmit ring, unpublished. Returns false when the ring is full. */
  enqueue(frame: Uint8Array, header: Partial<NetHeader> = {}, queue = 0, layout: TxLayout = {}): boolean {
    const ring = this.tx(queue)
    const slots = this.#slots[queue * 2 + 1] ?? this.#makeSlots(queue * 2 + 1, ring.size, this.#txSlotBytes)
    const total = this.headerBytes + frame.length
    if (total > slots.bytes)
      throw new RangeError(`a frame of ${frame.length} bytes needs txSlotBytes of ${total} or more`)
    if (slots.freeCount === 0) this.reapTx(queue)
    if (slots.freeCount === 0) return false
    const slot = slots.free[slots.freeCount - 1]!
    const gpa = slots.gpa + slot * slots.bytes
    const offset = slots.offset + slot * slots.bytes
    this.writeHeader(offset, header)
    this.memory.u8.set(frame, offset + this.headerBytes)
    const separate = layout.separateHeader ?? false
    if (separate) ring.stage(gpa, this.headerBytes, false)
    const from = separate ? this.headerBytes : 0
    const piece = Math.max(1, Math.ceil((total - from) / (layout.descriptors ?? 1)))
    for (let at = from; at < total; at += piece) ring.stage(gpa + at, Math.min(piece, total - at), false)
    const head = ring.commit(layout.indirect ?? false)
    if (head < 0) return false
    ring.tokens[head] = slot
    slots.freeCount--
    return true
  }

  /** Sends one frame: enqueue, publish, kick. Returns false when the ring is full. */
  send(frame: Uint8Array, header: Partial<NetHeader> = {}, queue = 0, layout: TxLayout = {}): boolean {
    if (!this.enqueue(frame, header, queue, layout)) {
      this.reapTx(queue)
      if (!this.enqueue(frame, header, queue, layout)) return false
    }
    this.flush(queue * 2 + 1)
    return true
  }

  /**
   * Takes completed frames back. Returns how many. After prepareTx it counts them by the used index alone,
   * which is right for devices that complete in order.
   */
  reapTx(queue = 0): number {
    const ring = this.tx(queue)
    const number = queue * 2 + 1
    if (this.#prepared[number]! > 0) {
      const count = ring.reclaimInOrder()
      this.#prepared[number]! -= count
      return count
    }
    const slots = this.#slots[number]
    if (!slots) return 0
    let count = 0
    for (let head = ring.takeUsed(); head >= 0; head = ring.takeUsed()) {
      slots.free[slots.freeCount++] = ring.tokens[head]!
      ring.release(head)
      count++
    }
    return count
  }

  /** Frames sent and not yet taken back. */
  inFlightTx(queue = 0): number {
    const number = queue * 2 + 1
    const prepared = this.#prepared[number]!
    const slots = this.#slots[number]
    return prepared > 0 ? prepared - 1 : slots ? slots.free.length - slots.freeCount : 0
  }

  /**
   * Turns a fresh transmit ring into a generator's: every descriptor holds a frame, written once. The ring
   * repeats them in order; use only sendPrepared and reapTx on it from now on.
   * @param frames of one length in bytes, used in turn
   */
  prepareTx(frames: readonly Uint8Array[], queue = 0): void {
    const ring = this.tx(queue)
    const frameBytes = frames[0]?.length ?? 0
    if (frameBytes === 0 || frames.some((frame) => frame.length !== frameBytes))
      throw new RangeError('a generator needs frames of one length')
    if (this.#slots[queue * 2 + 1] || this.#prepared[queue * 2 + 1]! > 0)
      throw new RangeError(`transmit ring ${queue} is in use already`)
    const stride = roundUp(this.headerBytes + frameBytes, CACHE_LINE)
    const gpa = this.memory.allocate(ring.size * stride)
    const offset = this.memory.offsetOf(gpa)
    for (let i = 0; i < ring.size; i++) {
      this.writeHeader(offset + i * stride)
      this.memory.u8.set(frames[i % frames.length]!, offset + i * stride + this.headerBytes)
    }
    ring.fillInOrder(gpa, stride, this.headerBytes + frameBytes)
    this.#prepared[queue * 2 + 1] = 1
  }

  /**
   * Publishes up to `count` prepared frames, as many as are free, and kicks if the device wants it.
   * Reaps first. Returns how many were sent. Allocates nothing.
   */
  sendPrepared(count: number, queue = 0): number {
    const number = queue * 2 + 1
    const ring = this.tx(queue)
    const inFlight = this.#prepared[number]! - ring.reclaimInOrder()
    const free = ring.size - (inFlight - 1)
    const sent = count < free ? count : free
    this.#prepared[number] = inFlight + sent
    if (sent > 0) {
      ring.publishInOrder(sent)
      if (ring.needsKick()) this.kick(number)
    }
    return sent
  }

  // ---- control -------------------------------------------------------------------------------------

  /** Sends a control command; false while another one waits. Kicks. See ControlQueue.send. */
  sendControl(commandClass: number, command: number, bytes: Uint8Array = new Uint8Array(0)): boolean {
    if (!this.#control) throw new RangeError('CTRL_VQ was not negotiated')
    if (!this.#control.send(commandClass, command, bytes)) return false
    this.flush(this.controlIndex)
    return true
  }

  /** The device's answer to the command sent (VIRTIO_NET_OK or VIRTIO_NET_ERR), or undefined while it waits. */
  takeControlAck(): number | undefined {
    return this.#control?.takeAck()
  }
}

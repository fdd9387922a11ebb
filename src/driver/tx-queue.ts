import type { DriverMemory } from './driver-memory.js'
import { type NetHeader, writeNetHeader } from './net-header.js'
import { Slots, wholeLines } from './slots.js'
import type { SplitRing } from './split-ring.js'

/** How a frame is laid out in descriptors. The default: header and frame in one descriptor. */
export interface TxLayout {
  /** Descriptors for the frame's bytes (default 1). */
  readonly descriptors?: number
  /** Whether the header has a descriptor of its own (legacy drivers without ANY_LAYOUT do so). */
  readonly separateHeader?: boolean
  /** Whether the chain goes through an indirect table. */
  readonly indirect?: boolean
}

/** Most descriptors of the ring that a chain of a layout takes. */
function descriptorsOf({ descriptors = 1, separateHeader = false, indirect = false }: TxLayout): number {
  return indirect ? 1 : descriptors + (separateHeader ? 1 : 0)
}

/** A transmit ring and its buffers: frames of any kind, or a generator's that were written once. */
export class TxQueue {
  readonly #memory: DriverMemory
  readonly #ring: SplitRing<DriverMemory>
  readonly #headerBytes: number
  readonly #slotBytes: number
  #slots: Slots | undefined
  /** 0, or for a generator 1 + its frames in flight. */
  #prepared = 0
  /** Chains of a generator. */
  #chains = 0

  /** @param slotBytes room for a frame and its header */
  constructor(memory: DriverMemory, ring: SplitRing<DriverMemory>, headerBytes: number, slotBytes: number) {
    this.#memory = memory
    this.#ring = ring
    this.#headerBytes = headerBytes
    this.#slotBytes = wholeLines(slotBytes)
  }

  /** Adds a frame, unpublished. Returns false when the ring is full. */
  enqueue(frame: Uint8Array, header: Partial<NetHeader>, layout: TxLayout): boolean {
    const ring = this.#ring
    this.#slots ??= new Slots(this.#memory, ring.size, this.#slotBytes)
    const slots = this.#slots
    const total = this.#headerBytes + frame.length
    if (total > slots.bytes)
      throw new RangeError(`a frame of ${frame.length} bytes needs txSlotBytes of ${total} or more`)
    if (slots.freeCount === 0) this.reap()
    if (slots.freeCount === 0) return false
    const slot = slots.next
    const gpa = slots.gpaOf(slot)
    const offset = slots.offsetOf(slot)
    writeNetHeader(this.#memory, offset, this.#headerBytes, header)
    this.#memory.u8.set(frame, offset + this.#headerBytes)
    const head = this.#addChain(gpa, total, layout)
    if (head < 0) return false
    ring.tokens[head] = slot
    slots.take()
    return true
  }

  /** Adds a chain of what lies in guest memory from the header on. Returns its head, or -1 when the ring is full. */
  #addChain(gpa: number, totalBytes: number, layout: TxLayout): number {
    const ring = this.#ring
    const separate = layout.separateHeader ?? false
    if (separate) ring.stage(gpa, this.#headerBytes, false)
    const from = separate ? this.#headerBytes : 0
    const piece = Math.max(1, Math.ceil((totalBytes - from) / (layout.descriptors ?? 1)))
    for (let at = from; at < totalBytes; at += piece)
      ring.stage(gpa + at, Math.min(piece, totalBytes - at), false)
    return ring.commit(layout.indirect ?? false)
  }

  /** Takes completed frames back. Returns how many. A generator's are counted by the used index alone. */
  reap(): number {
    const ring = this.#ring
    if (this.#prepared > 0) {
      const count = ring.reclaimInOrder()
      this.#prepared -= count
      return count
    }
    const slots = this.#slots
    if (!slots) return 0
    let count = 0
    for (let head = ring.takeUsed(); head >= 0; head = ring.takeUsed()) {
      slots.give(ring.tokens[head]!)
      ring.release(head)
      count++
    }
    return count
  }

  /** Frames sent and not yet taken back. */
  get inFlight(): number {
    if (this.#prepared > 0) return this.#prepared - 1
    return this.#slots ? this.#slots.count - this.#slots.freeCount : 0
  }

  /**
   * Writes frames of a generator, in turn, into as many chains as the ring holds, or the power of two below.
   * @param frames of one length in bytes
   */
  prepare(frames: readonly Uint8Array[], layout: TxLayout): void {
    const ring = this.#ring
    const frameBytes = frames[0]?.length ?? 0
    if (frameBytes === 0 || frames.some((frame) => frame.length !== frameBytes))
      throw new RangeError('a generator needs frames of one length')
    if (this.#slots || this.#prepared > 0) throw new RangeError('the transmit ring is in use already')
    const totalBytes = this.#headerBytes + frameBytes
    const stride = wholeLines(totalBytes)
    const chains = 2 ** Math.floor(Math.log2(ring.size / descriptorsOf(layout)))
    const gpa = this.#memory.allocate(chains * stride)
    const offset = this.#memory.offsetOf(gpa)
    for (let i = 0; i < chains; i++) {
      writeNetHeader(this.#memory, offset + i * stride, this.#headerBytes)
      this.#memory.u8.set(frames[i % frames.length]!, offset + i * stride + this.#headerBytes)
      this.#addChain(gpa + i * stride, totalBytes, layout)
    }
    this.#chains = ring.repeatInOrder()
    this.#prepared = 1
  }

  /** Publishes up to `count` prepared frames, as many as are free; reaps first. Returns how many. Allocates nothing. */
  sendPrepared(count: number): number {
    const ring = this.#ring
    const inFlight = this.#prepared - ring.reclaimInOrder()
    const free = this.#chains - (inFlight - 1)
    const sent = count < free ? count : free
    this.#prepared = inFlight + sent
    if (sent > 0) ring.publishInOrder(sent)
    return sent
  }
}

import type { GuestMemory } from './guest-memory.js'
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

/** A transmit ring and its buffers: frames of any kind, or a generator's that were written once. */
export class TxQueue {
  readonly #memory: GuestMemory
  readonly #ring: SplitRing
  readonly #headerBytes: number
  readonly #slotBytes: number
  #slots: Slots | undefined
  /** 0, or for a generator 1 + its frames in flight. */
  #prepared = 0

  /** @param slotBytes room for a frame and its header */
  constructor(memory: GuestMemory, ring: SplitRing, headerBytes: number, slotBytes: number) {
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
    const separate = layout.separateHeader ?? false
    if (separate) ring.stage(gpa, this.#headerBytes, false)
    const from = separate ? this.#headerBytes : 0
    const piece = Math.max(1, Math.ceil((total - from) / (layout.descriptors ?? 1)))
    for (let at = from; at < total; at += piece) ring.stage(gpa + at, Math.min(piece, total - at), false)
    const head = ring.commit(layout.indirect ?? false)
    if (head < 0) return false
    ring.tokens[head] = slot
    slots.take()
    return true
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

  /** Writes a frame of a generator into every descriptor, in turn. @param frames of one length in bytes */
  prepare(frames: readonly Uint8Array[]): void {
    const ring = this.#ring
    const frameBytes = frames[0]?.length ?? 0
    if (frameBytes === 0 || frames.some((frame) => frame.length !== frameBytes))
      throw new RangeError('a generator needs frames of one length')
    if (this.#slots || this.#prepared > 0) throw new RangeError('the transmit ring is in use already')
    const stride = wholeLines(this.#headerBytes + frameBytes)
    const gpa = this.#memory.allocate(ring.size * stride)
    const offset = this.#memory.offsetOf(gpa)
    for (let i = 0; i < ring.size; i++) {
      writeNetHeader(this.#memory, offset + i * stride, this.#headerBytes)
      this.#memory.u8.set(frames[i % frames.length]!, offset + i * stride + this.#headerBytes)
    }
    ring.fillInOrder(gpa, stride, this.#headerBytes + frameBytes)
    this.#prepared = 1
  }

  /** Publishes up to `count` prepared frames, as many as are free; reaps first. Returns how many. Allocates nothing. */
  sendPrepared(count: number): number {
    const ring = this.#ring
    const inFlight = this.#prepared - ring.reclaimInOrder()
    const free = ring.size - (inFlight - 1)
    const sent = count < free ? count : free
    this.#prepared = inFlight + sent
    if (sent > 0) ring.publishInOrder(sent)
    return sent
  }
}

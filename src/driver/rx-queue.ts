import { MAX_VRING_SIZE, NET_HEADER } from '../virtio/virtio.js'
import type { DriverMemory } from './driver-memory.js'
import { type NetHeader, readNetHeader } from './net-header.js'
import { CACHE_LINE_BYTES, Slots, wholeLines } from './slots.js'
import type { SplitRing } from './split-ring.js'

/** A frame as its guest got it. */
export interface ReceivedFrame {
  readonly header: NetHeader
  /** A copy, without the header. */
  readonly frame: Uint8Array
}

/** What the receive queues of a driver share. */
export interface Receiver {
  readonly headerBytes: number
  /** Whether a frame may come in several buffers. */
  readonly mergeable: boolean
  /** Frames and bytes (without headers) that drain() has counted, and what touching them summed up to. */
  rxFrames: number
  rxBytes: number
  rxTouched: number
  /** Received chains that were too short or incomplete: errors of the device. */
  rxMalformed: number
}

/** A receive ring and its buffers. */
export class RxQueue {
  readonly #memory: DriverMemory
  readonly #ring: SplitRing<DriverMemory>
  readonly #receiver: Receiver
  readonly #publish: () => void
  #slots: Slots | undefined

  /** @param publish publishes what was posted and kicks if the device wants it */
  constructor(memory: DriverMemory, ring: SplitRing<DriverMemory>, receiver: Receiver, publish: () => void) {
    this.#memory = memory
    this.#ring = ring
    this.#receiver = receiver
    this.#publish = publish
  }

  /** Posts buffers of `bufferBytes`, header included, each in so many descriptors, until the ring is full. Once. */
  fill(bufferBytes: number, descriptors: number): void {
    const ring = this.#ring
    const slots = new Slots(this.#memory, Math.floor(ring.size / descriptors), wholeLines(bufferBytes))
    this.#slots = slots
    const piece = Math.ceil(bufferBytes / descriptors)
    while (slots.freeCount > 0) {
      const slot = slots.next
      slots.take()
      const gpa = slots.gpaOf(slot)
      for (let at = 0; at < bufferBytes; at += piece)
        ring.stage(gpa + at, Math.min(piece, bufferBytes - at), true)
      ring.tokens[ring.commit()] = slot
    }
    this.#publish()
  }

  /** Takes one frame and posts its buffers again. Undefined when none waits, or when it is broken, which is counted. */
  receive(): ReceivedFrame | undefined {
    const ring = this.#ring
    const slots = this.#slots
    const { headerBytes, mergeable } = this.#receiver
    const head = slots ? ring.takeUsed() : -1
    if (!slots || head < 0) return undefined
    const { u8 } = this.#memory
    const parts: Uint8Array[] = []
    const offset = slots.offsetOf(ring.tokens[head]!)
    const header = readNetHeader(this.#memory, offset, headerBytes)
    const length = Math.min(ring.usedLength, slots.bytes)
    let broken = ring.usedLength < headerBytes || ring.usedLength > slots.bytes
    parts.push(u8.slice(offset + headerBytes, offset + Math.max(length, headerBytes)))
    ring.post(head)
    const count = mergeable ? header.numBuffers : 1
    if (count < 1) broken = true
    for (let i = 1; i < count && !broken; i++) {
      const more = ring.takeUsed()
      if (more < 0 || ring.usedLength > slots.bytes) broken = true
      if (more < 0) break
      const at = slots.offsetOf(ring.tokens[more]!)
      parts.push(u8.slice(at, at + Math.min(ring.usedLength, slots.bytes)))
      ring.post(more)
    }
    this.#publish()
    if (broken) {
      this.#receiver.rxMalformed++
      return undefined
    }
    return { header, frame: new Uint8Array(Buffer.concat(parts)) }
  }

  /**
   * Takes and counts frames, at most `limit` buffers, and posts their buffers again. Allocates nothing.
   * @param touch whether to read the payload, one word a cache line, as a consumer would
   * Returns the number of frames taken.
   */
  drain(touch: boolean, limit = MAX_VRING_SIZE): number {
    const ring = this.#ring
    const slots = this.#slots
    if (!slots) return 0
    const { u16, u32 } = this.#memory
    const { headerBytes, mergeable } = this.#receiver
    let frames = 0
    let bytes = 0
    let touched = 0
    let rest = 0
    let taken = 0
    while (taken < limit || rest > 0) {
      const head = ring.takeUsed()
      if (head < 0) break
      taken++
      const start = slots.offsetOf(ring.tokens[head]!)
      const length = ring.usedLength
      bytes += length
      if (rest > 0) rest--
      else {
        frames++
        bytes -= headerBytes
        if (mergeable) rest = Math.max(0, u16[(start + NET_HEADER.NUM_BUFFERS) >>> 1]! - 1)
      }
      if (touch)
        for (let at = start, end = start + length; at < end; at += CACHE_LINE_BYTES)
          touched = (touched + u32[at >>> 2]!) | 0
      ring.post(head)
    }
    if (taken > 0) this.#publish()
    const counts = this.#receiver
    if (rest > 0) counts.rxMalformed++
    counts.rxFrames += frames
    counts.rxBytes += bytes
    counts.rxTouched = (counts.rxTouched + touched) | 0
    return frames
  }
}

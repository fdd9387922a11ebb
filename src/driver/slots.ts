import type { DriverMemory } from './driver-memory.js'

export const CACHE_LINE_BYTES = 64

/** Bytes rounded up to whole cache lines. */
export function wholeLines(bytes: number): number {
  return Math.ceil(bytes / CACHE_LINE_BYTES) * CACHE_LINE_BYTES
}

/** The buffers of one ring, all of one size; a chain's token is the number of its buffer. */
export class Slots {
  readonly bytes: number
  readonly count: number
  readonly #gpa: number
  readonly #offset: number
  readonly #free: Int32Array
  #freeCount: number

  constructor(memory: DriverMemory, count: number, bytes: number) {
    this.bytes = bytes
    this.count = count
    this.#gpa = memory.allocate(count * bytes)
    this.#offset = memory.offsetOf(this.#gpa)
    this.#free = Int32Array.from({ length: count }, (_, i) => count - 1 - i)
    this.#freeCount = count
  }

  get freeCount(): number {
    return this.#freeCount
  }

  /** Guest physical address of a slot. */
  gpaOf(slot: number): number {
    return this.#gpa + slot * this.bytes
  }

  /** Offset of a slot in guest memory. */
  offsetOf(slot: number): number {
    return this.#offset + slot * this.bytes
  }

  /** A free slot; only while there is one. */
  get next(): number {
    return this.#free[this.#freeCount - 1] as number
  }

  /** The slot `next` is in use. */
  take(): void {
    this.#freeCount--
  }

  give(slot: number): void {
    this.#free[this.#freeCount++] = slot
  }
}

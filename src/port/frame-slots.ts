import { STAGE_BYTES } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { memoryAddress } from '../grants/memory-address.js'
import { mapZero } from '../sys/memory-map.js'

/** Room for one frame, its header and a tag: a whole number of pages. */
export const SLOT_BYTES = 0x12000
/** Slots of the staging area, which all ports use in turn. */
export const STAGE_SLOTS = Math.floor(STAGE_BYTES / SLOT_BYTES)

/** Slots of a port of its own in the linear memory, in which frames may wait. A page costs memory once it was used. */
export class FrameSlots {
  readonly #memory: LinearMemory
  readonly #at: number
  readonly count: number

  /** Undefined when the linear memory is full. */
  static allocate(memory: LinearMemory, count: number): FrameSlots | undefined {
    const at = memory.allocate(count * SLOT_BYTES)
    return at === 0 ? undefined : new FrameSlots(memory, at, count)
  }

  private constructor(memory: LinearMemory, at: number, count: number) {
    this.#memory = memory
    this.#at = at
    this.count = count
    this.#release()
  }

  #release(): void {
    mapZero(memoryAddress(this.#memory) + this.#at, this.count * SLOT_BYTES)
  }

  /** Linear offset of a slot. */
  at(slot: number): number {
    return this.#at + slot * SLOT_BYTES
  }

  /** Addresses of all slots in this process. */
  get addresses(): number[] {
    const base = memoryAddress(this.#memory)
    return Array.from({ length: this.count }, (_, slot) => base + this.at(slot))
  }

  free(): void {
    this.#release()
    this.#memory.free(this.#at)
  }
}

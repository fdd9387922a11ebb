import { GRANULE_BYTES } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { mapZero } from '../sys/memory-map.js'
import { memoryAddress } from './memory-address.js'

/** Unmapped at once: pages that were used cost some 50 us a megabyte. */
const PIECE_BYTES = 4 * GRANULE_BYTES

/**
 * Ranges of the heap whose guest has gone, still mapped, out of the plane's reach. They are unmapped piece by piece: a
 * large guest takes a tenth of a second, which nobody else should wait for.
 */
export class Leftovers {
  readonly #memory: LinearMemory
  readonly #ranges: { readonly at: number; readonly bytes: number; done: number }[] = []

  constructor(memory: LinearMemory) {
    this.#memory = memory
  }

  /** @param at what allocateGranules() returned; @param bytes of it */
  add(at: number, bytes: number): void {
    this.#ranges.push({ at, bytes, done: 0 })
  }

  /** Unmaps a piece, and gives a range back to the heap with its last. Returns whether there was one. */
  sweep(): boolean {
    const range = this.#ranges[0]
    if (!range) return false
    const bytes = Math.min(PIECE_BYTES, range.bytes - range.done)
    mapZero(memoryAddress(this.#memory) + range.at + range.done, bytes)
    range.done += bytes
    if (range.done === range.bytes) {
      this.#ranges.shift()
      this.#memory.free(range.at)
    }
    return true
  }
}

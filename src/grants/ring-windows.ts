import { GRANULE_BYTES } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { mapShared, mapUnitBytes, mapZero } from '../sys/memory-map.js'
import { PAGE_BYTES } from '../sys/native-buffer.js'
import type { GrantedRegion } from './granted-region.js'
import { memoryAddress } from './memory-address.js'

interface Window {
  readonly at: number
  readonly bytes: number
}

/** Contiguous mappings of parts of rings, for guests that are not mapped whole. */
export class RingWindows {
  readonly #memory: LinearMemory
  readonly #windows = new Map<string, Window>()

  constructor(memory: LinearMemory) {
    this.#memory = memory
  }

  /**
   * Maps a part of a region. Returns its linear offset, or 0 when there is no room.
   * @param key names the part; a window of that name is replaced
   */
  map(key: string, region: GrantedRegion, guestAddress: number, sizeBytes: number): number {
    this.unmap(key)
    const unit = mapUnitBytes(region.fd)
    const from = Math.floor(guestAddress / unit) * unit
    const bytes = Math.ceil((guestAddress + sizeBytes) / unit) * unit - from
    const at =
      unit > PAGE_BYTES ? this.#memory.allocateGranules(bytes / GRANULE_BYTES) : this.#memory.allocate(bytes)
    if (at === 0) return 0
    const fileOffset = region.fileOffset + from - region.guestAddress
    mapShared(memoryAddress(this.#memory) + at, bytes, region.fd, fileOffset)
    this.#windows.set(key, { at, bytes })
    return at + guestAddress - from
  }

  unmap(key: string): void {
    const window = this.#windows.get(key)
    if (!window) return
    this.#windows.delete(key)
    mapZero(memoryAddress(this.#memory) + window.at, window.bytes)
    this.#memory.free(window.at)
  }

  unmapAll(): void {
    for (const key of [...this.#windows.keys()]) this.unmap(key)
  }

  /** Whether an offset of the linear memory lies in a window. */
  has(offset: number): boolean {
    return [...this.#windows.values()].some(({ at, bytes }) => offset >= at && offset < at + bytes)
  }
}

import { RingferryError } from '../errors/errors.js'
import { GRANULE_BYTES, HEAP_AT } from './layout.js'
import { MemoryViews } from './memory-views.js'

/** The end of the memory that nobody is given: a load that reaches beyond what was checked ends in it. */
export const GUARD_BYTES = 65536

const WASM_PAGE_BYTES = 65536
const UNIT_BYTES = 4096
export const MAX_MEMORY_BYTES = 4 * 1024 ** 3
export const MIN_MEMORY_BYTES = 32 * 1024 ** 2

interface Range {
  at: number
  bytes: number
}

/**
 * The linear memory of one plane, and the heap in it: tables and byte rings from the bottom, granules of
 * guest memory from the top. All is offsets; what system calls get, its address in this process, is known to
 * src/grants/memory-address.
 */
export class LinearMemory extends MemoryViews {
  readonly memory: WebAssembly.Memory
  readonly sizeBytes: number
  readonly data: DataView
  /** A byte for each granule: 1 when allocateGranules() has given it out. In memory that does not move. */
  readonly granules: Uint8Array
  /** Free ranges, by offset. */
  readonly #free: Range[]
  readonly #taken = new Map<number, number>()
  /** Frees something that can be had again later, when the heap is full; returns whether it could. */
  reclaim: () => boolean = () => false

  /** @param sizeBytes a multiple of 2 MB from 32 MB to 4 GB */
  constructor(sizeBytes: number = MAX_MEMORY_BYTES) {
    if (sizeBytes < MIN_MEMORY_BYTES || sizeBytes > MAX_MEMORY_BYTES || sizeBytes % GRANULE_BYTES !== 0)
      throw new RingferryError(
        'USAGE',
        `linear memory of ${sizeBytes} bytes: choose a multiple of 2 MB from 32 MB to 4 GB`,
      )
    const pages = sizeBytes / WASM_PAGE_BYTES
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    super(memory.buffer)
    this.memory = memory
    this.sizeBytes = sizeBytes
    this.data = new DataView(memory.buffer)
    this.granules = new Uint8Array(new ArrayBuffer(sizeBytes / GRANULE_BYTES))
    this.#free = [{ at: HEAP_AT, bytes: sizeBytes - GUARD_BYTES - HEAP_AT }]
  }

  /** Bytes of the heap that are free. */
  get freeBytes(): number {
    return this.#free.reduce((sum, range) => sum + range.bytes, 0)
  }

  /** Zeroed memory from the bottom of the heap: its offset, or 0 when there is not enough. */
  allocate(sizeBytes: number): number {
    const bytes = Math.ceil(sizeBytes / UNIT_BYTES) * UNIT_BYTES
    let index = this.#free.findIndex((range) => range.bytes >= bytes)
    while (index < 0 && this.reclaim()) index = this.#free.findIndex((range) => range.bytes >= bytes)
    const range = this.#free[index]
    if (!range) return 0
    const at = range.at
    range.at += bytes
    range.bytes -= bytes
    if (range.bytes === 0) this.#free.splice(index, 1)
    this.#taken.set(at, bytes)
    this.u8.fill(0, at, at + bytes)
    return at
  }

  /** A run of granules (2 MB aligned, contiguous) from the top of the heap: its offset, or 0. Not zeroed. */
  allocateGranules(count: number): number {
    const bytes = count * GRANULE_BYTES
    for (let index = this.#free.length - 1; index >= 0; index--) {
      const range = this.#free[index] as Range
      const at = Math.floor((range.at + range.bytes - bytes) / GRANULE_BYTES) * GRANULE_BYTES
      if (at < range.at) continue
      const tail = range.at + range.bytes - at - bytes
      range.bytes = at - range.at
      if (tail > 0) this.#free.splice(index + 1, 0, { at: at + bytes, bytes: tail })
      if (range.bytes === 0) this.#free.splice(index, 1)
      this.#taken.set(at, bytes)
      this.#mark(at, bytes, 1)
      return at
    }
    return 0
  }

  /** Gives back what allocate() or allocateGranules() returned. */
  free(at: number): void {
    const bytes = this.#taken.get(at)
    if (bytes === undefined) throw new Error(`free of offset ${at}, which was not allocated`)
    this.#taken.delete(at)
    this.#mark(at, bytes, 0)
    const next = this.#free.findIndex((range) => range.at > at)
    const index = next < 0 ? this.#free.length : next
    this.#free.splice(index, 0, { at, bytes })
    this.#join(index)
    this.#join(index - 1)
  }

  /** Marks the granules that begin in a range. One that allocate() takes a part of is never marked, so it stays 0. */
  #mark(at: number, bytes: number, value: number): void {
    if (at % GRANULE_BYTES === 0 && bytes % GRANULE_BYTES === 0)
      this.granules.fill(value, at / GRANULE_BYTES, (at + bytes) / GRANULE_BYTES)
  }

  /** Joins a free range with its successor when they touch. */
  #join(index: number): void {
    const range = this.#free[index]
    const next = this.#free[index + 1]
    if (!range || !next || range.at + range.bytes !== next.at) return
    range.bytes += next.bytes
    this.#free.splice(index + 1, 1)
  }
}

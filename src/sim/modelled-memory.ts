/** A guest's memory that lies in the linear memory, as a grant would map it there. */
import {
  GRANULE_BYTES,
  GRANULE_ENTRY_BYTES,
  P_SPAN,
  P_SPANS,
  SPAN_BYTES,
  SPAN_COUNT,
  SPAN_ENTRIES,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Row } from '../core/row.js'
import type { DriverMemory } from '../driver/driver-memory.js'
import { RingferryError } from '../errors/errors.js'

const PAGES_PER_GRANULE = 512n
/** Rings, and what lies between buffers. */
const RING_BYTES = 512 * 1024

export class ModelledMemory implements DriverMemory {
  /** Linear offset. */
  readonly at: number
  readonly u8: Uint8Array
  readonly u16: Uint16Array
  readonly u32: Uint32Array
  readonly u64: BigUint64Array
  readonly data: DataView
  readonly #memory: LinearMemory
  readonly #granules: number
  #used = 4096

  /** @param bufferBytes of all buffers together */
  constructor(memory: LinearMemory, bufferBytes: number) {
    this.#memory = memory
    const bytes = ModelledMemory.bytesFor(bufferBytes)
    this.#granules = bytes / GRANULE_BYTES
    this.at = memory.allocateGranules(this.#granules)
    if (this.at === 0)
      throw new RingferryError('CONFIG', 'depth: rings has no memory for so many rings; take depth: counts')
    const { buffer } = memory.u8
    this.u8 = new Uint8Array(buffer, this.at, bytes)
    this.u16 = new Uint16Array(buffer, this.at, bytes / 2)
    this.u32 = new Uint32Array(buffer, this.at, bytes / 4)
    this.u64 = new BigUint64Array(buffer, this.at, bytes / 8)
    this.data = new DataView(buffer, this.at, bytes)
  }

  static bytesFor(bufferBytes: number): number {
    return Math.ceil((bufferBytes + RING_BYTES) / GRANULE_BYTES) * GRANULE_BYTES
  }

  offsetOf(guestAddress: number): number {
    return guestAddress
  }

  allocate(sizeBytes: number, align = 4096): number {
    const at = Math.ceil(this.#used / align) * align
    this.#used = at + sizeBytes
    if (this.#used > this.u8.length) throw new Error('a modelled guest has too little memory')
    return at
  }

  /** Tells the plane where the guest of a port has its memory. */
  grantTo(row: Row): void {
    const span = this.#memory.allocate(2 * SPAN_BYTES + this.#granules * GRANULE_ENTRY_BYTES)
    const entries = span + 2 * SPAN_BYTES
    this.#memory.u32[(span + SPAN_COUNT) >>> 2] = this.#granules
    this.#memory.u32[(span + SPAN_ENTRIES) >>> 2] = entries
    for (let at = 0; at < this.#granules; at++)
      this.#memory.u64[(entries + at * GRANULE_ENTRY_BYTES) >>> 3] =
        (PAGES_PER_GRANULE << 48n) | BigInt(this.at + at * GRANULE_BYTES)
    row.set(P_SPAN, span)
    row.set(P_SPANS, span)
  }
}

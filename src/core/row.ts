import type { MemoryViews } from './memory-views.js'

/**
 * Fields at one place of the linear memory: the globals, or one row of a table. A field is its offset in the layout
 * (`P_*`, `V_*`, `G_*`); nothing outside core makes an address of it.
 */
export class Row {
  readonly memory: MemoryViews
  /** Linear offset. */
  readonly at: number

  constructor(memory: MemoryViews, at: number) {
    this.memory = memory
    this.at = at
  }

  get(field: number): number {
    return this.memory.u32[(this.at + field) >>> 2] as number
  }

  set(field: number, value: number): void {
    this.memory.u32[(this.at + field) >>> 2] = value
  }

  getF64(field: number): number {
    return this.memory.f64[(this.at + field) >>> 3] as number
  }

  setF64(field: number, value: number): void {
    this.memory.f64[(this.at + field) >>> 3] = value
  }

  getU64(field: number): bigint {
    return this.memory.u64[(this.at + field) >>> 3] as bigint
  }

  setU64(field: number, value: bigint): void {
    this.memory.u64[(this.at + field) >>> 3] = value
  }

  /** The bytes of a field, in place. */
  bytes(field: number, count: number): Uint8Array {
    return this.memory.u8.subarray(this.at + field, this.at + field + count)
  }

  /** The u32 of a field, in place: a list or a histogram. */
  words(field: number, count: number): Uint32Array {
    const start = (this.at + field) >>> 2
    return this.memory.u32.subarray(start, start + count)
  }
}

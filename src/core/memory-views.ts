/** A linear memory as numbers, for whoever has its buffer: the engine that made it, or another thread that reads it. */
export class MemoryViews {
  readonly u8: Uint8Array
  readonly u32: Uint32Array
  readonly u64: BigUint64Array
  readonly f64: Float64Array

  constructor(buffer: ArrayBuffer | SharedArrayBuffer) {
    this.u8 = new Uint8Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.u64 = new BigUint64Array(buffer)
    this.f64 = new Float64Array(buffer)
  }
}

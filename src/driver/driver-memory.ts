/** What a driver needs of its guest's memory: bytes as numbers, and places for its rings and buffers. */
export interface DriverMemory {
  readonly u8: Uint8Array
  readonly u16: Uint16Array
  readonly u32: Uint32Array
  readonly u64: BigUint64Array
  readonly data: DataView
  /** Where a guest physical address lies in the typed arrays, in bytes; -1 in a hole. */
  offsetOf(gpa: number): number
  /** Takes fresh zeroed bytes and returns their guest physical address. @param align a power of two */
  allocate(bytes: number, align?: number): number
}

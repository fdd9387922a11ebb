import { check, libc, viewOf } from './libc.js'

export const PAGE_BYTES = 4096
export const PROT_READ_WRITE = 3
export const MAP_SHARED = 1
export const MAP_PRIVATE = 2
export const MAP_FIXED = 0x10
export const MAP_ANONYMOUS = 0x20
export const MAP_NORESERVE = 0x4000

/** Memory outside the JavaScript heap with a fixed address: where system calls find their structures. */
export class NativeBuffer {
  readonly address: number
  readonly sizeBytes: number
  readonly bytes: Uint8Array
  readonly data: DataView

  constructor(sizeBytes: number) {
    this.sizeBytes = Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES
    this.address = check(
      libc.mmap(0, this.sizeBytes, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      `mapping ${this.sizeBytes} bytes`,
    )
    const buffer = viewOf(this.address, this.sizeBytes)
    this.bytes = new Uint8Array(buffer)
    this.data = new DataView(buffer)
  }

  /** Unmaps the memory; no view of it may be used afterwards. */
  free(): void {
    libc.munmap(this.address, this.sizeBytes)
  }
}

/** A guest's physical memory as a driver sees it: memory files, mapped one behind the other. */

import { createMemfd, mapShared } from '../sys/memory-map.js'
import { NativeBuffer, PAGE_BYTES } from '../sys/native-buffer.js'
import { closeFd } from '../sys/unix-socket.js'
import type { DriverMemory } from './driver-memory.js'

/** What is wanted of a region. Sizes and addresses in bytes, multiples of 4096. */
export interface RegionSpec {
  readonly guestAddress: number
  readonly sizeBytes: number
  /** An open memory file to map; without one a memfd is created (and closed by close()). */
  readonly fd?: number
  readonly fileOffset?: number
}

/** A mapped region. `userAddress` is where this process has it: the name that vhost-user uses for it. */
export interface MemoryRegion {
  readonly guestAddress: number
  readonly sizeBytes: number
  readonly fd: number
  readonly fileOffset: number
  readonly userAddress: number
}

/**
 * Guest memory in one mapping: with a single region the byte at guest physical address `gpa` is
 * `u8[gpa - regions[0].guestAddress]`; with several, and holes between them, `u8[offsetOf(gpa)]`.
 */
export class GuestMemory implements DriverMemory {
  readonly regions: readonly MemoryRegion[]
  readonly sizeBytes: number
  readonly u8: Uint8Array
  readonly u16: Uint16Array
  readonly u32: Uint32Array
  readonly u64: BigUint64Array
  readonly data: DataView
  readonly #mapping: NativeBuffer
  readonly #owned: number[] = []
  /** Bytes already given out of each region. */
  readonly #used: number[]

  /** @param specs at least one region, or a size in bytes for one region at address 0 */
  constructor(specs: readonly RegionSpec[] | number) {
    const list = typeof specs === 'number' ? [{ guestAddress: 0, sizeBytes: specs }] : specs
    for (const { guestAddress, sizeBytes } of list)
      if (guestAddress % PAGE_BYTES !== 0 || sizeBytes % PAGE_BYTES !== 0 || sizeBytes <= 0)
        throw new RangeError(`region ${guestAddress}+${sizeBytes} is not made of pages of ${PAGE_BYTES}`)
    this.sizeBytes = list.reduce((sum, spec) => sum + spec.sizeBytes, 0)
    this.#mapping = new NativeBuffer(this.sizeBytes)
    this.#used = list.map(() => 0)
    let offset = 0
    this.regions = list.map((spec: RegionSpec, i) => {
      const fd = spec.fd ?? createMemfd(`ringferry-guest-${i}`, spec.sizeBytes)
      if (spec.fd === undefined) this.#owned.push(fd)
      const userAddress = this.#mapping.address + offset
      const fileOffset = spec.fileOffset ?? 0
      mapShared(userAddress, spec.sizeBytes, fd, fileOffset)
      offset += spec.sizeBytes
      return { guestAddress: spec.guestAddress, sizeBytes: spec.sizeBytes, fd, fileOffset, userAddress }
    })
    const { buffer } = this.#mapping.bytes
    this.u8 = this.#mapping.bytes
    this.data = this.#mapping.data
    this.u16 = new Uint16Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.u64 = new BigUint64Array(buffer)
  }

  /** Where a guest physical address lies in the typed arrays, in bytes; -1 in a hole. */
  offsetOf(gpa: number): number {
    let start = 0
    for (let i = 0; i < this.regions.length; i++) {
      const region = this.regions[i]!
      const within = gpa - region.guestAddress
      if (within >= 0 && within < region.sizeBytes) return start + within
      start += region.sizeBytes
    }
    return -1
  }

  /** The user address (of this process) of a guest physical address. Throws RangeError in a hole. */
  userAddressOf(gpa: number): number {
    const offset = this.offsetOf(gpa)
    if (offset < 0) throw new RangeError(`no memory at guest address 0x${gpa.toString(16)}`)
    return this.#mapping.address + offset
  }

  /**
   * Takes fresh zeroed bytes, never to be given back, and returns their guest physical address.
   * They lie in one region. Throws RangeError when no region has room.
   * @param align a power of two
   */
  allocate(bytes: number, align: number = PAGE_BYTES): number {
    for (const [i, region] of this.regions.entries()) {
      const start = Math.ceil((region.guestAddress + this.#used[i]!) / align) * align
      if (start + bytes > region.guestAddress + region.sizeBytes) continue
      this.#used[i] = start + bytes - region.guestAddress
      return start
    }
    throw new RangeError(`guest memory of ${this.sizeBytes} bytes has no room for ${bytes} more`)
  }

  /** Unmaps the memory and closes the files created for it. No view may be used afterwards. */
  close(): void {
    this.#mapping.free()
    for (const fd of this.#owned.splice(0)) closeFd(fd)
  }
}

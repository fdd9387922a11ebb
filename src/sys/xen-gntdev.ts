import { errno, libc, syscallError } from './libc.js'
import { mapZero } from './memory-map.js'
import { MAP_FIXED, MAP_SHARED, NativeBuffer, PAGE_BYTES, PROT_READ_WRITE } from './native-buffer.js'
import { openXenDevice } from './xen-device.js'

/** _IOC(_IOC_NONE, 'G', number, bytes of the argument). Source: Linux 6.1, include/uapi/xen/gntdev.h. */
const IOCTL_GNTDEV_MAP_GRANT_REF = 0x18_47_00
const IOCTL_GNTDEV_UNMAP_GRANT_REF = 0x10_47_01
const IOCTL_GNTDEV_GRANT_COPY = 0x10_47_08
/** struct ioctl_gntdev_map_grant_ref: count, padding, index; then a domain and a reference each. */
const MAP_REFS = 16
const REF_BYTES = 8
/** More than any ring has pages. */
const MAX_MAPPED = 64

export const GNTDEV_PATH = '/dev/xen/gntdev'

/** Pages of a guest's that take the place of a range of our memory. */
export interface MappedGrants {
  unmap(): void
}

/** What other domains grant to this one, by the kernel's grant device. Addresses are those of one linear memory. */
export class GrantTableDevice {
  /** Address of the linear memory's offset 0. */
  readonly base: bigint
  readonly #base: number
  readonly #fd = openXenDevice(GNTDEV_PATH)
  readonly #argument = new NativeBuffer(MAP_REFS + MAX_MAPPED * REF_BYTES)

  /** Throws as openXenDevice(). @param base address of offset 0 */
  constructor(base: number) {
    this.base = BigInt(base)
    this.#base = base
  }

  /**
   * Maps granted pages, writable, over the linear memory. Throws SYSCALL, with zero pages in their place, when they are
   * not granted.
   * @param at linear offset, a multiple of a page
   */
  map(domain: number, references: readonly number[], at: number): MappedGrants {
    const { data, address } = this.#argument
    const sizeBytes = references.length * PAGE_BYTES
    if (references.length === 0 || references.length > MAX_MAPPED || at % PAGE_BYTES !== 0)
      throw new RangeError(`${references.length} grants at ${at} cannot be mapped`)
    const what = `mapping what domain ${domain} grants (${references.join(', ')})`
    data.setUint32(0, references.length, true)
    for (const [index, reference] of references.entries()) {
      data.setUint32(MAP_REFS + index * REF_BYTES, domain, true)
      data.setUint32(MAP_REFS + index * REF_BYTES + 4, reference, true)
    }
    if (libc.ioctl(this.#fd, IOCTL_GNTDEV_MAP_GRANT_REF, address) < 0) throw syscallError(errno(), what)
    const index = Number(data.getBigUint64(8, true))
    const mapped = libc.mmap(
      this.#base + at,
      sizeBytes,
      PROT_READ_WRITE,
      MAP_SHARED | MAP_FIXED,
      this.#fd,
      index,
    )
    const error = mapped < 0 ? errno() : 0
    // Zero pages in its place drop the mapping; then the references can be given back.
    const unmap = (): void => {
      mapZero(this.#base + at, sizeBytes)
      data.setBigUint64(0, BigInt(index), true)
      data.setUint32(8, references.length, true)
      libc.ioctl(this.#fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, address)
    }
    if (mapped >= 0) return { unmap }
    unmap()
    throw syscallError(error, what)
  }

  /**
   * Carries out a list of copies (struct gntdev_grant_copy_segment) that lies in the linear memory, in one call.
   * A call that fails as a whole leaves the statuses as they are.
   * @param at linear offset of the first segment
   * @returns 0, or an errno
   */
  copy(at: number, count: number): number {
    const { data, address } = this.#argument
    data.setUint32(0, count, true)
    data.setUint32(4, 0, true)
    data.setBigUint64(8, this.base + BigInt(at), true)
    return libc.ioctl(this.#fd, IOCTL_GNTDEV_GRANT_COPY, address) < 0 ? errno() : 0
  }

  /** To be called when nothing is mapped any more. */
  close(): void {
    libc.close(this.#fd)
    this.#argument.free()
  }
}

import { RingferryError } from '../../errors/errors.js'
import {
  COPY_DEST,
  COPY_FLAGS,
  COPY_LENGTH,
  COPY_SEGMENT_BYTES,
  COPY_SOURCE,
  COPY_STATUS,
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTST_bad_copy_arg,
  GNTST_bad_gntref,
  GNTST_okay,
  type GrantDevice,
  type GrantMapping,
  XEN_PAGE_BYTES,
} from '../../xen/devices.js'

/** The memory of a modelled domain, page by page, and which of its pages others may use. */
export class ModelDomain {
  readonly id: number
  readonly #pages: Uint8Array[] = []
  readonly #granted = new Map<number, number>()
  #references = 8

  constructor(id: number) {
    this.id = id
  }

  /** A page of zeros: its number. */
  allocate(): number {
    return this.#pages.push(new Uint8Array(XEN_PAGE_BYTES)) - 1
  }

  /** The bytes of a page, where they are at present. */
  page(number: number): Uint8Array {
    return this.#pages[number] as Uint8Array
  }

  /** Grants a page. Returns the reference. */
  grant(page: number): number {
    this.#granted.set(this.#references, page)
    return this.#references++
  }

  /** Takes a grant back. */
  revoke(reference: number): void {
    this.#granted.delete(reference)
  }

  /** The page of a reference, or undefined. */
  granted(reference: number): number | undefined {
    return this.#granted.get(reference)
  }

  /** Has the bytes of a page lie elsewhere from now on: there they are shared. */
  move(page: number, to: Uint8Array): void {
    to.set(this.page(page))
    this.#pages[page] = to
  }
}

/**
 * A model of Xen's grant tables, and of the kernel's device for them. A page that is mapped lies in the linear memory, and
 * its domain uses it there; when it is unmapped it goes back.
 */
export class ModelGrantDevice implements GrantDevice {
  readonly base = 0n
  readonly #memory: Uint8Array
  readonly #data: DataView
  readonly #domains = new Map<number, ModelDomain>()
  /** Copies in each list that was carried out. */
  readonly lists: number[] = []
  /** Pages that are mapped at present. */
  mapped = 0
  /** Whether calls fail as a whole. */
  isBroken = false

  /** @param memory the engine's linear memory */
  constructor(memory: Uint8Array) {
    this.#memory = memory
    this.#data = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
  }

  addDomain(id: number): ModelDomain {
    const domain = new ModelDomain(id)
    this.#domains.set(id, domain)
    return domain
  }

  /** The domain has gone: nothing is granted by it. */
  removeDomain(id: number): void {
    this.#domains.delete(id)
  }

  map(id: number, references: readonly number[], at: number): GrantMapping {
    const domain = this.#domains.get(id)
    const pages = references.map((reference) => domain?.granted(reference))
    if (!domain || pages.includes(undefined))
      throw new RingferryError('UNSUPPORTED', `domain ${id} does not grant its rings`)
    const placed = pages.map((page, index) => {
      const place = this.#memory.subarray(at + index * XEN_PAGE_BYTES, at + (index + 1) * XEN_PAGE_BYTES)
      domain.move(page as number, place)
      return { page: page as number, place }
    })
    this.mapped += placed.length
    const unmap = (): void => {
      for (const { page, place } of placed) {
        domain.move(page, new Uint8Array(XEN_PAGE_BYTES))
        place.fill(0)
      }
      this.mapped -= placed.length
    }
    return { unmap }
  }

  copy(at: number, count: number): void {
    this.lists.push(count)
    if (this.isBroken) return
    for (let index = 0; index < count; index++) {
      const segment = at + index * COPY_SEGMENT_BYTES
      this.#data.setInt16(segment + COPY_STATUS, this.#copyOne(segment), true)
    }
  }

  #copyOne(segment: number): number {
    const length = this.#data.getUint16(segment + COPY_LENGTH, true)
    const flags = this.#data.getUint16(segment + COPY_FLAGS, true)
    if (flags !== GNTCOPY_source_gref && flags !== GNTCOPY_dest_gref) return GNTST_bad_copy_arg
    const isFrom = flags === GNTCOPY_source_gref
    const foreign = segment + (isFrom ? COPY_SOURCE : COPY_DEST)
    const local = Number(this.#data.getBigUint64(segment + (isFrom ? COPY_DEST : COPY_SOURCE), true))
    const offset = this.#data.getUint16(foreign + 4, true)
    if (offset + length > XEN_PAGE_BYTES || local + length > this.#memory.length) return GNTST_bad_copy_arg
    const domain = this.#domains.get(this.#data.getUint16(foreign + 6, true))
    const page = domain?.granted(this.#data.getUint32(foreign, true))
    if (!domain || page === undefined) return GNTST_bad_gntref
    const there = domain.page(page).subarray(offset, offset + length)
    const here = this.#memory.subarray(local, local + length)
    if (isFrom) here.set(there)
    else there.set(here)
    return GNTST_okay
  }
}

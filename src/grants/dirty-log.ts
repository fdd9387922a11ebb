/**
 * The log of a live migration: a file of the frontend's with a bit for each 4 KB page of guest memory, mapped into the
 * linear memory so that the plane can set the bits of what it writes (plane/ring/log.ts).
 */
import { P_LOG, P_LOG_PAGES } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { PortRow } from '../core/port-row.js'
import { memoryProblem } from '../sys/descriptor.js'
import { fileSize, mapShared, mapUnitBytes, mapZero } from '../sys/memory-map.js'
import { PAGE_BYTES } from '../sys/native-buffer.js'
import { closeFd } from '../sys/unix-socket.js'
import { memoryAddress } from './memory-address.js'

/** Enough for guest addresses up to 2 TB: the largest guest has 1 TB, and holes. */
const MAX_LOG_BYTES = 64 * 2 ** 20
const PAGES_PER_BYTE = 8

/** A log as a frontend describes it. `fd` belongs to whoever is given the log. */
export interface LogFile {
  readonly fd: number
  readonly fileOffset: number
  readonly sizeBytes: number
}

function problemOf({ fd, fileOffset, sizeBytes }: LogFile): string | undefined {
  if (sizeBytes === 0) return 'it is empty'
  if (sizeBytes > MAX_LOG_BYTES)
    return `${sizeBytes} bytes are more than ${MAX_LOG_BYTES}, which tell of 2 TB of guest memory`
  const problem = memoryProblem(fd)
  if (problem !== undefined) return problem
  if (mapUnitBytes(fd) > PAGE_BYTES) return 'it lies in huge pages; use a memfd or tmpfs'
  if (fileOffset % PAGE_BYTES !== 0) return `it begins at byte ${fileOffset} of its file, within a page`
  const available = fileSize(fd)
  return fileOffset + sizeBytes > available
    ? `it ends at byte ${fileOffset + sizeBytes} of a file of ${available}`
    : undefined
}

interface Mapping extends LogFile {
  readonly at: number
  /** Bytes that are mapped: whole pages. */
  readonly bytes: number
}

export class DirtyLog {
  readonly #memory: LinearMemory
  /** The guest's row in the port table. */
  readonly #row: PortRow
  #mapping: Mapping | undefined

  constructor(row: PortRow) {
    this.#memory = row.memory
    this.#row = row
  }

  /** Pages of guest memory that it has bits for; 0: there is none. */
  get pages(): number {
    return (this.#mapping?.sizeBytes ?? 0) * PAGES_PER_BYTE
  }

  /** Takes a log, in place of the one before it. Returns why that cannot be; there is none then, nor when it throws. */
  set(file: LogFile): string | undefined {
    this.release()
    try {
      return problemOf(file) ?? this.#map(file)
    } finally {
      if (!this.#mapping) closeFd(file.fd)
    }
  }

  #map(file: LogFile): string | undefined {
    const bytes = Math.ceil(file.sizeBytes / PAGE_BYTES) * PAGE_BYTES
    const at = this.#memory.allocate(bytes)
    if (at === 0) return 'the linear memory has no room for it'
    try {
      mapShared(memoryAddress(this.#memory) + at, bytes, file.fd, file.fileOffset)
    } catch (error) {
      this.#memory.free(at)
      throw error
    }
    this.#mapping = { ...file, at, bytes }
    this.#row.set(P_LOG, at)
    this.#row.set(P_LOG_PAGES, this.pages)
    return undefined
  }

  /** Why an offset of the linear memory lost its page, if it lies in the log; undefined: it does not. */
  lossAt(offset: number): string | undefined {
    const mapping = this.#mapping
    if (!mapping || offset < mapping.at || offset >= mapping.at + mapping.bytes) return undefined
    const has = fileSize(mapping.fd)
    return has < mapping.fileOffset + mapping.sizeBytes
      ? `its log of dirty pages was cut short to ${has} bytes; it had ${mapping.fileOffset + mapping.sizeBytes}`
      : 'the file of its log of dirty pages had no page to give: no room in its file system'
  }

  /** Unmaps the log. Nobody must log any more. */
  release(): void {
    const mapping = this.#mapping
    if (!mapping) return
    this.#mapping = undefined
    this.#row.set(P_LOG_PAGES, 0)
    this.#row.set(P_LOG, 0)
    mapZero(memoryAddress(this.#memory) + mapping.at, mapping.bytes)
    this.#memory.free(mapping.at)
    closeFd(mapping.fd)
  }
}

/**
 * What one guest has granted: its memory regions, mapped into the linear memory so that the plane can reach
 * them, and the granule table by which the plane translates guest physical addresses.
 *
 *   guest physical      | region 0        |  hole  | region 1    |
 *   granules of 2 MB    |0|1|2|3| ...              |n|n+1| ...
 *   linear memory       mapped whole while it fits; else single granules in slots of the GranulePool
 *
 * Rings are read on every burst and must be contiguous, so a guest that is not mapped whole gets a window of
 * its own for each part of each ring.
 */

import { C_MISSES, GRANULE_BYTES } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { PortRow } from '../core/port-row.js'
import { fileSize, mapShared, mapZero } from '../sys/memory-map.js'
import { closeFd } from '../sys/unix-socket.js'
import { type GrantedRegion, regionsProblem } from './granted-region.js'
import { type GranuleGroup, groupGranules } from './granule-group.js'
import type { GranuleOwner, GranulePool } from './granule-pool.js'
import { GranuleTable } from './granule-table.js'
import { Leftovers } from './leftovers.js'
import { memoryAddress } from './memory-address.js'
import { RingWindows } from './ring-windows.js'

/** A guest is mapped whole only if this part of the heap stays free for others. */
const RESERVE = 0.25

export class Grants implements GranuleOwner {
  readonly #memory: LinearMemory
  readonly #address: number
  readonly #pool: GranulePool
  /** The guest's row in the port table. */
  readonly #port: PortRow
  readonly #table: GranuleTable
  readonly #windows: RingWindows
  readonly #leftovers: Leftovers
  #regions: GrantedRegion[] = []
  /** Runs of granules mapped whole: first granule, count, offset. Empty when granules are mapped on demand. */
  #runs: GranuleGroup[] = []
  /** Whether granules are mapped as they are needed. */
  #onDemand = false

  /** @param port the guest's row in the port table */
  constructor(pool: GranulePool, port: PortRow) {
    const { memory } = port
    this.#memory = memory
    this.#address = memoryAddress(memory)
    this.#pool = pool
    this.#port = port
    this.#table = new GranuleTable(port)
    this.#windows = new RingWindows(memory)
    this.#leftovers = new Leftovers(memory)
  }

  /**
   * Replaces all regions. Returns why that cannot be, with nothing mapped then. The grants own the
   * regions' file descriptors from now on, also when they are refused.
   */
  set(regions: readonly GrantedRegion[]): string | undefined {
    const kept = new Set(regions.map((region) => region.fd))
    this.release(kept)
    while (this.sweep());
    this.#regions = [...regions]
    const reason = regionsProblem(regions) ?? this.#map()
    if (reason !== undefined) this.release()
    return reason
  }

  #map(): string | undefined {
    if (this.#regions.length === 0) return undefined
    const problem = this.#table.make(this.#regions)
    if (problem !== undefined) return problem
    if (!this.#mapWhole()) {
      this.#onDemand = true
      const noRoom = this.#table.keepMarks()
      if (noRoom !== undefined) return noRoom
    }
    this.#table.show()
    return undefined
  }

  /** Maps all granules at once, if enough of the heap stays free. */
  #mapWhole(): boolean {
    const runs = groupGranules(this.#regions, 0)
    const bytes = runs.reduce((sum, run) => sum + run.count, 0) * GRANULE_BYTES
    if (this.#memory.freeBytes - bytes < RESERVE * this.#memory.sizeBytes) return false
    for (const run of runs) {
      run.at = this.#memory.allocateGranules(run.count)
      if (run.at === 0) {
        for (const done of runs) if (done.at !== 0) this.#memory.free(done.at)
        return false
      }
    }
    this.#runs = runs
    for (const run of runs) {
      this.#mapRange(run.first * GRANULE_BYTES, run.count * GRANULE_BYTES, run.at)
      for (let index = 0; index < run.count; index++)
        this.#table.setOffset(run.first + index, run.at + index * GRANULE_BYTES)
    }
    return true
  }

  /** Maps the parts of all regions that lie in a range of guest addresses; what lies in none reads as zero. */
  #mapRange(guestAddress: number, sizeBytes: number, at: number): void {
    const end = guestAddress + sizeBytes
    let covered = 0
    const parts = this.#regions
      .map((region) => ({
        region,
        from: Math.max(guestAddress, region.guestAddress),
        to: Math.min(end, region.guestAddress + region.sizeBytes),
      }))
      .filter(({ from, to }) => from < to)
    for (const { from, to } of parts) covered += to - from
    if (covered < sizeBytes) mapZero(this.#address + at, sizeBytes)
    for (const { region, from, to } of parts)
      mapShared(
        this.#address + at + (from - guestAddress),
        to - from,
        region.fd,
        region.fileOffset + (from - region.guestAddress),
      )
  }

  /** Maps a granule that the plane missed, and counts it. Returns false when the guest has no such granule. */
  mapGranule(granule: number): boolean {
    const mapped = this.#onDemand ? this.#table.offsetOf(granule) : -1
    if (mapped !== 0) return mapped > 0
    const at = this.#pool.acquire(this, granule)
    if (at === 0) return false
    this.#mapRange(granule * GRANULE_BYTES, GRANULE_BYTES, at)
    this.#table.setOffset(granule, at)
    this.#table.mark(granule, true)
    this.#port.count(C_MISSES)
    return true
  }

  isTouched(granule: number): boolean {
    return this.#table.isMarked(granule)
  }

  takeTouched(granule: number): boolean {
    const was = this.#table.isMarked(granule)
    this.#table.mark(granule, false)
    return was
  }

  evicted(granule: number): void {
    this.#table.setOffset(granule, 0)
  }

  /** Guest address behind the last byte that is granted. */
  get endAddress(): number {
    return this.#regions.reduce((end, region) => Math.max(end, region.guestAddress + region.sizeBytes), 0)
  }

  /**
   * Makes a part of a ring contiguous. Returns its linear offset, or why it is not possible.
   * @param key names the part; a window of that name is replaced
   */
  mapRing(key: string, guestAddress: number, sizeBytes: number): number | string {
    const inside = this.#regions.find(
      (region) =>
        guestAddress >= region.guestAddress && guestAddress < region.guestAddress + region.sizeBytes,
    )
    const where = `ring ${key} at 0x${guestAddress.toString(16)}`
    if (!inside) return `${where} lies outside the guest's memory`
    const endAddress = inside.guestAddress + inside.sizeBytes
    if (guestAddress + sizeBytes > endAddress)
      return `${where}: its ${sizeBytes} bytes reach beyond the end of their memory region at 0x${endAddress.toString(16)}; a ring lies in one region`
    if (!this.#onDemand) {
      const granule = Math.floor(guestAddress / GRANULE_BYTES)
      const run = this.#runs.find(({ first, count }) => granule >= first && granule < first + count)
      if (run) return run.at + guestAddress - run.first * GRANULE_BYTES
    }
    const at = this.#windows.map(key, inside, guestAddress, sizeBytes)
    return at === 0 ? 'the linear memory has no room for another ring' : at
  }

  /** Gives back the window of a part of a ring. */
  unmapRing(key: string): void {
    this.#windows.unmap(key)
  }

  /**
   * Why there was no memory behind an offset of the linear memory, if it belongs to this guest; undefined: it does not.
   */
  lossAt(offset: number): string | undefined {
    const isOurs =
      this.#runs.some(({ at, count }) => offset >= at && offset < at + count * GRANULE_BYTES) ||
      this.#windows.has(offset) ||
      this.#pool.ownerAt(offset) === this
    if (!isOurs) return undefined
    const cut = this.#regions.find(({ fd, fileOffset, sizeBytes }) => fileSize(fd) < fileOffset + sizeBytes)
    if (!cut) return 'its memory file had no page to give: no room in its file system, or no huge page left'
    return `its memory file was cut short to ${fileSize(cut.fd)} bytes; it granted ${cut.fileOffset + cut.sizeBytes}`
  }

  /** Unmaps a piece of what was released. Returns whether there may be more. */
  sweep(): boolean {
    return this.#leftovers.sweep() || this.#pool.sweep()
  }

  /**
   * Takes everything out of the plane's reach and closes the regions' files, except those to keep. The memory is free
   * again when sweep() has unmapped it.
   */
  release(kept: ReadonlySet<number> = new Set()): void {
    this.#table.hide()
    this.#windows.unmapAll()
    for (const { at, count } of this.#runs) this.#leftovers.add(at, count * GRANULE_BYTES)
    this.#runs = []
    if (this.#onDemand) this.#pool.release(this)
    this.#onDemand = false
    this.#table.free()
    for (const fd of new Set(this.#regions.map((region) => region.fd))) if (!kept.has(fd)) closeFd(fd)
    this.#regions = []
  }
}

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

import {
  C_MISSES,
  GRANULE_BYTES,
  GRANULE_ENTRY_BYTES,
  P_COUNTERS,
  P_SPAN,
  P_SPANS,
  P_TOUCHED,
  SPAN_BYTES,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  SPAN_TOUCHED,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { memoryProblem } from '../sys/descriptor.js'
import { fileSize, mapShared, mapUnitBytes, mapZero } from '../sys/memory-map.js'
import { PAGE_BYTES } from '../sys/native-buffer.js'
import { closeFd } from '../sys/unix-socket.js'
import { type GranuleGroup, groupGranules } from './granule-group.js'
import type { GranuleOwner, GranulePool } from './granule-pool.js'
import { Leftovers } from './leftovers.js'
import { memoryAddress } from './memory-address.js'

const PAGES_PER_GRANULE = GRANULE_BYTES / PAGE_BYTES
/** Frontends that are no VM use addresses of a process. Source: Linux, Documentation/arch/x86/x86_64/mm.rst. */
const MAX_GUEST_ADDRESS = 2 ** 47
/** The entry of a granule that is valid as a whole and not mapped. */
const ALL_PAGES = BigInt(PAGES_PER_GRANULE) << 48n
/** Largest memory of a guest: 1 TB, tables of 4 MB. */
const MAX_GUEST_BYTES = 2 ** 40
/** Regions with holes up to this many granules between them (8 GB) share a span: the hole costs 32 KB of table. */
const MAX_HOLE = 4096
/** A guest is mapped whole only if this part of the heap stays free for others. */
const RESERVE = 0.25
/** A region of guest memory. Bytes; `fd` is owned by the grants once it is set. */
export interface GrantedRegion {
  readonly guestAddress: number
  readonly sizeBytes: number
  readonly fileOffset: number
  readonly fd: number
}

interface Window {
  readonly at: number
  readonly bytes: number
}

export class Grants implements GranuleOwner {
  readonly #memory: LinearMemory
  readonly #address: number
  readonly #pool: GranulePool
  readonly #port: number
  #regions: GrantedRegion[] = []
  /** Runs of granules mapped whole: first granule, count, offset. Empty when granules are mapped on demand. */
  #runs: GranuleGroup[] = []
  #windows = new Map<string, Window>()
  /** Groups of granules that share a part of the table; regions that lie close to each other share one. */
  #spans: GranuleGroup[] = []
  /** Linear offset of the list of spans, which their entries follow. */
  #table = 0
  #touched = 0
  #onDemand = false
  readonly #leftovers: Leftovers

  /** @param port linear offset of the guest's row in the port table */
  constructor(memory: LinearMemory, pool: GranulePool, port: number) {
    this.#memory = memory
    this.#address = memoryAddress(memory)
    this.#pool = pool
    this.#leftovers = new Leftovers(memory)
    this.#port = port
  }

  /** Whether granules are mapped as they are needed. */
  get onDemand(): boolean {
    return this.#onDemand
  }

  /** Bytes granted. */
  get sizeBytes(): number {
    return this.#regions.reduce((sum, region) => sum + region.sizeBytes, 0)
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
    const reason = this.#check() ?? this.#map()
    if (reason !== undefined) this.release()
    return reason
  }

  #check(): string | undefined {
    if (this.sizeBytes > MAX_GUEST_BYTES) return 'more than 1 TB of memory'
    for (const region of this.#regions) {
      const { guestAddress, sizeBytes, fileOffset, fd } = region
      const where = `memory region at 0x${guestAddress.toString(16)}`
      if (sizeBytes <= 0 || guestAddress + sizeBytes > MAX_GUEST_ADDRESS)
        return `${where}: reaches beyond guest address 2^47`
      const problem = memoryProblem(fd)
      if (problem !== undefined) return `${where}: ${problem}`
      const unit = mapUnitBytes(fd)
      if (unit > GRANULE_BYTES)
        return `${where}: pages larger than 2 MB cannot be granted; use 2 MB huge pages`
      if (guestAddress % PAGE_BYTES || sizeBytes % unit || fileOffset % unit)
        return `${where}: not a whole number of pages`
      if (unit > PAGE_BYTES && guestAddress % GRANULE_BYTES) return `${where}: huge pages off a 2 MB boundary`
      if (fileOffset + sizeBytes > fileSize(fd)) return `${where}: longer than its file`
    }
    return undefined
  }

  #map(): string | undefined {
    this.#spans = groupGranules(this.#regions, MAX_HOLE)
    if (this.#spans.length === 0) return undefined
    const count = this.#spans.reduce((sum, span) => sum + span.count, 0)
    const listBytes = (this.#spans.length + 1) * SPAN_BYTES
    this.#table = this.#memory.allocate(listBytes + count * GRANULE_ENTRY_BYTES)
    if (this.#table === 0) return 'the linear memory has no room for the granule table'
    let entries = this.#table + listBytes
    for (const span of this.#spans) {
      span.at = entries
      entries += span.count * GRANULE_ENTRY_BYTES
    }
    this.#markValid()
    if (!this.#mapWhole()) {
      this.#onDemand = true
      this.#touched = this.#memory.allocate(count)
      if (this.#touched === 0) return 'the linear memory has no room for the granule table'
    }
    this.#writeSpans()
    return undefined
  }

  /** Tells the plane of the spans. */
  #writeSpans(): void {
    const { u32 } = this.#memory
    let touched = this.#touched
    for (const [index, span] of this.#spans.entries()) {
      const at = this.#table + index * SPAN_BYTES
      u32[(at + SPAN_FIRST) >>> 2] = span.first
      u32[(at + SPAN_COUNT) >>> 2] = span.count
      u32[(at + SPAN_ENTRIES) >>> 2] = span.at
      u32[(at + SPAN_TOUCHED) >>> 2] = touched
      if (touched !== 0) touched += span.count
    }
    u32[(this.#port + P_SPAN) >>> 2] = this.#table
    u32[(this.#port + P_SPANS) >>> 2] = this.#table
    u32[(this.#port + P_TOUCHED) >>> 2] = this.#touched
  }

  /** Linear offset of a granule's entry; 0: it lies in no span. */
  #entryOf(granule: number): number {
    const span = this.#spans.find(({ first, count }) => granule >= first && granule < first + count)
    return span ? span.at + (granule - span.first) * GRANULE_ENTRY_BYTES : 0
  }

  /** Where the mark of use of a granule lies. */
  #markOf(granule: number): number {
    const first = this.#table + (this.#spans.length + 1) * SPAN_BYTES
    return this.#touched + (this.#entryOf(granule) - first) / GRANULE_ENTRY_BYTES
  }

  /** Writes the valid pages of every granule into the table; whole granules at once, for there may be half a million. */
  #markValid(): void {
    for (const { guestAddress, sizeBytes } of this.#regions) {
      const end = guestAddress + sizeBytes
      const first = Math.ceil(guestAddress / GRANULE_BYTES)
      const last = Math.floor(end / GRANULE_BYTES)
      if (first < last) {
        const at = this.#entryOf(first) >>> 3
        this.#memory.u64.fill(ALL_PAGES, at, at + last - first)
      }
      if (guestAddress % GRANULE_BYTES !== 0)
        this.#markPart(first - 1, guestAddress, Math.min(end, first * GRANULE_BYTES))
      if (end % GRANULE_BYTES !== 0 && last >= first) this.#markPart(last, last * GRANULE_BYTES, end)
    }
  }

  /** Adds the pages from one guest address to another, both in one granule, to those that are valid. */
  #markPart(granule: number, start: number, end: number): void {
    const { data } = this.#memory
    const entry = this.#entryOf(granule)
    const from = (start - granule * GRANULE_BYTES) / PAGE_BYTES
    const to = (end - granule * GRANULE_BYTES) / PAGE_BYTES
    const isFirst = data.getUint16(entry + 6, true) === 0
    data.setUint16(entry + 4, isFirst ? from : Math.min(from, data.getUint16(entry + 4, true)), true)
    data.setUint16(entry + 6, Math.max(to, data.getUint16(entry + 6, true)), true)
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
        this.#setEntry(run.first + index, run.at + index * GRANULE_BYTES)
    }
    return true
  }

  #setEntry(granule: number, at: number): void {
    this.#memory.u32[this.#entryOf(granule) >>> 2] = at
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
    const entry = this.#entryOf(granule) >>> 2
    if (!this.#onDemand || entry === 0) return false
    if (this.#memory.u32[entry] !== 0) return true
    const at = this.#pool.acquire(this, granule)
    if (at === 0) return false
    this.#mapRange(granule * GRANULE_BYTES, GRANULE_BYTES, at)
    this.#memory.u32[entry] = at
    this.#memory.u8[this.#markOf(granule)] = 1
    const counter = (this.#port + P_COUNTERS + C_MISSES * 8) >>> 3
    this.#memory.u64[counter] = (this.#memory.u64[counter] as bigint) + 1n
    return true
  }

  isTouched(granule: number): boolean {
    return this.#memory.u8[this.#markOf(granule)] === 1
  }

  takeTouched(granule: number): boolean {
    const was = this.isTouched(granule)
    this.#memory.u8[this.#markOf(granule)] = 0
    return was
  }

  evicted(granule: number): void {
    this.#setEntry(granule, 0)
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
    this.unmapRing(key)
    const unit = mapUnitBytes(inside.fd)
    const from = Math.floor(guestAddress / unit) * unit
    const bytes = Math.ceil((guestAddress + sizeBytes) / unit) * unit - from
    const at =
      unit > PAGE_BYTES ? this.#memory.allocateGranules(bytes / GRANULE_BYTES) : this.#memory.allocate(bytes)
    if (at === 0) return 'the linear memory has no room for another ring'
    mapShared(this.#address + at, bytes, inside.fd, inside.fileOffset + from - inside.guestAddress)
    this.#windows.set(key, { at, bytes })
    return at + guestAddress - from
  }

  /** Gives back the window of a part of a ring. */
  unmapRing(key: string): void {
    const window = this.#windows.get(key)
    if (!window) return
    this.#windows.delete(key)
    mapZero(this.#address + window.at, window.bytes)
    this.#memory.free(window.at)
  }

  /**
   * Why there was no memory behind an offset of the linear memory, if it belongs to this guest; undefined: it does not.
   */
  lossAt(offset: number): string | undefined {
    const isIn = (at: number, bytes: number): boolean => offset >= at && offset < at + bytes
    const isOurs =
      this.#runs.some(({ at, count }) => isIn(at, count * GRANULE_BYTES)) ||
      [...this.#windows.values()].some(({ at, bytes }) => isIn(at, bytes)) ||
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
    const row = this.#port >> 2
    this.#memory.u32[row + (P_SPAN >> 2)] = 0
    this.#memory.u32[row + (P_SPANS >> 2)] = 0
    this.#memory.u32[row + (P_TOUCHED >> 2)] = 0
    for (const key of [...this.#windows.keys()]) this.unmapRing(key)
    for (const { at, count } of this.#runs) this.#leftovers.add(at, count * GRANULE_BYTES)
    this.#runs = []
    if (this.#onDemand) this.#pool.release(this)
    this.#onDemand = false
    if (this.#table !== 0) this.#memory.free(this.#table)
    if (this.#touched !== 0) this.#memory.free(this.#touched)
    this.#table = 0
    this.#touched = 0
    this.#spans = []
    for (const fd of new Set(this.#regions.map((region) => region.fd))) if (!kept.has(fd)) closeFd(fd)
    this.#regions = []
  }
}

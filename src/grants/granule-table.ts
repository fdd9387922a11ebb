import {
  GRANULE_BYTES,
  GRANULE_ENTRY_BYTES,
  MAPPED_AT,
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
import type { PortRow } from '../core/port-row.js'
import { Row } from '../core/row.js'
import { PAGE_BYTES } from '../sys/native-buffer.js'
import type { GrantedRegion } from './granted-region.js'
import { type GranuleGroup, groupGranules } from './granule-group.js'

const PAGES_PER_GRANULE = GRANULE_BYTES / PAGE_BYTES
/** The entry of a granule that is valid as a whole and not mapped. */
const ALL_PAGES = BigInt(PAGES_PER_GRANULE) << 48n
/** Regions with holes up to this many granules between them (8 GB) share a span: the hole costs 32 KB of table. */
const MAX_HOLE = 4096
const NO_ROOM = 'the linear memory has no room for the granule table'

/**
 * The table by which the plane finds a guest's granules, in the linear memory: where each lies, if it is mapped, and
 * which of its pages are the guest's.
 *
 *   spans | first, count, entries, marks | ... | end     entries | offset, first page, end page | ...     marks | used | ...
 */
export class GranuleTable {
  readonly #memory: LinearMemory
  /** The guest's row in the port table. */
  readonly #port: PortRow
  /** Groups of granules that share a part of the table; regions that lie close to each other share one. */
  #spans: GranuleGroup[] = []
  /** Linear offset of the list of spans, which their entries follow. */
  #table = 0
  /** Linear offset of the marks of use; 0: granules stay mapped and none is kept. */
  #touched = 0

  /** @param port the guest's row in the port table */
  constructor(port: PortRow) {
    this.#memory = port.memory
    this.#port = port
  }

  /** Makes the entries of all granules, valid and not mapped; the plane does not see them yet. Returns what is wrong. */
  make(regions: readonly GrantedRegion[]): string | undefined {
    this.#spans = groupGranules(regions, MAX_HOLE)
    const listBytes = (this.#spans.length + 1) * SPAN_BYTES
    this.#table = this.#memory.allocate(listBytes + this.#count * GRANULE_ENTRY_BYTES)
    if (this.#table === 0) return NO_ROOM
    let entries = this.#table + listBytes
    for (const span of this.#spans) {
      span.at = entries
      entries += span.count * GRANULE_ENTRY_BYTES
    }
    for (const region of regions) this.#markValid(region)
    return undefined
  }

  /** Keeps a mark for each granule that the plane uses. Returns what is wrong. */
  keepMarks(): string | undefined {
    this.#touched = this.#memory.allocate(this.#count)
    return this.#touched === 0 ? NO_ROOM : undefined
  }

  get #count(): number {
    return this.#spans.reduce((sum, span) => sum + span.count, 0)
  }

  /** Shows the table to the plane. */
  show(): void {
    let touched = this.#touched
    for (const [index, span] of this.#spans.entries()) {
      const row = new Row(this.#memory, this.#table + index * SPAN_BYTES)
      row.set(SPAN_FIRST, span.first)
      row.set(SPAN_COUNT, span.count)
      row.set(SPAN_ENTRIES, span.at)
      row.set(SPAN_TOUCHED, touched)
      if (touched !== 0) touched += span.count
    }
    this.#tell(this.#table, this.#touched)
  }

  #tell(table: number, touched: number): void {
    this.#port.set(P_SPAN, table)
    this.#port.set(P_SPANS, table)
    this.#port.set(P_TOUCHED, touched)
  }

  /** Takes the table out of the plane's reach. */
  hide(): void {
    this.#tell(0, 0)
  }

  free(): void {
    if (this.#table !== 0) this.#memory.free(this.#table)
    if (this.#touched !== 0) this.#memory.free(this.#touched)
    this.#table = 0
    this.#touched = 0
    this.#spans = []
  }

  /** Linear offset of a granule's entry; 0: it lies in no span. */
  #entryOf(granule: number): number {
    const span = this.#spans.find(({ first, count }) => granule >= first && granule < first + count)
    return span ? span.at + (granule - span.first) * GRANULE_ENTRY_BYTES : 0
  }

  /** Where a granule is mapped: its linear offset, 0 when it is not, -1 when the guest has no such granule. */
  offsetOf(granule: number): number {
    const entry = this.#entryOf(granule)
    return entry === 0 ? -1 : (this.#memory.u32[entry >>> 2] as number)
  }

  /** Says where a granule is mapped; 0: no longer. The way back is noted, too: logs of migrations need it. */
  setOffset(granule: number, at: number): void {
    const { u32 } = this.#memory
    u32[this.#entryOf(granule) >>> 2] = at
    if (at !== 0) u32[(MAPPED_AT >>> 2) + Math.floor(at / GRANULE_BYTES)] = granule
  }

  /** Where the mark of use of a granule lies. */
  #markOf(granule: number): number {
    const first = this.#table + (this.#spans.length + 1) * SPAN_BYTES
    return this.#touched + (this.#entryOf(granule) - first) / GRANULE_ENTRY_BYTES
  }

  isMarked(granule: number): boolean {
    return this.#memory.u8[this.#markOf(granule)] === 1
  }

  mark(granule: number, isUsed: boolean): void {
    this.#memory.u8[this.#markOf(granule)] = isUsed ? 1 : 0
  }

  /** Writes the valid pages of every granule of a region; whole granules at once, for there may be half a million. */
  #markValid({ guestAddress, sizeBytes }: GrantedRegion): void {
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
}

// The layout as text: each field is followed by what lies there (`// u32`, `// MAX_PORTS x PORT_BYTES`).
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as layout from '../../src/core/layout.js'

const FOLDER = new URL('../../plane/layout/', import.meta.url)
const FIELD = /^export const (\w+) = (-?\w+)(?: \/\/ (?:(\w+) x )?(\w+)(?: (bytes))?)?$/gm
const TYPES: Readonly<Record<string, number>> = { u16: 2, u32: 4, i32: 4, u64: 8, i64: 8, f64: 8, bytes: 1 }
const MEMORY_BYTES = layout.HEAP_AT

interface Field {
  readonly name: string
  readonly at: number
  /** Of one element; 0: nothing is said. */
  readonly align: number
  readonly bytes: number
}

function numberOf(word: string): number {
  const known = (layout as Readonly<Record<string, unknown>>)[word]
  return typeof known === 'number' ? known : Number(word)
}

const text = readdirSync(FOLDER)
  .map((file) => readFileSync(new URL(file, FOLDER), 'utf8'))
  .join('\n')
const fields: Field[] = [...text.matchAll(FIELD)].map(([, name = '', at = '', times, unit, isBytes]) => {
  const align = unit === undefined ? 0 : isBytes ? 1 : (TYPES[unit] ?? 1)
  const each = unit === undefined ? 0 : isBytes ? numberOf(unit) : (TYPES[unit] ?? numberOf(unit))
  return { name, at: numberOf(at), align, bytes: each * (times === undefined ? 1 : numberOf(times)) }
})

/** Constants that say where something lies, by table: their prefix, the bytes of a row, and names that do not count. */
const TABLES: readonly (readonly [title: string, prefix: RegExp, bytes: number])[] = [
  ['the linear memory', /_AT$/, MEMORY_BYTES],
  ['the globals', /^G_/, layout.ACTIVE_AT - layout.GLOBALS_AT],
  ['a port row', /^P_/, layout.PORT_BYTES],
  ['a vring row', /^V_/, layout.VRING_BYTES],
  ['a target of a burst', /^T_/, layout.TARGET_BYTES],
  ['a token bucket', /^BUCKET_(RATE|DEPTH|TOKENS|AT_US)$/, layout.BUCKET_BYTES],
  ['a learned IPv6 address', /^LEARNED_(FROM|SEEN)$/, layout.LEARNED_IPV6_BYTES],
  ['a span', /^SPAN_(FIRST|COUNT|ENTRIES|TOUCHED)$/, layout.SPAN_BYTES],
  ['a byte ring', /^R_/, layout.RING_HEADER_BYTES],
  ['a record before its frame', /^RECORD_(?!FRAME$)/, layout.RECORD_FRAME],
  ['a merge table', /^M_/, layout.M_LIST + layout.LISTED_BYTES],
  ['an aggregate', /^A_/, layout.AGGREGATE_BYTES],
  ['a capture ring', /^K_/, layout.CAPTURE_HEADER_BYTES],
  ['a netif ring', /^N_/, layout.NETIF_BYTES],
  ['a packet of a netif ring', /^NP_(?!BYTES)/, layout.NP_BYTES],
  ['a captured frame', /^KR_(?!FRAME$)/, layout.KR_FRAME],
]

describe('layout', () => {
  it('layout is read whole: every constant of the generated file but the start of the heap', () => {
    expect(new Set([...fields.map(({ name }) => name), 'HEAP_AT'])).toEqual(new Set(Object.keys(layout)))
    expect(fields.length).toBe(Object.keys(layout).length - 1)
  })

  it.each(TABLES)('no two fields of %s overlap, and each is aligned and lies in it', (_, prefix, bytes) => {
    const table = fields.filter(({ name }) => prefix.test(name)).sort((a, b) => a.at - b.at)
    expect(table.length).toBeGreaterThan(1)
    let end = 0
    for (const field of table) {
      expect(field.bytes, `${field.name} says what lies there`).toBeGreaterThan(0)
      expect(field.at % field.align, field.name).toBe(0)
      expect(field.at, `${field.name} begins before the field before it ends`).toBeGreaterThanOrEqual(end)
      end = field.at + field.bytes
    }
    expect(end).toBeLessThanOrEqual(bytes)
  })

  it('rows of a table are whole cache lines, so that no two of them share one', () => {
    for (const bytes of [layout.PORT_BYTES, layout.VRING_BYTES, layout.AGGREGATE_BYTES, layout.BATCH_BYTES])
      expect(bytes % 64).toBe(0)
  })

  it('flags of a port, of a vring and offloads are bits of their own', () => {
    for (const prefix of [
      /^PORT_(?!BYTES)/,
      /^VRING_(?!BYTES)/,
      /^TAKE_/,
      /^GUARD_/,
      /^MERGE_(?!HEAD)/,
      /^CAPTURED_/,
    ]) {
      const bits = fields.filter(({ name }) => prefix.test(name)).map(({ at }) => at)
      expect(bits.length).toBeGreaterThan(1)
      for (const bit of bits) expect(Math.log2(bit) % 1).toBe(0)
      expect(new Set(bits).size).toBe(bits.length)
    }
  })

  it('ports that are held down, watched, mirrors or logged are those for which the fast path steps aside', () => {
    expect(layout.SLOW_FLAGS).toBe(
      layout.PORT_HELD | layout.PORT_WATCHED | layout.PORT_MIRROR | layout.PORT_LOGS,
    )
  })
})

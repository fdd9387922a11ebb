// Where everything lies in the linear memory, table by table. Only numeric constants: the files of layout/ are valid in
// both languages, and tools/build.mjs copies them into src/core/layout.ts for the TypeScript side.
//
//   0x000000  reserved          0x010000  globals, lists, scratch, staging     layout/globals
//   0x100000  port table                                                       layout/port, counters, vring
//   0x500000  forwarding database                                              layout/fdb
//   0x600000  heap: byte rings and backlogs, merge tables, spans and granule   layout/record, merge, granule, capture
//             tables, ring windows, and the granted guest memory itself
//
//   G_ globals | P_ port row | V_ vring row | R_, RECORD_ byte ring and record | M_, A_ merge table, aggregate
//   N_, NP_ netif ring, its packets | K_, KR_ capture ring and record | T_ target of a burst | SPAN_ span | BUCKET_ token bucket | LEARNED_ learned address | C_, DROP_ counters
//
// A field is followed by what lies there (`// u32`, `// 16 x u64`); test/plane/layout.test.ts reads that, so that no
// two fields overlap and each lies in its row.

export * from './layout/burst'
export * from './layout/capture'
export * from './layout/counters'
export * from './layout/fdb'
export * from './layout/globals'
export * from './layout/granule'
export * from './layout/merge'
export * from './layout/netif'
export * from './layout/port'
export * from './layout/record'
export * from './layout/vring'

export const HEAP_AT = 0x600000

// How guest memory is found in the linear memory (ring/granules.ts): spans of granules, with a table each.

/** Guest memory is granted in granules of 2 MB. */
export const GRANULE_SHIFT = 21
export const GRANULE_BYTES = 2097152
/** One entry of a span's table: u32 linear offset (0: absent), u16 first valid page, u16 end of valid pages. */
export const GRANULE_ENTRY_BYTES = 8
export const PAGE_SHIFT = 12
/** The way back, for each granule of the linear memory: number of the granule of guest memory that was last mapped there. */
export const MAPPED_AT = 0x2e000 // MAX_MAPPED x u32
export const MAX_MAPPED = 2048

/** Number of a span's first granule, and how many there are. */
export const SPAN_FIRST = 0 // u32
export const SPAN_COUNT = 4 // u32
/** Linear offsets of their entries, and of a byte for each that is set when it is used (0: nobody asks). */
export const SPAN_ENTRIES = 8 // u32
export const SPAN_TOUCHED = 12 // u32
export const SPAN_BYTES = 16

// What the fast path knows of a burst between its two passes: a record a frame (F_), details where there are any (D_),
// and the frames of a receive ring in a list (L_). Nothing of it outlives the burst.

/** Most frames that are classified at once. */
export const MAX_PLAIN = 64
export const PLAIN_AT = 0x2b000 // MAX_PLAIN x PLAIN_BYTES
export const PLAIN_BYTES = 32
/** The first 16 bytes of the frame, as they were judged. */
export const F_FRONT = 0 // 2 x u64
/** Where the frame lies, or its first piece; its bytes. */
export const F_OFFSET = 16 // u32
export const F_BYTES = 20 // u32
/** The head of its chain; 1 when there are details, 0 when it lies in one piece and leaves with the tag that it has. */
export const F_HEAD = 24 // u16
export const F_DETAILED = 26 // u16
/** The next record for the same receive ring, or 0. */
export const F_NEXT = 28 // u32

export const DETAILS_AT = 0x2b800 // MAX_PLAIN x DETAILS_BYTES
export const DETAILS_BYTES = 16
/** Its pieces, or 0 when it lies in one. How its tag leaves: TAG_*, or the tag to put on. The four bytes behind its tag. */
export const D_PIECES = 0 // u32
export const D_TAG = 4 // u32
export const D_BEHIND_TAG = 8 // u32
export const TAG_AS_IS = 0
export const TAG_OFF = 1

export const LISTS_AT = 0x2bc00 // MAX_PLAIN x LIST_BYTES
export const LIST_BYTES = 16
/** Its receive ring; its first and last record. */
export const L_VRING = 0 // u32
export const L_FIRST = 4 // u32
export const L_LAST = 8 // u32

/** Pieces of the frames: u32 offset and u32 bytes each. */
export const PIECES_AT = 0x2c000 // MAX_PLAIN x PIECES_BYTES
export const PIECES_BYTES = 144
/** Most pieces of a frame: linear data and the fragments of a Linux packet (MAX_SKB_FRAGS + 1). */
export const MAX_PIECES = 18

/** Buffers of a frame that is longer than one: u32 offset, u32 bytes, u32 head each. */
export const BUFFERS_AT = 0x2e400 // MAX_BUFFERS x BUFFER_BYTES
export const BUFFER_BYTES = 16
export const MAX_BUFFERS = 32

// The merge table of a receive ring (merge/aggregate.ts): open aggregates, and the chains of the open batch in the
// order in which its used entries will be written.

/** Chains that the list may hold; first and last chain of the list (number from 1, 0: empty). */
export const M_CHAINS = 0 // u32
export const M_FIRST = 4 // u32
export const M_LAST = 8 // u32
/** Open aggregates, and which is closed next when all are in use. */
export const M_OPEN = 12 // u32
export const M_OLDEST = 16 // u32
export const M_AGGREGATES = 64 // MAX_AGGREGATES x AGGREGATE_BYTES
export const MAX_AGGREGATES = 8
/** The list, M_CHAINS long: u32 head, u32 bytes, u32 next (number from 1, 0: none). */
export const M_LIST = 4160 // LISTED_BYTES x bytes
export const LISTED_BYTES = 12

/** An aggregate. Hash of the flow, 0 when free; frames in it. */
export const A_KEY = 0 // u64
export const A_FRAMES = 8 // u32
/** Bytes of all headers, offsets of the network and transport header, kind (IS_*). */
export const A_HEADERS = 16 // u32
export const A_NETWORK = 20 // u32
export const A_TRANSPORT = 24 // u32
export const A_KIND = 28 // u32
/** Payload bytes of the first frame, and of all; next sequence number; PSH of the last frame. */
export const A_SIZE = 32 // u32
export const A_PAYLOAD = 36 // u32
export const A_SEQUENCE = 40 // u32
export const A_PUSH = 44 // u32
/** 0 until the second frame has shown whether IPv4 identifications rise (1) or stay (2). */
export const A_IDENTIFICATION = 48 // u32
/** Last chain of the list that belongs to it (number from 1), and how many do. */
export const A_LAST = 52 // u32
export const A_CHAINS = 56 // u32
/** Its record in a byte ring. Bytes of its frame, for an acknowledgement. */
export const A_RECORD = 60 // u32
export const A_BYTES = 64 // u32
/** Where the virtio-net header and the headers lie: u32 offset and u32 bytes each. */
export const A_HEAD_SEGS = 72 // MAX_HEAD_SEGS x u64
export const MAX_HEAD_SEGS = 4
/** Where more payload goes: how many segments, and the segments. */
export const A_TAIL_COUNT = 104 // u32
export const A_TAIL_SEGS = 112 // MAX_TAIL_SEGS x u64
export const MAX_TAIL_SEGS = 24
/** The first frame's headers. */
export const A_HEADER_COPY = 304 // MAX_MERGE_HEAD x bytes
export const MAX_MERGE_HEAD = 208
export const AGGREGATE_BYTES = 512

export const IS_V4 = 1
export const IS_UDP = 2
export const IS_ACK = 4

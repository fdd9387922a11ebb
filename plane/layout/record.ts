// A byte ring (byte-ring.ts): frames toward a host port, or the backlog of a receive ring.

/** Linear offset of the records, and the bytes that they have. */
export const R_BASE = 0 // u32
export const R_BYTES = 4 // u32
/** Offset of the next record to read, and of the next to write. */
export const R_HEAD = 8 // u32
export const R_TAIL = 12 // u32
/** Records, and bytes in use. */
export const R_COUNT = 16 // u32
export const R_USED = 20 // u32
/** Of the oldest records, how many have paid their rate limit (host ports). */
export const R_RELEASED = 24 // u32
export const RING_HEADER_BYTES = 64

/** Records are 16-byte aligned and contiguous. Bytes of the whole record; 0: go on at the start. */
export const RECORD_BYTES = 0 // u32
export const RECORD_FRAME_BYTES = 4 // u32
/** When the frame came, in microseconds. */
export const RECORD_ARRIVAL = 8 // f64
/** Flow hash of the frame. In P_FROM_RING: bytes of its virtio-net header, which end at RECORD_FRAME. */
export const RECORD_HASH = 16 // u32
export const RECORD_NET_HEADER = 20 // NET_HEADER_BYTES x bytes
export const RECORD_FRAME = 32

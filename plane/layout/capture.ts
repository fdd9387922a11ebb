// A capture ring (capture/ring.ts): copies of the frames of one port, from the plane to a reader in another thread.

/** Linear offset of the records, and the bytes that they have: a power of two. */
export const K_BASE = 0 // u32
export const K_BYTES = 4 // u32
/** Free-running u32 positions: next record to read (the reader's), end of the complete ones, next to write (the plane's). */
export const K_HEAD = 8 // u32
export const K_TAIL = 12 // u32
export const K_WRITE = 16 // u32
/** Most bytes kept of a frame. */
export const K_SNAP_BYTES = 20 // u32
/** Frames that found no room since the newest record. */
export const K_MISSED = 24 // u32
/** 1 once the port has gone: nothing comes any more. */
export const K_ENDED = 28 // u32
/** The time of its frames counts from here: microseconds since 1970. */
export const K_EPOCH_US = 32 // f64
export const CAPTURE_HEADER_BYTES = 64

/** Records are 16-byte aligned and contiguous. Bytes of the whole record; 0: go on at the start. */
export const KR_BYTES = 0 // u32
/** CAPTURED_*. */
export const KR_FLAGS = 4 // u32
/** When the frame entered, or was written for its receiver; how long it was held; how long it may have waited before: us. */
export const KR_TIME_US = 8 // f64
export const KR_HOLD_US = 16 // f64
export const KR_QUEUE_US = 24 // f64
/** Bytes of the frame, and of them those that follow. */
export const KR_FRAME_BYTES = 32 // u32
export const KR_HAS_BYTES = 36 // u32
/** DROP_* plus 1, or 0; why its batch was published (REASON_*). */
export const KR_DROP = 40 // u32
export const KR_PUBLISH = 44 // u32
/** While its batch is open: linear offset of the vring. */
export const KR_VRING = 48 // u32
/** Frames not captured since the record before. */
export const KR_MISSED = 52 // u32
/** Its virtio-net header: the first 8 bytes, and csum_offset. */
export const KR_NET_HEADER = 56 // u64
export const KR_CSUM_OFFSET = 64 // u32
export const KR_FRAME = 80

/** The frame leaves by the port; otherwise it entered there. */
export const CAPTURED_EGRESS = 1
/** What becomes of the frame is not known yet. */
export const CAPTURED_OPEN = 2
/** It joined the frame before it, or took its place. */
export const CAPTURED_JOINED = 4
/** It was published to a guest: hold and reason are known. */
export const CAPTURED_HELD = 8

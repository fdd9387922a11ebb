// What the fast path knows of a burst beside its locals: the receive rings that it writes to (T_), and lists of the frame
// at hand. Nothing of it outlives the burst.

/** Receive rings of the burst: more end it. */
export const MAX_TARGETS = 64
export const TARGETS_AT = 0x2b000 // MAX_TARGETS x TARGET_BYTES
export const TARGET_BYTES = 32
/** The ring; what was written into it and not noted yet: frames, bytes, 1 when one of them is urgent. */
export const T_VRING = 0 // u32
export const T_FRAMES = 4 // u32
export const T_BYTES = 8 // u32
export const T_URGENT = 12 // u32
/** 1 when it was found full, and what it holds was published: what does not fit is dropped. */
export const T_FULL = 16 // u32

/** Pieces of the frame, the virtio-net header before them: u32 offset and u32 bytes each. */
export const PIECES_AT = 0x2c000 // 19 x u64
/** Linear data and the fragments of a Linux packet (MAX_SKB_FRAGS + 1). */
export const MAX_PIECES = 18

/** A frame that lay in small pieces, before it is written to its receiver (fast/write.ts). */
export const GATHER_AT = 0x22000 // GATHER_BYTES x bytes
export const GATHER_BYTES = 4096

/** Receive buffers of a frame that is longer than one: u32 offset, u32 bytes, u32 head each. */
export const BUFFERS_AT = 0x2c400 // MAX_BUFFERS x BUFFER_BYTES
export const BUFFER_BYTES = 16
export const MAX_BUFFERS = 32

/** Frames of a run (plane/fast/run.ts): offset, bytes, flow hash, 1 when that is known. */
export const MAX_RUN = 64
export const RUN_AT = 0x2c800 // MAX_RUN x RUN_ENTRY_BYTES
export const RUN_ENTRY_BYTES = 16
export const RUN_FRAME = 0
export const RUN_FRAME_BYTES = 4
export const RUN_HASH = 8
export const RUN_IS_HASHED = 12
/** The frames themselves. */
export const RUN_FRAMES_AT = 0xe8000 // RUN_BYTES x bytes
export const RUN_BYTES = 65536

// A row of the vring table in its port's row (P_VRINGS): a split ring as the engine set it up, and its open batch.

/** Linear offsets of the descriptor table, the available and the used ring; entries of each. */
export const V_DESC = 0 // u32
export const V_AVAIL = 4 // u32
export const V_USED = 8 // u32
export const V_SIZE = 12 // u32
/** VRING_*. */
export const V_FLAGS = 16 // u32
/** Bytes of the virtio-net header (12, or 10 for legacy frontends). */
export const V_HEADER_BYTES = 20 // u32
/** Free-running u16 indices: next available entry to take, next used entry to write, used as published. */
export const V_LAST_AVAIL = 24 // u32
export const V_USED_NEXT = 28 // u32
export const V_USED_PUBLISHED = 32 // u32
/** Its number in the call list. */
export const V_ID = 36 // u32
/** Linear offset of its port. */
export const V_PORT = 40 // u32
/** The frontend's available index when last read. */
export const V_AVAIL_SEEN = 44 // u32
/** Counter (C_*) of its calls. */
export const V_CALL_COUNTER = 48 // u32
/** Bursts of the open batch (P_BATCHES), or 0 for a transmit ring. The batch: frames, bytes, bursts, urgent. */
export const V_BATCH = 52 // u32
export const V_HELD_FRAMES = 56 // u32
export const V_HELD_BYTES = 60 // u32
export const V_HELD_BURSTS = 64 // u32
export const V_HELD_URGENT = 68 // u32
/** When the first and the last frame of the open batch came, in microseconds. */
export const V_HELD_FIRST = 72 // f64
export const V_HELD_LAST = 80 // f64
/** Merge table of a receive ring (M_*), or 0. Chains in its list, behind the used entries written. */
export const V_MERGE = 88 // u32
export const V_LISTED = 92 // u32
/** When the frontend was last called, and how long it is given to answer, in microseconds. */
export const V_CALLED = 96 // f64
export const V_PATIENCE = 104 // f64
/** Byte ring of the frames that wait for buffers of a receive ring. */
export const V_BACKLOG = 112 // u32
/** Free-running u16 index: used as collected for publication. */
export const V_USED_COLLECTED = 116 // u32
/** Its number among the targets of the burst at hand (layout/burst.ts); checked against these before it is used. */
export const V_TARGET = 120 // u32
/** Page of guest memory in which its used ring begins, for the log of a migration. */
export const V_LOG_PAGE = 124 // u32
export const VRING_BYTES = 128

export const VRING_READY = 1
export const VRING_ENABLED = 2
export const VRING_EVENT_IDX = 4
export const VRING_INDIRECT = 8
export const VRING_MERGEABLE = 16
/** The ring is on the dirty list. */
export const VRING_DIRTY = 32
/** The ring is on the held list. */
export const VRING_HELD = 64
/** What is written into the ring and its buffers is logged: PORT_LOGS, where only the ring is known. */
export const VRING_LOGS = 128
/** The vring is the plane's own; the frontend's netif ring stands behind it: its state lies NETIF_STATE_BYTES behind V_DESC. */
export const VRING_NETIF = 256

/** How a ring broke the protocol (P_BROKEN_REASON). */
export const BROKEN_NONE = 0
export const BROKEN_HEAD = 1
export const BROKEN_AVAIL_INDEX = 2
export const BROKEN_RX_CHAIN = 3
/** A page was written that the log of the migration has no bit for. */
export const BROKEN_LOG = 4
/** Of a netif ring: more requests than entries; a packet that ends before its slots or extra information do; ... */
export const BROKEN_NETIF_INDEX = 5
export const BROKEN_NETIF_CUT = 6
/** ... extra information of an unknown type, or more of it than there are types; segments of no size or kind; ... */
export const BROKEN_NETIF_EXTRA = 7
export const BROKEN_NETIF_GSO = 8
/** ... too many slots; slots of more bytes than the packet; a slot that reaches beyond its page. */
export const BROKEN_NETIF_SLOTS = 9
export const BROKEN_NETIF_SIZE = 10
export const BROKEN_NETIF_PAGE = 11

/**
 * What takeControl() answers: that no command waits, that one waits for guest memory to be mapped, that a malformed one
 * was dropped; otherwise the head of its chain plus 1, and above CONTROL_READABLE_SHIFT how many segments are readable.
 */
export const CONTROL_NONE = 0
export const CONTROL_WAITS = -1
export const CONTROL_MALFORMED = -2
export const CONTROL_HEAD_MASK = 0xffff
export const CONTROL_READABLE_SHIFT = 16
export const MAX_CONTROL_SEGMENTS = 127

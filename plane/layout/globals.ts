// The globals of the plane (GLOBALS_AT + G_*), its lists, and the areas that it works in.

export const GLOBALS_AT = 0x10000 // 1024 bytes
/** Entries in the call list. */
export const G_CALLS = 0 // u32
/** Entries in the miss list. */
export const G_MISSES = 4 // u32
/** Ports that broke the protocol since the engine last asked. */
export const G_BROKEN = 8 // u32
/** Learned FDB entries, and their limit. */
export const G_FDB_COUNT = 12 // u32
export const G_FDB_LIMIT = 16 // u32
/** Seconds after which a silent FDB entry is forgotten. */
export const G_FDB_AGE_S = 20 // u32
/** Seconds on the engine's clock. */
export const G_NOW_S = 24 // u32
/** Entries in the dirty list. */
export const G_DIRTY = 28 // u32
/** 1 when a call is due at once and the burst must end (per-packet publication). */
export const G_CALL_NOW = 32 // u32
/** Microseconds on the engine's clock, set once per burst. */
export const G_NOW_US = 40 // f64
/** Number of active ports; their indices follow in ACTIVE_AT. */
export const G_ACTIVE = 48 // u32
/** Addresses that could not be learned because the FDB was full. */
export const G_FDB_FULL = 52 // u32
/** Entries in the held list. */
export const G_HELD = 64 // u32
/** Entries in the list of batches that are collected for publication. */
export const G_COLLECTED = 68 // u32
/** Longest time in microseconds that the frames of this burst can have waited before the engine polled. */
export const G_QUEUE_US = 72 // f64
/** When the engine last woke from sleep, in microseconds. */
export const G_WOKE_US = 80 // f64
/** Microseconds until the next held batch is due. */
export const G_HELD_US = 88 // f64
/** Microseconds until a frontend that has not answered a call may be called again; renotifyPort() lowers it. */
export const G_RENOTIFY_US = 96 // f64
/** Linear offset of the port whose ring is being published, 0 between: whom a trap there is laid to. */
export const G_PUBLISHING = 104 // u32
/** 1 while the engine sleeps, by its own will. */
export const G_ASLEEP = 120 // u32
/** Pauses of the engine that have ended, on the u32 circle. */
export const G_WAKES = 124 // u32
/** What a wake-up costs, in microseconds; NaN: not known. */
export const G_WAKE_US = 128 // f64
/** Units of work left to the burst (work.ts); below 0 when its last frame took more. */
export const G_WORK_LEFT = 136 // i32
/** What the hash of the FDB is made of, random so that no guest can aim at a line. */
export const G_FDB_SEED = 152 // 3 x u64
/** Source address and id of the probes that find loops. */
export const G_PROBE_SOURCE = 176 // u64
export const G_PROBE_ID = 184 // u64
/** 1 once a port learns the addresses of its guest. */
export const G_LEARNS = 192 // u32
/** When frames that a rate limit holds back may go on, in microseconds; the engine resets it every turn. */
export const G_RATE_AT_US = 200 // f64
/** The longest spin of the engine at present, in microseconds. */
export const G_SPIN_US = 208 // f64
/** Time that the engine has spent spinning since its start, in microseconds. */
export const G_SPUN_US = 216 // f64
/** When ports at rest were last looked at, in microseconds. */
export const G_LOOKED_US = 224 // f64
/** Ports with vrings that are not at rest (busy.ts), by row, one bit each. */
export const G_BUSY = 232 // 2 x u64
/** What linear offset 0 is to whoever carries out grant copies: its address in the process. */
export const G_COPY_BASE = 248 // u64
/** Lists of grant copies carried out, and the copies in them. */
export const G_COPY_LISTS = 256 // u64
export const G_COPIES = 264 // u64

/** Indices of the active ports. */
export const ACTIVE_AT = 0x10400 // MAX_PORTS x u32
/** Indices of the ports that findBusy() found. */
export const BUSY_AT = 0x10600 // MAX_PORTS x u32
/** Vrings (port * VRINGS_PER_PORT + queue) whose frontend is to be called. */
export const CALLS_AT = 0x11000 // MAX_CALLS x u32
export const MAX_CALLS = 4096
/** Granules that were looked up while not mapped: u32 port, u32 granule. */
export const MISSES_AT = 0x15000 // MAX_MISSES x u64
export const MAX_MISSES = 512
/** Segments (u32 offset, u32 length) of the frame being read, and of the buffers being written. */
export const SEGS_AT = 0x18000 // MAX_SEGS x u64
export const RX_SEGS_AT = 0x1a000 // MAX_SEGS x u64
export const MAX_SEGS = 1024
/** Chains reserved for one frame: u32 head, u32 bytes. */
export const CHAINS_AT = 0x1c000 // MAX_CHAINS x u64
export const MAX_CHAINS = 1024
/** Segments of an indirect descriptor table that is not contiguous. */
export const TABLE_SEGS_AT = 0x1e000 // MAX_SEGS x u64
/** Private copy of the frame's headers, and the headers as they leave. */
export const HEAD_AT = 0x20000 // MAX_HEAD_BYTES x bytes
export const VLAN_HEAD_AT = 0x20200 // 512 bytes
export const OUT_HEAD_AT = 0x20400 // 512 bytes
export const MAX_HEAD_BYTES = 256
/** The virtio-net header being written. */
export const OUT_NET_HEADER_AT = 0x20800 // 16 bytes
/** Both headers of an aggregate as they leave. */
export const MERGE_HEAD_AT = 0x20900 // 256 bytes
/** Three cursors in lists of segments (plane/frame/segments.ts). */
export const CURSORS_AT = 0x21000 // 64 bytes
/** The frame at hand (plane/frame/record.ts): as it came, as one receiver gets it, what merging sees in it. */
export const FRAME_AT = 0x21040 // FRAME_BYTES x bytes
export const FRAME_BYTES = 128
export const OUT_AT = 0x210c0 // OUT_BYTES x bytes
export const OUT_BYTES = 64
export const FLOW_AT = 0x21100 // FLOW_BYTES x bytes
export const FLOW_BYTES = 64
/** The DHCP message being read. */
export const DHCP_AT = 0x2a000 // 4096 bytes
/** Frames of a burst of a host port: u32 linear offset of the virtio-net header, u32 bytes. */
export const INGEST_AT = 0x2d000 // MAX_INGEST x u64
export const MAX_INGEST = 64
/** Where host ports put a frame (virtio-net header first) for ingest(). */
export const STAGE_AT = 0x30000 // STAGE_BYTES x bytes
export const STAGE_BYTES = 0x80000
/** Linear offsets of vrings that the burst touched. */
export const DIRTY_AT = 0xc0000 // MAX_DIRTY x u32
export const MAX_DIRTY = 4096
/** Linear offsets of receive rings with a held batch. */
export const HELD_AT = 0xc4000 // MAX_HELD x u32
export const MAX_HELD = 4096
/** What is to be published at the end of the burst: u32 linear offset of the vring, u32 its used index then. */
export const COLLECTED_AT = 0xc8000 // MAX_COLLECTED x u64
export const MAX_COLLECTED = 4096
/** The headers as they leave, when a checksum lies deeper than MAX_HEAD_BYTES: up to a whole frame. */
export const LONG_HEAD_AT = 0xd0000 // MAX_FRAME_BYTES x bytes

/** Frame without virtio-net header: 64 KB of IP packet, Ethernet header, two VLAN tags. */
export const MAX_FRAME_BYTES = 65560
export const MIN_FRAME_BYTES = 14
export const NET_HEADER_BYTES = 12
/** A VLAN that no frame is in. */
export const NO_VLAN = 4095

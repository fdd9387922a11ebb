// Where everything lies in the linear memory. Written once here; tools/build.mjs copies this file to
// src/core/layout.ts for the TypeScript side. Only numeric constants: the file is valid in both languages.
//
//   0x000000  reserved          0x010000  globals, lists and scratch of the plane
//   0x100000  port table        0x500000  forwarding database          0x600000  heap (owned by src/core)
//
// The heap holds granule tables, byte rings of host ports, backlogs and the granted guest memory itself.

export const LAYOUT_VERSION = 1

/** Guest memory is granted in granules of 2 MB. */
export const GRANULE_SHIFT = 21
export const GRANULE_BYTES = 2097152
/** One granule table entry: u32 linear offset (0 = absent), u16 first valid page, u16 end of valid pages. */
export const GRANULE_ENTRY_BYTES = 8
/** A span: u32 number of its first granule, u32 granules, u32 their entries, u32 a byte for each set when it is used, or 0. */
export const SPAN_FIRST = 0
export const SPAN_COUNT = 4
export const SPAN_ENTRIES = 8
export const SPAN_TOUCHED = 12
export const SPAN_BYTES = 16

// ---- globals (GLOBALS_AT + offset) ----
export const GLOBALS_AT = 0x10000
/** u32: entries in the call list. */
export const G_CALLS = 0
/** u32: entries in the miss list. */
export const G_MISSES = 4
/** u32: ports that broke the protocol since the engine last looked. */
export const G_BROKEN = 8
/** u32: learned FDB entries. */
export const G_FDB_COUNT = 12
/** u32: most learned FDB entries. */
export const G_FDB_LIMIT = 16
/** u32: seconds after which a silent FDB entry is forgotten. */
export const G_FDB_AGE_S = 20
/** u32: seconds on the engine's clock. */
export const G_NOW_S = 24
/** u32: entries in the dirty list (vrings with unpublished chains). */
export const G_DIRTY = 28
/** u32: 1 when a call is due at once and the burst must end (per-packet publication). */
export const G_CALL_NOW = 32
/** f64: microseconds on the engine's clock, set once per burst. */
export const G_NOW_US = 40
/** u32: number of active ports; their indices follow in ACTIVE_AT. */
export const G_ACTIVE = 48
/** u32: addresses that could not be learned because the FDB was full. */
export const G_FDB_FULL = 52
/** u32: sum of what prefetch() read; nobody reads it. */
export const G_PREFETCHED = 56
/** u32: receive rings with a held batch; their linear offsets lie in HELD_AT. */
export const G_HELD = 64
/** f64: longest time in microseconds that the frames of this burst can have waited before the engine looked. */
export const G_QUEUE_US = 72
/** f64: when the engine last woke from sleep. */
export const G_WOKE_US = 80
/** f64: microseconds until the next held batch is due. */
export const G_HELD_US = 88
/** f64: microseconds until a frontend that has not answered a call may be called again; remindPort() lowers it. */
export const G_REMIND_US = 96
/** u32: linear offset of the port whose ring is being published, 0 between: whom a trap there is laid to. */
export const G_PUBLISHING = 104
/** i32: units of work left to the burst (plane/work.ts); below 0 when its last frame took more. */
export const G_WORK_LEFT = 136
/** u32: moves whenever a cached forwarding decision may have become wrong. */
export const G_GENERATION = 60
/** u32: 1 while the engine sleeps, by its own will. */
export const G_ASLEEP = 120
/** Three u64: what the hash of the forwarding database is made of, random so that no guest can aim at a line. */
export const G_FDB_SEED = 152
/** u32: 1 once a port learns the addresses of its guest. */
export const G_LEARNS = 192
/** u64 source address and u64 id of the probes that find loops. */
export const G_PROBE_SOURCE = 176
export const G_PROBE_ID = 184
/** f64: on the engine's clock, when frames that a rate limit holds back may go on; the engine resets it every turn. */
export const G_RATE_AT_US = 200
export const ACTIVE_AT = 0x10400

/** u32 vring identifiers (port * VRINGS_PER_PORT + queue) whose frontend wants a call. */
export const CALLS_AT = 0x11000
export const MAX_CALLS = 4096
/** (u32 port, u32 granule) pairs that were looked up while not mapped. */
export const MISSES_AT = 0x15000
export const MAX_MISSES = 512
/** u32 linear offsets of vrings with unpublished chains. */
export const DIRTY_AT = 0xc0000
export const MAX_DIRTY = 4096
/** u32 linear offsets of receive rings with a held batch. */
export const HELD_AT = 0xc4000
export const MAX_HELD = 4096
/** Segments (u32 offset, u32 length) of the frame being read, and of the buffers being written. */
export const SEGS_AT = 0x18000
export const RX_SEGS_AT = 0x1a000
export const MAX_SEGS = 1024
/** Chains reserved for one frame: u32 head, u32 bytes. */
export const CHAINS_AT = 0x1c000
export const MAX_CHAINS = 1024
/** Segments of an indirect descriptor table that is not contiguous. */
export const TABLE_SEGS_AT = 0x1e000
/** Private copy of the frame's headers, and the headers as they leave. */
export const HEAD_AT = 0x20000
export const VLAN_HEAD_AT = 0x20200
export const OUT_HEAD_AT = 0x20400
export const MAX_HEAD_BYTES = 256
/** The virtio-net header being written. */
export const OUT_NET_HEADER_AT = 0x20800
/** Both headers of an aggregate as they leave. */
export const MERGE_HEAD_AT = 0x20900
/** The headers as they leave, when a checksum lies deeper than MAX_HEAD_BYTES: up to a whole frame. */
export const LONG_HEAD_AT = 0xd0000
/** The DHCP message being read. */
export const DHCP_AT = 0x2a000
/** Where host ports put a frame (virtio-net header first) for ingest(). */
export const STAGE_AT = 0x30000
export const STAGE_BYTES = 0x80000

// ---- limits ----
/** Frame without virtio-net header: 64 KB of IP packet, Ethernet header, two VLAN tags. */
export const MAX_FRAME_BYTES = 65560
export const MIN_FRAME_BYTES = 14
/** A VLAN that no frame is in. */
export const NO_VLAN = 4095
export const MAX_RING_SIZE = 32768
export const NET_HEADER_BYTES = 12

// ---- port table ----
export const PORTS_AT = 0x100000
export const PORT_BYTES = 32768
export const MAX_PORTS = 128
export const MAX_QUEUE_PAIRS = 8
export const VRINGS_PER_PORT = 18
export const CONTROL_VRING = 16

/** u32 flags, below. */
export const P_FLAGS = 0
/** u32: offloads (TAKE_*) that this port's receiver accepts. */
export const P_TAKES = 4
/** u32: offloads (TAKE_*) that this port's sender may use. */
export const P_SENDS = 8
/** u32: the span of guest addresses that was used last. u32: the list of all spans, ended by one of no granules. */
export const P_SPAN = 12
export const P_SPANS = 16
/** u32: marks of use of a guest whose granules are mapped on demand, else 0. */
export const P_TOUCHED = 20
/** u32: VLAN of untagged frames; NO_VLAN: there are none. */
export const P_NATIVE_VLAN = 24
/** u32: active queue pairs: those that frames for the guest are spread over. */
export const P_QUEUE_PAIRS = 28
/** u32: why the port broke the protocol (BROKEN_*), and on which vring. */
export const P_BROKEN_REASON = 32
export const P_BROKEN_VRING = 36
/** u32: byte ring toward a host port, or backlog of a vif's first receive ring. */
export const P_RING = 40
/** u32: FDB entries of this port, and their limit. */
export const P_FDB_COUNT = 44
export const P_FDB_LIMIT = 48
/** u32: largest frame from and to the port as it is on the wire, without virtio-net header and one VLAN tag. */
export const P_MAX_FRAME = 52
/** u32: entries of the receive filter's MAC table. */
export const P_FILTER_MACS = 56
/** u32: 1 when urgent frames and polling guests are served at once. */
export const P_URGENT_FLUSH = 60
/** Limits of a batch: f64 microseconds of hold (0: none), f64 microseconds of silence, u32 frames, u32 bytes. */
export const P_HOLD_US = 64
export const P_GAP_US = 72
export const P_MAX_BATCH_FRAMES = 80
export const P_MAX_BATCH_BYTES = 84
/** f64: when the plane last looked at what the guest transmits. */
export const P_POLLED_US = 88
/** f64: microseconds of the engine's thread spent on what the guest transmits. */
export const P_SERVICE_US = 96
/** u32: queue pairs whose rings may run; those beyond the active ones are emptied, their frames dropped. */
export const P_STARTED_PAIRS = 144
/** u32: which frames toward the port are joined (MERGE_*). */
export const P_MERGE = 104

/**
 * f64 microseconds, of each direction: since when tokens are there for frames that wait for them, or will be; 0 while
 * none waits. u32: byte ring of frames that came from a host port with a limit, or 0.
 */
export const P_WAIT_FROM = 176
export const P_WAIT_TO = 184
export const P_FROM_RING = 192
/** u32: the queue pair of a vif with a limit that is polled first. */
export const P_FIRST_PAIR = 196

export const PORT_ACTIVE = 1
/** The port is a vif (vrings); otherwise a host port (byte ring). */
export const PORT_VIF = 2
/** The receiver is there: frames may be sent to it. */
export const PORT_LINK = 4
/** Isolated ports do not reach each other. */
export const PORT_ISOLATED = 8
export const PORT_BROKEN = 16
/** Trunk: tagged frames of the VLANs in the bitmap; otherwise access: untagged frames only. */
export const PORT_TRUNK = 32
/** The receive filter set by CTRL_RX / CTRL_MAC is on. */
export const PORT_FILTER = 64
export const PORT_FILTER_ALLMULTI = 128
export const PORT_FILTER_NOBROADCAST = 256
/** The VLAN filter set by CTRL_VLAN is on. */
export const PORT_FILTER_VLAN = 512
export const PORT_FILTER_ALLUNI = 1024
export const PORT_FILTER_NOMULTI = 2048
export const PORT_FILTER_NOUNI = 4096
/** Addresses are not learned from this port. */
export const PORT_NO_LEARN = 8192
/** What comes from the port is checked against P_GUARD. */
export const PORT_GUARDED = 16384
/** What goes to the port passes its token buckets. */
export const PORT_METERED = 32768

/** The port is held to no VLAN: frames without a VLAN cross between such ports with all their tags. */
export const PORT_TRANSPARENT = 131072
/** Addresses heard on the port stay there until they are forgotten. */
export const PORT_STICKY = 262144
/** A loop was found: the port takes and gives nothing but probes. */
export const PORT_HELD = 524288

export const TAKE_CSUM = 1
export const TAKE_TSO4 = 2
export const TAKE_TSO6 = 4
export const TAKE_ECN = 8
export const TAKE_USO4 = 16
export const TAKE_USO6 = 32

/** Segments of a flow become one GSO frame, of the kinds that the receiver takes. */
export const MERGE_SEGMENTS = 1
/** A pure acknowledgement takes the place of the one before it. */
export const MERGE_ACKS = 2

/** Why a batch was published: the codes of src/aggregation/hold.ts. */
export const REASON_HOLD = 0
export const REASON_FULL = 1
export const REASON_FRAMES = 2
export const REASON_BYTES = 3
export const REASON_NO_HOLD = 4
export const REASON_POLLING = 5
export const REASON_URGENT = 6
export const REASON_DEADLINE = 7
export const REASON_GAP = 8

/** u32: which of the group addresses 01-80-C2-00-00-00 to -0F the port forwards, one bit each. */
export const P_GROUPS = 208
/** u32: port whose probe came in here, plus 1; 0: none. */
export const P_LOOPED = 236
/** The address that last moved to the port: u64 FDB key; u32: the port it came from. */
export const P_MOVED_KEY = 216
export const P_MOVED_FROM = 212
/** The address last used on the port that a sticky port keeps: u64 FDB key; u32: that port. */
export const P_KEPT_KEY = 224
export const P_KEPT_BY = 232

/** u32: which checks frames from the port must pass (GUARD_*). u32: entries of the three lists below. */
export const P_GUARD = 240
export const P_GUARD_MAC_COUNT = 244
export const P_GUARD_IPV4_COUNT = 248
export const P_GUARD_IPV6_COUNT = 252
/** Source addresses that the port may use: u64 MAC, u32 IPv4, 16 bytes IPv6 each, in memory order. */
export const P_GUARD_MACS = 256
export const P_GUARD_IPV4 = 384
export const P_GUARD_IPV6 = 6656
export const MAX_GUARD_ENTRIES = 16

export const GUARD_MACS = 1
export const GUARD_ADDRESSES = 2
/** The link-local IPv6 address that derives from the source MAC is allowed. */
export const GUARD_LINK_LOCAL = 4
export const GUARD_RATE = 8
export const GUARD_STORM = 16
/** Addresses that a DHCP server gives the guest are allowed; those that it claims by ND within P_LEARN_ND, too. */
export const GUARD_LEARN_DHCP = 32
export const GUARD_LEARN_ND = 64
/** Masks of the listed addresses, so that an entry may be a prefix. */
export const P_GUARD_IPV4_MASKS = 26112
export const P_GUARD_IPV6_MASKS = 26176
/** Learned addresses: u32 address, u32 seconds until when; 16 bytes address, f64 microseconds from when, u32 seconds when last used. */
export const P_LEARNED_IPV4 = 26624
export const LEARNED_IPV4_BYTES = 8
export const P_LEARNED_IPV6 = 26752
export const LEARNED_IPV6_BYTES = 32
export const LEARNED_FROM = 16
export const LEARNED_SEEN = 24
export const MAX_LEARNED = 16
/** Prefixes in which addresses are learned by ND: u32 count; 16 bytes address and 16 bytes mask each. */
export const P_LEARN_ND_COUNT = 27264
export const P_LEARN_ND = 27280
export const LEARN_ND_BYTES = 32
export const MAX_LEARN_ND = 8

/** Token buckets of a port, by index: frames, average and peak of each direction, then floods. */
export const P_BUCKETS = 6912
export const BUCKET_FROM = 0
export const BUCKET_TO = 3
export const BUCKET_STORM = 6
export const BUCKETS = 7
export const BUCKET_BYTES = 32
/** i64: units per second (0: no limit); depth and tokens in millionths of a unit; microseconds when last filled. */
export const BUCKET_RATE = 0
export const BUCKET_DEPTH = 8
export const BUCKET_TOKENS = 16
export const BUCKET_AT_US = 24

/** MAC table of the receive filter: u64 each. */
export const P_FILTER_TABLE = 512
export const MAX_FILTER_MACS = 64

// counters: u64 each, at P_COUNTERS + 8 * index. Directions are named from the VM.
export const P_COUNTERS = 1024
export const C_FROM_FRAMES = 0
export const C_FROM_BYTES = 1
export const C_TO_FRAMES = 2
export const C_TO_BYTES = 3
export const C_CALLS = 4
export const C_KICKS = 5
export const C_PUBLISHES = 6
export const C_FLOODS = 7
export const C_SEGMENTED = 8
export const C_CHECKSUMMED = 9
export const C_BACKLOGGED = 10
export const C_GSO_TO = 11
export const C_GSO_FROM = 12
export const C_POLLS = 13
export const C_MISSES = 14
export const C_TX_CALLS = 15
export const C_TO_BURSTS = 16
export const C_URGENT_BURSTS = 17
export const C_FLUSHED_FRAMES = 18
export const C_FLUSHED_BYTES = 19
/** Frames that joined the one before them; the frames that came of it; acknowledgements that were replaced. */
export const C_MERGED = 20
export const C_MERGED_FRAMES = 21
export const C_THINNED_ACKS = 22
/** Looks that found a transmit ring so full that its guest may have had to wait. */
export const C_CROWDED = 23
/** Calls made again because the guest did nothing about the one before. */
export const C_REMINDERS = 24
/** Addresses that moved to the port from another, and frames whose source could not be learned. */
export const C_ADDRESS_MOVES = 25
export const C_UNLEARNED = 26
/** Peers that were refused because the port had one. */
export const C_REFUSED = 27
/** Times that a ring's kicks were ignored for a while because they brought nothing. */
export const C_MUTED_KICKS = 28
export const COUNTERS = 29

// drops: u64 each, at P_DROPS + 8 * reason
export const P_DROPS = 1536
export const DROP_RUNT = 0
export const DROP_TOO_LONG = 1
export const DROP_BAD_CHAIN = 2
export const DROP_BAD_ADDRESS = 3
export const DROP_BAD_NET_HEADER = 4
export const DROP_GROUP_SOURCE = 5
export const DROP_RESERVED_GROUP = 6
export const DROP_VLAN = 7
export const DROP_ISOLATED = 8
export const DROP_SAME_PORT = 9
export const DROP_RING_FULL = 10
export const DROP_NO_LINK = 11
export const DROP_FILTERED = 12
export const DROP_BUFFER_TOO_SMALL = 13
export const DROP_BAD_GSO = 14
export const DROP_NOT_NEGOTIATED = 15
export const DROP_SPOOFED = 16
export const DROP_RATE = 17
export const DROP_STORM = 18
export const DROP_HOST_ERROR = 19
export const DROP_RX_BAD_CHAIN = 20
export const DROP_DETACHED = 21
export const DROP_STICKY = 22
export const DROP_LOOP = 23
/** The frame had cost the burst too much before it reached this receiver. */
export const DROP_COSTLY = 24
export const DROP_REASONS = 32

/** VLANs that a trunk carries: 4096 bits. */
export const P_VLANS = 2048
/** VLANs that the guest's receive filter lets in: 4096 bits. */
export const P_FILTER_VLANS = 2560

/** Forwarding decisions for plain frames: u64 and u32 both addresses, u32 generation, u32 port offset. */
export const P_FAST = 3072
export const FAST_ENTRIES = 16
export const FAST_ENTRY_BYTES = 32
export const F_MACS_HIGH = 8
export const F_GENERATION = 12
export const F_DESTINATION = 16

/** Bursts of the open batch of each receive ring: f64 arrival, f64 queue delay, u32 frames. */
export const P_BATCHES = 7168
export const BATCH_BURST_BYTES = 24
export const BATCH_BURSTS = 42
export const BATCH_BYTES = 1024
/** Delay histograms in u32 counts of frames; buckets as in src/stats/histogram.ts. */
export const P_HISTOGRAM_HOLD = 16384
export const P_HISTOGRAM_QUEUE = 18432
export const P_HISTOGRAM_TOTAL = 20480
export const HISTOGRAM_BUCKETS = 464
/** Publications by reason: u64 each. */
export const P_REASONS = 22528
export const REASONS = 9
/** The newest record of a host port's byte ring, when frames may join it: one aggregate (A_*). */
export const P_AGGREGATE = 23040

export const P_VRINGS = 4096
export const VRING_BYTES = 128

// ---- vring ----
/** u32 linear offsets of the three parts. */
export const V_DESC = 0
export const V_AVAIL = 4
export const V_USED = 8
export const V_SIZE = 12
/** u32 flags, below. */
export const V_FLAGS = 16
/** u32: bytes of the virtio-net header (12, or 10 for legacy frontends). */
export const V_HEADER_BYTES = 20
/** u32 free-running u16 indices: next available entry to take, next used entry to write, used as published. */
export const V_LAST_AVAIL = 24
export const V_USED_NEXT = 28
export const V_USED_PUBLISHED = 32
/** u32: its number in the call list. */
export const V_ID = 36
/** u32: linear offset of its port. */
export const V_PORT = 40
/** u32: the frontend's available index when last read. */
export const V_AVAIL_SEEN = 44
/** u32: counter index (C_*) for its calls. */
export const V_CALL_COUNTER = 48
/** u32: bursts of the open batch (P_BATCHES), or 0 for a transmit ring. The batch: frames, bytes, bursts, urgent. */
export const V_BATCH = 52
export const V_HELD_FRAMES = 56
export const V_HELD_BYTES = 60
export const V_HELD_BURSTS = 64
export const V_HELD_URGENT = 68
/** f64 microseconds: when the first and the last frame of the open batch came. */
export const V_HELD_FIRST = 72
export const V_HELD_LAST = 80

/** u32: merge table of a receive ring (M_*), or 0. u32: chains in its list, behind the used entries written. */
export const V_MERGE = 88
export const V_LISTED = 92
/** f64 microseconds: when the frontend was last called, and how long it is given to answer. */
export const V_CALLED = 96
export const V_PATIENCE = 104

/** u32: byte ring of the frames that wait for buffers of a receive ring. */
export const V_BACKLOG = 112

export const VRING_READY = 1
export const VRING_ENABLED = 2
export const VRING_EVENT_IDX = 4
export const VRING_INDIRECT = 8
export const VRING_MERGEABLE = 16
export const VRING_DIRTY = 32
/** The ring is on the held list. */
export const VRING_HELD = 64

export const BROKEN_NONE = 0
export const BROKEN_HEAD = 1
export const BROKEN_AVAIL_INDEX = 2
export const BROKEN_RX_CHAIN = 3

// ---- byte ring (host ports: toward the host; vifs: backlog) ----
// Records are 16-byte aligned and contiguous: u32 record bytes (0 = continue at the start), u32 frame bytes,
// f64 arrival in microseconds, u32 flow hash, 12 bytes virtio-net header, then the frame.
export const R_BASE = 0
export const R_BYTES = 4
/** u32: offset of the next record to read, and of the next to write. */
export const R_HEAD = 8
export const R_TAIL = 12
/** u32: records, and bytes in use. */
export const R_COUNT = 16
export const R_USED = 20
/** u32: of the oldest records, how many have paid their rate limit (host ports). */
export const R_RELEASED = 24
export const RING_HEADER_BYTES = 64
export const RECORD_FRAME_BYTES = 4
export const RECORD_ARRIVAL = 8
export const RECORD_HASH = 16
export const RECORD_NET_HEADER = 20
export const RECORD_FRAME = 32

// ---- merge table of a receive ring ----
// Open aggregates, and the chains of the open batch in the order in which its used entries will be written:
// u32 head, u32 bytes, u32 next (index + 1, 0 at the end).
/** u32: chains that the list may hold; first and last chain of the list (index + 1, 0 when empty). */
export const M_CHAINS = 0
export const M_FIRST = 4
export const M_LAST = 8
/** u32: open aggregates, and which is closed next when all are in use. */
export const M_OPEN = 12
export const M_OLDEST = 16
export const M_AGGREGATES = 64
export const MAX_AGGREGATES = 8
export const M_LIST = 4160
export const LISTED_BYTES = 12

// An aggregate: the first frame's headers, where they lie, and where the next payload goes.
export const AGGREGATE_BYTES = 512
/** u64: hash of the flow, 0 when free. u32: frames in it. */
export const A_KEY = 0
export const A_FRAMES = 8
/** u32: bytes of all headers, offsets of the network and transport header, kind (IS_V4, IS_UDP, IS_ACK). */
export const A_HEADERS = 16
export const A_NETWORK = 20
export const A_TRANSPORT = 24
export const A_KIND = 28
/** u32: payload bytes of the first frame, and of all; next sequence number; PSH of the last frame. */
export const A_SIZE = 32
export const A_PAYLOAD = 36
export const A_SEQUENCE = 40
export const A_PUSH = 44
/** u32: 0 until the second frame has shown whether IPv4 identifications rise (1) or stay (2). */
export const A_IDENTIFICATION = 48
/** u32: last chain of the list that belongs to it (index + 1), and how many do. */
export const A_LAST = 52
export const A_CHAINS = 56
/** u32: its record in a byte ring. u32: bytes of its frame, for an acknowledgement. */
export const A_RECORD = 60
export const A_BYTES = 64
export const IS_V4 = 1
export const IS_UDP = 2
export const IS_ACK = 4
/** Where the virtio-net header and the headers lie: u32 offset and u32 bytes each. */
export const A_HEAD_SEGS = 72
export const MAX_HEAD_SEGS = 4
/** Where more payload goes: u32 count, then as above. */
export const A_TAIL_COUNT = 104
export const A_TAIL_SEGS = 112
export const MAX_TAIL_SEGS = 24
export const A_HEADER_COPY = 304
export const MAX_MERGE_HEAD = 128

// ---- forwarding database ----
export const FDB_AT = 0x500000
/** Lines of one cache line (64 bytes) each, by the logarithm of their number, and the entries of a line. */
export const FDB_LINE_SHIFT = 14
export const FDB_WAYS = 4
/** Most addresses: half of the places, so that a place for each can always be made. */
export const MAX_FDB_ENTRIES = 32768
/** u64 key (MAC in the low 48 bits, VLAN above, bit 63 = in use), u32 port, u32 seconds when last seen. */
export const FDB_ENTRY_BYTES = 16

export const HEAP_AT = 0x600000

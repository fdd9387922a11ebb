// A row of the port table (PORTS_AT + index * PORT_BYTES): settings, limits, counters, histograms, vrings.

export const PORTS_AT = 0x100000 // MAX_PORTS x PORT_BYTES
/** An odd number of cache lines, so that the same field of many ports does not always fall into the same set of a cache. */
export const PORT_BYTES = 32704
export const MAX_PORTS = 128
export const MAX_QUEUE_PAIRS = 8
export const VRINGS_PER_PORT = 18
export const CONTROL_VRING = 16

/** PORT_*. */
export const P_FLAGS = 0 // u32
/** Offloads (TAKE_*) that this port's receiver accepts, and that its sender may use. */
export const P_TAKES = 4 // u32
export const P_SENDS = 8 // u32
/** The span of guest addresses that was used last; the list of all spans, ended by one of no granules. */
export const P_SPAN = 12 // u32
export const P_SPANS = 16 // u32
/** Not 0 for a guest whose granules are mapped on demand, so that their use must be noted. */
export const P_TOUCHED = 20 // u32
/** VLAN of untagged frames; NO_VLAN: there are none. */
export const P_NATIVE_VLAN = 24 // u32
/** Active queue pairs: those that frames for the guest are spread over. */
export const P_QUEUE_PAIRS = 28 // u32
/** Why the port broke the protocol (BROKEN_*), and on which vring. */
export const P_BROKEN_REASON = 32 // u32
export const P_BROKEN_VRING = 36 // u32
/** Byte ring toward a host port, or backlog of the first receive ring. */
export const P_RING = 40 // u32
/** FDB entries of this port, and their limit. */
export const P_FDB_COUNT = 44 // u32
export const P_FDB_LIMIT = 48 // u32
/** Largest frame from and to the port as it is on the wire, without virtio-net header and one VLAN tag. */
export const P_MAX_FRAME = 52 // u32
/** Entries of the receive filter's MAC table. */
export const P_FILTER_MACS = 56 // u32
/** Hold limits: whether urgent frames and polling guests are served at once, ... */
export const P_URGENT_PUBLISH = 60 // u32
/** ... microseconds of hold (0: none) and of silence, frames, bytes. */
export const P_HOLD_US = 64 // f64
export const P_GAP_US = 72 // f64
export const P_MAX_BATCH_FRAMES = 80 // u32
export const P_MAX_BATCH_BYTES = 84 // u32
/** When the plane last polled what the guest transmits, in microseconds. */
export const P_POLLED_US = 88 // f64
/** Microseconds of the engine's thread spent on what the guest transmits. */
export const P_SERVICE_US = 96 // f64
/** Which frames toward the port are joined (MERGE_*). */
export const P_MERGE = 104 // u32
/** Queue pairs whose rings may run; those beyond the active ones are emptied, their frames dropped. */
export const P_STARTED_PAIRS = 108 // u32
/**
 * Of each direction, in microseconds: since when tokens are there for frames that wait for them, or will be; 0 while
 * none waits.
 */
export const P_WAIT_FROM = 176 // f64
export const P_WAIT_TO = 184 // f64
/** Byte ring of frames that came from a host port with a rate limit, or 0. */
export const P_FROM_RING = 192 // u32
/** The queue pair that is polled first. */
export const P_FIRST_PAIR = 196 // u32
/** The list of grant copies, by number, that was last counted for the port. */
export const P_GRANT_LIST = 200 // u32
/** Which of the group addresses 01-80-C2-00-00-00 to -0F the port forwards, one bit each. */
export const P_GROUPS = 208 // u32
/** The address that last moved to the port: the port it came from, its FDB key. */
export const P_MOVED_FROM = 212 // u32
export const P_MOVED_KEY = 216 // u64
/** The address last used on the port that a sticky port keeps: its FDB key, that port. */
export const P_KEPT_KEY = 224 // u64
export const P_KEPT_BY = 232 // u32
/** Port whose probe came in here, plus 1; 0: none. */
export const P_LOOPED = 236 // u32
/** Which checks frames from the port must pass (GUARD_*). Entries of the three lists of source addresses. */
export const P_GUARD = 240 // u32
export const P_GUARD_MAC_COUNT = 244 // u32
export const P_GUARD_IPV4_COUNT = 248 // u32
export const P_GUARD_IPV6_COUNT = 252 // u32
/** Source addresses that the port may use, in memory order (IPv6 and masks below). */
export const P_GUARD_MACS = 256 // MAX_GUARD_ENTRIES x u64
export const P_GUARD_IPV4 = 384 // MAX_GUARD_ENTRIES x u32
export const MAX_GUARD_ENTRIES = 16
/** MAC table of the receive filter. */
export const P_FILTER_TABLE = 512 // MAX_FILTER_MACS x u64
export const MAX_FILTER_MACS = 64
/** Counters by C_*, dropped frames by DROP_*. */
export const P_COUNTERS = 1024 // COUNTERS x u64
export const P_DROPS = 1536 // DROP_REASONS x u64
/** VLANs that a trunk carries, and that the guest's receive filter lets in: a bit each. */
export const P_VLANS = 2048 // 512 bytes
export const P_FILTER_VLANS = 2560 // 512 bytes
export const P_VRINGS = 4096 // VRINGS_PER_PORT x VRING_BYTES
export const P_GUARD_IPV6 = 6656 // MAX_GUARD_ENTRIES x 16 bytes
/** Token buckets, by index: frames, average and peak of each direction, then floods. */
export const P_BUCKETS = 6912 // BUCKETS x BUCKET_BYTES
export const BUCKET_FROM = 0
export const BUCKET_TO = 3
export const BUCKET_STORM = 6
export const BUCKETS = 7
/** Units per second (0: no limit); depth and tokens in millionths of a unit; microseconds when last filled. */
export const BUCKET_RATE = 0 // i64
export const BUCKET_DEPTH = 8 // i64
export const BUCKET_TOKENS = 16 // i64
export const BUCKET_AT_US = 24 // i64
export const BUCKET_BYTES = 32
/** Bursts of the open batch of each receive ring: f64 arrival, f64 queue delay, u32 frames. */
export const P_BATCHES = 7168 // MAX_QUEUE_PAIRS x BATCH_BYTES
export const BATCH_BURST_BYTES = 24
export const BATCH_BURSTS = 42
export const BATCH_BYTES = 1024
/** Delay histograms in counts of frames. What the buckets are: src/core/histogram.ts. */
export const P_HISTOGRAM_HOLD = 16384 // HISTOGRAM_BUCKETS x u32
export const P_HISTOGRAM_QUEUE = 18432 // HISTOGRAM_BUCKETS x u32
export const P_HISTOGRAM_TOTAL = 20480 // HISTOGRAM_BUCKETS x u32
export const HISTOGRAM_BUCKETS = 464
/** Every power of two has this many equal buckets, as a power of two itself; smaller values have one each. */
export const HISTOGRAM_SPLIT_BITS = 4
/** Parts of a microsecond that are counted. */
export const HISTOGRAM_TICKS_PER_US = 16
/** Publications by REASON_*. */
export const P_REASONS = 22528 // 9 x u64
/** The newest record of a host port's byte ring, when frames may join it (A_*). */
export const P_AGGREGATE = 23040 // AGGREGATE_BYTES x bytes
/** Masks of the listed addresses, so that an entry may be a prefix. */
export const P_GUARD_IPV4_MASKS = 26112 // MAX_GUARD_ENTRIES x u32
export const P_GUARD_IPV6_MASKS = 26176 // MAX_GUARD_ENTRIES x 16 bytes
/** Learned addresses: u32 address, u32 seconds until when. */
export const P_LEARNED_IPV4 = 26624 // MAX_LEARNED x LEARNED_IPV4_BYTES
export const LEARNED_UNTIL = 4 // u32
export const LEARNED_IPV4_BYTES = 8
/** Learned addresses: 16 bytes address, then from when in microseconds, and the second when last used. */
export const P_LEARNED_IPV6 = 26752 // MAX_LEARNED x LEARNED_IPV6_BYTES
export const LEARNED_FROM = 16 // f64
export const LEARNED_SEEN = 24 // u32
export const LEARNED_IPV6_BYTES = 32
export const MAX_LEARNED = 16
/** Prefixes in which addresses are learned by ND: how many; 16 bytes address and 16 bytes mask each. */
export const P_LEARN_ND_COUNT = 27264 // u32
export const P_LEARN_ND = 27280 // MAX_LEARN_ND x LEARN_ND_BYTES
export const LEARN_ND_BYTES = 32
export const MAX_LEARN_ND = 8
/** Capture ring (K_*) of the port, or 0; the mirror ports that get copies of what crosses it, by row, one bit each. */
export const P_CAPTURE = 28672 // u32
export const P_MIRRORS = 28680 // 2 x u64
/**
 * While a migration logs what is written into the guest's memory (PORT_LOGS): linear offset of the log, a bit for each
 * page of 4 KB; pages that it has; 1 when some were marked since the engine last asked.
 */
export const P_LOG = 28696 // u32
export const P_LOG_PAGES = 28700 // u32
export const P_LOG_MARKED = 28704 // u32

export const PORT_ACTIVE = 1
/** Frames cross to and from the port in vrings; otherwise the engine moves them through byte rings. */
export const PORT_VRINGS = 2
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
/** A guest is behind the port, not a kernel: what it says of checksums is not believed. */
export const PORT_GUEST = 65536
/** The port is held to no VLAN: frames without a VLAN cross between such ports with all their tags. */
export const PORT_TRANSPARENT = 131072
/** Addresses heard on the port stay there until they are forgotten. */
export const PORT_STICKY = 262144
/** A loop was found: the port takes and gives nothing but probes. */
export const PORT_HELD = 524288
/** What crosses the port is captured or mirrored: all of it takes the slow path, where the copies are made. */
export const PORT_WATCHED = 1048576
/** A mirror port: it is sent copies and nothing else, and what comes from it is dropped. */
export const PORT_MIRROR = 2097152
/** The guest is about to move: every page of its memory that is written is marked in a log, which the slow path does. */
export const PORT_LOGS = 4194304
/** PORT_HELD, PORT_WATCHED, PORT_MIRROR, PORT_LOGS: the fast path steps aside for frames from and to the port. */
export const SLOW_FLAGS = 7864320

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

export const GUARD_MACS = 1
export const GUARD_ADDRESSES = 2
/** The link-local IPv6 address that derives from the source MAC is allowed. */
export const GUARD_LINK_LOCAL = 4
export const GUARD_RATE = 8
export const GUARD_STORM = 16
/** Addresses that a DHCP server gives the guest are allowed; those that it claims by ND within P_LEARN_ND, too. */
export const GUARD_LEARN_DHCP = 32
export const GUARD_LEARN_ND = 64

// Counters of a port: u64 each. Ingress: from the port into the switch; egress: to the port. Their names: src/core/counters.ts.

/** At P_COUNTERS + 8 * index. */
export const C_INGRESS_FRAMES = 0
export const C_INGRESS_BYTES = 1
export const C_EGRESS_FRAMES = 2
export const C_EGRESS_BYTES = 3
export const C_CALLS = 4
export const C_KICKS = 5
export const C_PUBLISHES = 6
export const C_FLOODS = 7
export const C_SEGMENTED = 8
export const C_CHECKSUMMED = 9
export const C_BACKLOGGED = 10
export const C_EGRESS_GSO_FRAMES = 11
export const C_INGRESS_GSO_FRAMES = 12
export const C_POLLS = 13
export const C_MISSES = 14
export const C_TX_CALLS = 15
export const C_EGRESS_BURSTS = 16
export const C_EGRESS_URGENT_BURSTS = 17
export const C_PUBLISHED_FRAMES = 18
export const C_PUBLISHED_BYTES = 19
/** Frames that joined the one before them; the frames that came of it; acknowledgements that were replaced. */
export const C_MERGED = 20
export const C_MERGED_FRAMES = 21
export const C_THINNED_ACKS = 22
/** Polls that found a transmit ring so full that its guest may have had to wait. */
export const C_CROWDED = 23
/** Calls made again because the guest did nothing about the one before. */
export const C_RENOTIFICATIONS = 24
/** Addresses that moved to the port from another, and frames whose source could not be learned. */
export const C_ADDRESS_MOVES = 25
export const C_UNLEARNED = 26
/** Peers that were refused because the port had one. */
export const C_REFUSED = 27
/** Times that a ring's kicks were ignored for a while because they brought nothing. */
export const C_MUTED_KICKS = 28
/** Addresses heard behind another tunnel end point than before; copies of flooded frames beyond the first (vxlan). */
export const C_PEER_MOVES = 29
export const C_REPLICATED = 30
/** Grant copies of the port's frames, and lists in which they were carried out. */
export const C_GRANT_COPIES = 31
export const C_GRANT_LISTS = 32
export const COUNTERS = 33

/** Why a frame was dropped, at P_DROPS + 8 * reason. */
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
export const DROP_DETACHED = 20
export const DROP_STICKY = 21
export const DROP_LOOP = 22
/** The frame had cost the burst too much before it reached this receiver. */
export const DROP_COSTLY = 23
/** The frame came from a mirror port, or was for its address. */
export const DROP_MIRROR = 24
/** Datagrams of a tunnel: no VXLAN header, another network's, or from a sender that is no peer. */
export const DROP_BAD_TUNNEL = 25
export const DROP_WRONG_VNI = 26
export const DROP_UNKNOWN_PEER = 27
/** A grant copy failed: the guest does not grant what it said. */
export const DROP_GRANT = 28
/** Places for drop reasons in a row. */
export const DROP_REASONS = 32

/** Why a batch was published, at P_REASONS + 8 * reason. */
export const REASON_HOLD = 0
export const REASON_FULL = 1
export const REASON_FRAMES = 2
export const REASON_BYTES = 3
export const REASON_NO_HOLD = 4
export const REASON_POLLING = 5
export const REASON_URGENT = 6
export const REASON_DEADLINE = 7
export const REASON_GAP = 8

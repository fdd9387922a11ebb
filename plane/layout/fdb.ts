// The forwarding database (fdb.ts): lines of one cache line each.

export const FDB_AT = 0x500000 // 1048576 bytes
/** Logarithm of the number of lines (64 bytes each), and the entries of a line. */
export const FDB_LINE_SHIFT = 14
export const FDB_WAYS = 4
export const FDB_ENTRY_BYTES = 16
/** u64 key first: MAC in the low 48 bits, VLAN above, bit 63: in use. Index of its port; seconds when last seen. */
export const FDB_PORT = 8
export const FDB_SEEN = 12
/** Most addresses: half of the places, so that a place for each can always be made. */
export const MAX_FDB_ENTRIES = 32768

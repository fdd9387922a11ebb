/**
 * Words of the netif protocol: two rings a queue, a page each, that frontend and backend share.
 * Source: xen/include/public/io/netif.h and ring.h (4.17).
 */

export const NETIF_RING_SIZE = 256
/** Bytes before the entries: indices run free in u32. */
export const RING_HEADER_BYTES = 64
export const RING = { REQ_PROD: 0, REQ_EVENT: 4, RSP_PROD: 8, RSP_EVENT: 12 } as const
/** Bytes of an entry: the larger of request and response. */
export const TX_ENTRY_BYTES = 12
export const RX_ENTRY_BYTES = 8

/** Transmit request: u32 reference, u16 offset, u16 flags, u16 id, u16 size. Response: u16 id, s16 status. */
export const TX_REQUEST = { REFERENCE: 0, OFFSET: 4, FLAGS: 6, ID: 8, SIZE: 10 } as const
export const TX_RESPONSE = { ID: 0, STATUS: 2 } as const
/** Receive request: u16 id, u32 reference. Response: u16 id, u16 offset, u16 flags, s16 status: bytes or an error. */
export const RX_REQUEST = { ID: 0, REFERENCE: 4 } as const
export const RX_RESPONSE = { ID: 0, OFFSET: 2, FLAGS: 4, STATUS: 6 } as const

export const NETTXF = { csum_blank: 1, data_validated: 2, more_data: 4, extra_info: 8 } as const
export const NETRXF = { data_validated: 1, csum_blank: 2, more_data: 4, extra_info: 8 } as const
export const NETIF_RSP = { DROPPED: -2, ERROR: -1, OKAY: 0, NULL: 1 } as const

/** Extra information, in the place of a request or response: u8 type, u8 flags, then by type. */
export const EXTRA = { TYPE: 0, FLAGS: 1, GSO_SIZE: 2, GSO_TYPE: 4, MCAST_ADDRESS: 2 } as const
export const XEN_NETIF_EXTRA_TYPE = { GSO: 1, MCAST_ADD: 2, MCAST_DEL: 3, HASH: 4, XDP: 5 } as const
export const XEN_NETIF_EXTRA_FLAG_MORE = 1
export const XEN_NETIF_GSO_TYPE = { NONE: 0, TCPV4: 1, TCPV6: 2 } as const

/** Slots that every backend takes in a packet. */
export const XEN_NETIF_NR_SLOTS_MIN = 18

// A netif ring (Xen) behind a vring of the plane's own: its state, and the list of grant copies.

/** Entries of a netif ring, and of the vring before it. Both rings fill a page of 4096 bytes with them. */
export const NETIF_SIZE = 256
/** Bytes of a page that a guest grants, and of a receive buffer in staging. */
export const XEN_PAGE_BYTES = 4096
/** Bytes from the descriptor table of the vring to the state of the netif ring behind it. */
export const NETIF_STATE_BYTES = 8192
/** Linear offset of the page that the frontend shares, and the frontend's domain. */
export const N_RING = 0 // u32
export const N_DOMAIN = 4 // u32
/** Free-running u32 indices of the ring: the next request to be read, responses pushed, requests seen. */
export const N_NEXT = 8 // u32
export const N_PUSHED = 12 // u32
export const N_SEEN = 16 // u32
/** Linear offset of the staging of the ring, and its bytes. */
export const N_STAGE = 20 // u32
export const N_STAGE_BYTES = 24 // u32
/** Free-running u16 index: used entries that were answered (receive), whose staging is free again (transmit). */
export const N_DONE = 28 // u32
/** Receive: buffers that are offered or written; buffers on the stack of free ones. */
export const N_OUT = 32 // u32
export const N_FREE = 36 // u32
/** Transmit: where the oldest packet in staging begins, and where the next one may. */
export const N_HEAD = 40 // u32
export const N_TAIL = 44 // u32
/** Transmit: packets that are being copied. */
export const N_PACKETS = 48 // u32
/** 1 while the ring is on the list of rings with responses to push. */
export const N_LISTED = 52 // u32
/** Receive: free buffers by number. */
export const N_STACK = 64 // NETIF_SIZE x u16
/** Transmit: packets that are being copied (NP_), and what to answer to each request (NA_). */
export const N_PACKET_TABLE = 576 // MAX_NETIF_PACKETS x NP_BYTES
export const N_ANSWERS = 1600 // NETIF_SIZE x u32
export const NETIF_BYTES = 4096
export const MAX_NETIF_PACKETS = 64

/** A packet: where it lies in staging, 0: there is nothing but an answer; its bytes; requests; NETIF_RSP_*. */
export const NP_FRAME = 0 // u32
export const NP_FRAME_BYTES = 4 // u32
export const NP_REQUESTS = 8 // u32
export const NP_STATUS = 12 // u16
export const NP_BYTES = 16

/** Slots of the packet being read: u32 reference, u32 offset, u32 bytes each. */
export const NETIF_SLOTS_AT = 0xb0000 // MAX_NETIF_SLOTS x NETIF_SLOT_BYTES
export const NETIF_SLOT_BYTES = 12
/** A packet of more slots than this breaks the protocol; of more than TAKEN_SLOTS it is dropped. */
export const MAX_NETIF_SLOTS = 20
export const TAKEN_SLOTS = 18

/** Grant copies to be carried out, as the kernel takes them (struct gntdev_grant_copy_segment). */
export const COPIES_AT = 0xb1000 // MAX_COPIES x COPY_BYTES
export const COPY_BYTES = 24
export const MAX_COPIES = 1024
/** Whose each is: u32 ring, u32 where to write the status of one that failed, u32 number of its frame, 0. */
export const COPY_OWNERS_AT = 0xb8000 // MAX_COPIES x COPY_OWNER_BYTES
export const COPY_OWNER_BYTES = 16
/** Linear offsets of the vrings with responses to push once the copies are done. */
export const PUSHES_AT = 0xbc000 // MAX_PUSHES x u32
export const MAX_PUSHES = 2048

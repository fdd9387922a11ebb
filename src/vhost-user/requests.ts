/**
 * The numbers of vhost-user: requests, protocol features, flags, bounds, and what shape each request has.
 * Source: QEMU, docs/interop/vhost-user.rst (2025, up to GET_VRING_BASE_SKIP_DRAIN).
 */

/** Requests from the frontend (VMM) to the backend. */
export const REQUEST = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_LOG_BASE: 6,
  SET_LOG_FD: 7,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  SEND_RARP: 19,
  NET_SET_MTU: 20,
  SET_BACKEND_REQ_FD: 21,
  IOTLB_MSG: 22,
  SET_VRING_ENDIAN: 23,
  GET_CONFIG: 24,
  SET_CONFIG: 25,
  CREATE_CRYPTO_SESSION: 26,
  CLOSE_CRYPTO_SESSION: 27,
  POSTCOPY_ADVISE: 28,
  POSTCOPY_LISTEN: 29,
  POSTCOPY_END: 30,
  GET_INFLIGHT_FD: 31,
  SET_INFLIGHT_FD: 32,
  GPU_SET_SOCKET: 33,
  RESET_DEVICE: 34,
  VRING_KICK: 35,
  GET_MAX_MEM_SLOTS: 36,
  ADD_MEM_REG: 37,
  REM_MEM_REG: 38,
  SET_STATUS: 39,
  GET_STATUS: 40,
  GET_SHARED_OBJECT: 41,
  SET_DEVICE_STATE_FD: 42,
  CHECK_DEVICE_STATE: 43,
  GET_SHMEM_CONFIG: 44,
  GET_VRING_BASE_SKIP_DRAIN: 45,
} as const

/** Requests from the backend to the frontend, on the channel of SET_BACKEND_REQ_FD. */
export const BACKEND_REQUEST = {
  IOTLB_MSG: 1,
  CONFIG_CHANGE_MSG: 2,
  VRING_HOST_NOTIFIER_MSG: 3,
  VRING_CALL: 4,
  VRING_ERR: 5,
  SHARED_OBJECT_ADD: 6,
  SHARED_OBJECT_REMOVE: 7,
  SHARED_OBJECT_LOOKUP: 8,
  SHMEM_MAP: 9,
  SHMEM_UNMAP: 10,
} as const

/** Protocol features, as masks. */
export const PROTOCOL_F = {
  MQ: 1n << 0n,
  LOG_SHMFD: 1n << 1n,
  RARP: 1n << 2n,
  REPLY_ACK: 1n << 3n,
  NET_MTU: 1n << 4n,
  BACKEND_REQ: 1n << 5n,
  CROSS_ENDIAN: 1n << 6n,
  CRYPTO_SESSION: 1n << 7n,
  PAGEFAULT: 1n << 8n,
  CONFIG: 1n << 9n,
  BACKEND_SEND_FD: 1n << 10n,
  HOST_NOTIFIER: 1n << 11n,
  INFLIGHT_SHMFD: 1n << 12n,
  RESET_DEVICE: 1n << 13n,
  INBAND_NOTIFICATIONS: 1n << 14n,
  CONFIGURE_MEM_SLOTS: 1n << 15n,
  STATUS: 1n << 16n,
  XEN_MMAP: 1n << 17n,
  SHARED_OBJECT: 1n << 18n,
  DEVICE_STATE: 1n << 19n,
  GET_VRING_BASE_INFLIGHT: 1n << 20n,
  GPA_ADDRESSES: 1n << 21n,
  SHMEM: 1n << 22n,
  GET_VRING_BASE_SKIP_DRAIN: 1n << 23n,
} as const

/** Header flags: the version in the two low bits, then reply and need_reply. */
export const VERSION = 1
export const FLAG_VERSION_MASK = 3
export const FLAG_REPLY = 4
export const FLAG_NEED_REPLY = 8

export const HEADER_BYTES = 12
/** The bound of a message's payload here: larger than any message of the protocol that a net device gets. */
export const MAX_PAYLOAD_BYTES = 4096
/** The regions of one SET_MEM_TABLE, and so the most descriptors that travel with one message. */
export const MAX_TABLE_REGIONS = 8
/** The largest configuration space. Source: QEMU, VHOST_USER_MAX_CONFIG_SIZE. */
export const MAX_CONFIG_BYTES = 256
/** In the payload of SET_VRING_KICK, CALL and ERR: the ring's index, and the flag of "no descriptor". */
export const VRING_INDEX_MASK = 0xff
export const VRING_NO_FD = 0x100
/** In the flags of SET_VRING_ADDR: writes into the used ring are logged by an address of their own. */
export const VHOST_VRING_F_LOG = 1

/** What a request must look like before its payload is read. */
export interface Shape {
  readonly minBytes: number
  readonly maxBytes: number
  readonly minFds: number
  readonly maxFds: number
}

function shape(minBytes: number, maxBytes = minBytes, minFds = 0, maxFds = minFds): Shape {
  return { minBytes, maxBytes, minFds, maxFds }
}

const EMPTY = shape(0)
const U64 = shape(8)
const VRING_STATE = shape(8)
const VRING_FD = shape(8, 8, 0, 1)
const CONFIG = shape(12, 12 + MAX_CONFIG_BYTES)
/** The structure has 20 bytes; compilers pad it to 24, and so do QEMU and DPDK. */
const INFLIGHT_BYTES = [20, 24] as const
const REGION_MESSAGE_BYTES = 40

/** Shapes of the requests that a network backend serves. Every other request is refused by name. */
export const SHAPES: ReadonlyMap<number, Shape> = new Map<number, Shape>([
  [REQUEST.GET_FEATURES, EMPTY],
  [REQUEST.SET_FEATURES, U64],
  [REQUEST.SET_OWNER, EMPTY],
  [REQUEST.RESET_OWNER, EMPTY],
  [REQUEST.SET_MEM_TABLE, shape(8, 8 + MAX_TABLE_REGIONS * 32, 0, MAX_TABLE_REGIONS)],
  [REQUEST.SET_LOG_BASE, shape(16, 16, 1)],
  // Nothing is said of its payload; some send a u64.
  [REQUEST.SET_LOG_FD, shape(0, 8, 0, 1)],
  [REQUEST.SET_VRING_NUM, VRING_STATE],
  [REQUEST.SET_VRING_ADDR, shape(40)],
  [REQUEST.SET_VRING_BASE, VRING_STATE],
  [REQUEST.GET_VRING_BASE, VRING_STATE],
  [REQUEST.SET_VRING_KICK, VRING_FD],
  [REQUEST.SET_VRING_CALL, VRING_FD],
  [REQUEST.SET_VRING_ERR, VRING_FD],
  [REQUEST.GET_PROTOCOL_FEATURES, EMPTY],
  [REQUEST.SET_PROTOCOL_FEATURES, U64],
  [REQUEST.GET_QUEUE_NUM, EMPTY],
  [REQUEST.SET_VRING_ENABLE, VRING_STATE],
  [REQUEST.SEND_RARP, U64],
  [REQUEST.NET_SET_MTU, U64],
  [REQUEST.SET_BACKEND_REQ_FD, shape(0, 0, 1)],
  [REQUEST.GET_CONFIG, CONFIG],
  [REQUEST.SET_CONFIG, CONFIG],
  [REQUEST.GET_INFLIGHT_FD, shape(...INFLIGHT_BYTES)],
  [REQUEST.SET_INFLIGHT_FD, shape(...INFLIGHT_BYTES, 1)],
  [REQUEST.RESET_DEVICE, EMPTY],
  [REQUEST.GET_MAX_MEM_SLOTS, EMPTY],
  [REQUEST.ADD_MEM_REG, shape(REGION_MESSAGE_BYTES, REGION_MESSAGE_BYTES, 1)],
  [REQUEST.REM_MEM_REG, shape(REGION_MESSAGE_BYTES, REGION_MESSAGE_BYTES, 0, 1)],
  [REQUEST.SET_STATUS, U64],
  [REQUEST.GET_STATUS, EMPTY],
])

/** The protocol feature that must be negotiated before a request may be sent. */
export const REQUIRED_FEATURE: ReadonlyMap<number, keyof typeof PROTOCOL_F> = new Map<
  number,
  keyof typeof PROTOCOL_F
>([
  [REQUEST.SET_LOG_BASE, 'LOG_SHMFD'],
  [REQUEST.SEND_RARP, 'RARP'],
  [REQUEST.NET_SET_MTU, 'NET_MTU'],
  [REQUEST.SET_BACKEND_REQ_FD, 'BACKEND_REQ'],
  [REQUEST.GET_CONFIG, 'CONFIG'],
  [REQUEST.SET_CONFIG, 'CONFIG'],
  [REQUEST.GET_INFLIGHT_FD, 'INFLIGHT_SHMFD'],
  [REQUEST.SET_INFLIGHT_FD, 'INFLIGHT_SHMFD'],
  [REQUEST.RESET_DEVICE, 'RESET_DEVICE'],
  [REQUEST.GET_MAX_MEM_SLOTS, 'CONFIGURE_MEM_SLOTS'],
  [REQUEST.ADD_MEM_REG, 'CONFIGURE_MEM_SLOTS'],
  [REQUEST.REM_MEM_REG, 'CONFIGURE_MEM_SLOTS'],
  [REQUEST.SET_STATUS, 'STATUS'],
  [REQUEST.GET_STATUS, 'STATUS'],
])

const NAMES = new Map<number, string>(Object.entries(REQUEST).map(([name, value]) => [value, name]))

/** The name of a request, or "request 99". */
export function requestName(request: number): string {
  return NAMES.get(request) ?? `request ${request}`
}

/** The names of the set protocol features, lowest bit first. */
export function protocolFeatureNames(features: bigint): string[] {
  return Object.entries(PROTOCOL_F)
    .filter(([, mask]) => (features & mask) !== 0n)
    .map(([name]) => name)
}

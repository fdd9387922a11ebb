/**
 * The wire format of vhost-user: headers and payloads to values and back. Syntax only; what a message
 * means in its place is the session's business. Nothing here throws on what a peer has sent: a decoder
 * returns the value or, as a string, what is wrong with it. Numbers travel in the machine's byte order,
 * which is little endian on every machine that Ringferry runs on.
 * Source: QEMU, docs/interop/vhost-user.rst, "Message Specification".
 */
import {
  FLAG_VERSION_MASK,
  HEADER_BYTES,
  MAX_CONFIG_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_TABLE_REGIONS,
  requestName,
  SHAPES,
  VERSION,
  VRING_INDEX_MASK,
  VRING_NO_FD,
} from './requests.js'

export interface Header {
  readonly request: number
  readonly flags: number
  readonly sizeBytes: number
}

/** One region of guest memory as the wire describes it. Addresses and sizes in bytes, all below 2^53. */
export interface RegionPayload {
  readonly guestAddress: number
  readonly sizeBytes: number
  readonly userAddress: number
  readonly fileOffset: number
}

export interface VringState {
  readonly index: number
  readonly num: number
}

/** Ring addresses in the frontend's user address space. */
export interface VringAddressPayload {
  readonly index: number
  readonly flags: number
  readonly desc: number
  readonly used: number
  readonly avail: number
  readonly log: bigint
}

export interface VringFd {
  readonly index: number
  /** Whether a file descriptor comes with the message. */
  readonly hasFd: boolean
}

export interface ConfigPayload {
  readonly offset: number
  readonly flags: number
  readonly bytes: Uint8Array
}

/** Payload of SET_LOG_BASE: where the log of dirty pages lies in its file. */
export interface LogPayload {
  readonly sizeBytes: number
  readonly fileOffset: number
}

/** Payload of GET_INFLIGHT_FD and SET_INFLIGHT_FD: the memory in which a backend tracks what it has taken. */
export interface InflightPayload {
  readonly sizeBytes: number
  readonly offset: number
  readonly queues: number
  readonly queueSize: number
}

const REGION_BYTES = 32

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A u64 as a number, or NaN when it does not fit exactly. */
function readSize(data: DataView, at: number): number {
  const value = data.getBigUint64(at, true)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.NaN
}

/** The 12-byte header. Version and size are checked; flags and request are the session's business. */
export function decodeHeader(bytes: Uint8Array): Header | string {
  if (bytes.length < HEADER_BYTES) return `a header has ${HEADER_BYTES} bytes, not ${bytes.length}`
  const data = view(bytes)
  const request = data.getUint32(0, true)
  const flags = data.getUint32(4, true)
  const sizeBytes = data.getUint32(8, true)
  if ((flags & FLAG_VERSION_MASK) !== VERSION)
    return `${requestName(request)}: version ${flags & FLAG_VERSION_MASK}, not ${VERSION}`
  if (sizeBytes > MAX_PAYLOAD_BYTES)
    return `${requestName(request)}: payload of ${sizeBytes} bytes, above the limit of ${MAX_PAYLOAD_BYTES}`
  return { request, flags, sizeBytes }
}

/** Header and payload in one buffer. `flags` without the version, which is added. */
export function encodeMessage(
  request: number,
  flags: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length)
  const data = view(bytes)
  data.setUint32(0, request, true)
  data.setUint32(4, flags | VERSION, true)
  data.setUint32(8, payload.length, true)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

/** What is wrong with the size of a request's payload, or undefined. Requests without a shape pass. */
export function checkPayloadSize(request: number, sizeBytes: number): string | undefined {
  const shape = SHAPES.get(request)
  if (!shape || (sizeBytes >= shape.minBytes && sizeBytes <= shape.maxBytes)) return undefined
  const want = shape.minBytes === shape.maxBytes ? `${shape.minBytes}` : `${shape.minBytes}-${shape.maxBytes}`
  return `${requestName(request)}: payload of ${sizeBytes} bytes, not ${want}`
}

/** What is wrong with the number of file descriptors that came with a request, or undefined. */
export function checkFdCount(request: number, count: number): string | undefined {
  const shape = SHAPES.get(request)
  if (!shape || (count >= shape.minFds && count <= shape.maxFds)) return undefined
  const want = shape.minFds === shape.maxFds ? `${shape.minFds}` : `${shape.minFds}-${shape.maxFds}`
  return `${requestName(request)}: ${count} file descriptors, not ${want}`
}

export function encodeU64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  view(bytes).setBigUint64(0, value, true)
  return bytes
}

export function decodeU64(payload: Uint8Array): bigint | string {
  if (payload.length !== 8) return `a u64 has 8 bytes, not ${payload.length}`
  return view(payload).getBigUint64(0, true)
}

export function encodeVringState(index: number, num: number): Uint8Array {
  const bytes = new Uint8Array(8)
  view(bytes).setUint32(0, index, true)
  view(bytes).setUint32(4, num, true)
  return bytes
}

export function decodeVringState(payload: Uint8Array): VringState | string {
  if (payload.length !== 8) return `a vring state has 8 bytes, not ${payload.length}`
  return { index: view(payload).getUint32(0, true), num: view(payload).getUint32(4, true) }
}

export function encodeVringAddress(address: VringAddressPayload): Uint8Array {
  const bytes = new Uint8Array(40)
  const data = view(bytes)
  data.setUint32(0, address.index, true)
  data.setUint32(4, address.flags, true)
  data.setBigUint64(8, BigInt(address.desc), true)
  data.setBigUint64(16, BigInt(address.used), true)
  data.setBigUint64(24, BigInt(address.avail), true)
  data.setBigUint64(32, address.log, true)
  return bytes
}

export function decodeVringAddress(payload: Uint8Array): VringAddressPayload | string {
  if (payload.length !== 40) return `vring addresses have 40 bytes, not ${payload.length}`
  const data = view(payload)
  const desc = readSize(data, 8)
  const used = readSize(data, 16)
  const avail = readSize(data, 24)
  if (Number.isNaN(desc + used + avail)) return 'a vring address is not below 2^53'
  const index = data.getUint32(0, true)
  return { index, flags: data.getUint32(4, true), desc, used, avail, log: data.getBigUint64(32, true) }
}

export function encodeVringFd(index: number, hasFd: boolean): Uint8Array {
  return encodeU64(BigInt(index | (hasFd ? 0 : VRING_NO_FD)))
}

export function decodeVringFd(payload: Uint8Array): VringFd | string {
  const value = decodeU64(payload)
  if (typeof value === 'string') return value
  if (value > BigInt(VRING_INDEX_MASK | VRING_NO_FD)) return `unknown bits in 0x${value.toString(16)}`
  return { index: Number(value) & VRING_INDEX_MASK, hasFd: (Number(value) & VRING_NO_FD) === 0 }
}

function writeRegion(data: DataView, at: number, region: RegionPayload): void {
  data.setBigUint64(at, BigInt(region.guestAddress), true)
  data.setBigUint64(at + 8, BigInt(region.sizeBytes), true)
  data.setBigUint64(at + 16, BigInt(region.userAddress), true)
  data.setBigUint64(at + 24, BigInt(region.fileOffset), true)
}

function readRegion(data: DataView, at: number): RegionPayload | string {
  const guestAddress = readSize(data, at)
  const sizeBytes = readSize(data, at + 8)
  const userAddress = readSize(data, at + 16)
  const fileOffset = readSize(data, at + 24)
  if (sizeBytes === 0) return 'a memory region is empty'
  const ends = [guestAddress + sizeBytes, userAddress + sizeBytes, fileOffset + sizeBytes]
  if (!ends.every(Number.isSafeInteger)) return 'a memory region reaches beyond 2^53'
  return { guestAddress, sizeBytes, userAddress, fileOffset }
}

export function encodeMemoryTable(regions: readonly RegionPayload[]): Uint8Array {
  const bytes = new Uint8Array(8 + regions.length * REGION_BYTES)
  view(bytes).setUint32(0, regions.length, true)
  for (const [i, region] of regions.entries()) writeRegion(view(bytes), 8 + i * REGION_BYTES, region)
  return bytes
}

/** The regions of SET_MEM_TABLE. Frontends may send the whole array of 8 with fewer regions in use. */
export function decodeMemoryTable(payload: Uint8Array): RegionPayload[] | string {
  if (payload.length < 8) return `a memory table has at least 8 bytes, not ${payload.length}`
  const count = view(payload).getUint32(0, true)
  if (count > MAX_TABLE_REGIONS) return `${count} memory regions, above the limit of ${MAX_TABLE_REGIONS}`
  if (payload.length < 8 + count * REGION_BYTES)
    return `${count} memory regions do not fit into ${payload.length} bytes`
  const regions: RegionPayload[] = []
  for (let i = 0; i < count; i++) {
    const region = readRegion(view(payload), 8 + i * REGION_BYTES)
    if (typeof region === 'string') return region
    regions.push(region)
  }
  return regions
}

/** The payload of ADD_MEM_REG and REM_MEM_REG: 8 bytes of padding, then the region. */
export function encodeRegion(region: RegionPayload): Uint8Array {
  const bytes = new Uint8Array(8 + REGION_BYTES)
  writeRegion(view(bytes), 8, region)
  return bytes
}

export function decodeRegion(payload: Uint8Array): RegionPayload | string {
  if (payload.length !== 8 + REGION_BYTES)
    return `a memory region has ${8 + REGION_BYTES} bytes, not ${payload.length}`
  return readRegion(view(payload), 8)
}

export function encodeConfig(offset: number, flags: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + content.length)
  view(bytes).setUint32(0, offset, true)
  view(bytes).setUint32(4, content.length, true)
  view(bytes).setUint32(8, flags, true)
  bytes.set(content, 12)
  return bytes
}

export function decodeConfig(payload: Uint8Array): ConfigPayload | string {
  if (payload.length < 12) return `a configuration access has at least 12 bytes, not ${payload.length}`
  const data = view(payload)
  const offset = data.getUint32(0, true)
  const sizeBytes = data.getUint32(4, true)
  if (sizeBytes !== payload.length - 12)
    return `a configuration access of ${sizeBytes} bytes carries ${payload.length - 12}`
  if (offset + sizeBytes > MAX_CONFIG_BYTES)
    return `configuration bytes ${offset} to ${offset + sizeBytes}, above the limit of ${MAX_CONFIG_BYTES}`
  return { offset, flags: data.getUint32(8, true), bytes: payload.slice(12) }
}

/** @param sizeBytes 24, as compilers lay the structure out, or 20, as the text describes it */
export function encodeInflight(inflight: InflightPayload, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  const data = view(bytes)
  data.setBigUint64(0, BigInt(inflight.sizeBytes), true)
  data.setBigUint64(8, BigInt(inflight.offset), true)
  data.setUint16(16, inflight.queues, true)
  data.setUint16(18, inflight.queueSize, true)
  return bytes
}

export function decodeInflight(payload: Uint8Array): InflightPayload | string {
  if (payload.length < 20) return `an inflight description has at least 20 bytes, not ${payload.length}`
  const data = view(payload)
  const sizeBytes = readSize(data, 0)
  const offset = readSize(data, 8)
  if (!Number.isSafeInteger(sizeBytes + offset)) return 'an inflight area reaches beyond 2^53'
  return { sizeBytes, offset, queues: data.getUint16(16, true), queueSize: data.getUint16(18, true) }
}

export function encodeLog({ sizeBytes, fileOffset }: LogPayload): Uint8Array {
  const bytes = new Uint8Array(16)
  view(bytes).setBigUint64(0, BigInt(sizeBytes), true)
  view(bytes).setBigUint64(8, BigInt(fileOffset), true)
  return bytes
}

export function decodeLog(payload: Uint8Array): LogPayload | string {
  if (payload.length !== 16) return `a log has 16 bytes, not ${payload.length}`
  const sizeBytes = readSize(view(payload), 0)
  const fileOffset = readSize(view(payload), 8)
  return Number.isSafeInteger(sizeBytes + fileOffset)
    ? { sizeBytes, fileOffset }
    : 'a log reaches beyond 2^53'
}

/** The MAC address of SEND_RARP: the first 6 bytes of the u64. */
export function decodeRarp(payload: Uint8Array): Uint8Array | string {
  return payload.length === 8 ? payload.slice(0, 6) : `a RARP request has 8 bytes, not ${payload.length}`
}

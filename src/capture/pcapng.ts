/**
 * Captured frames as pcapng, which Wireshark and tshark read from a file or a pipe.
 *
 *   section header | interface: the port | frame, comment | frame, comment | ... | statistics | ...
 *
 * Source: draft-ietf-opsawg-pcapng-02: Section Header 4.1, Interface Description 4.2, Enhanced Packet 4.3, Interface
 * Statistics 4.6, options 3.5.
 */
import type { CapturedFrame } from '../core/capture-ring.js'
import { commentOf } from './comment.js'

/** Block types and codes of options. */
export const BLOCK = { section: 0x0a0d0d0a, interface: 1, simple: 3, statistics: 5, enhanced: 6 } as const
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d
export const LINK_ETHERNET = 1
export const OPTION_COMMENT = 1
export const OPTION_FLAGS = 2
const [OPTION_DROPS, NANOSECONDS] = [4, 9]
/** Of OPTION_FLAGS: which way the frame went, as the interface sees it. */
export const [INBOUND, OUTBOUND, DIRECTION_MASK] = [1, 2, 3]
const NS_PER_US = 1000
const BLOCK_FRAME_BYTES = 12

/** What of a capture is said in its file. */
export interface PcapngHead {
  readonly port: string
  /** Most bytes kept of a frame. */
  readonly snapBytes: number
  /** The filter's expression, or "". */
  readonly filter: string
  /** The program, "ringferry 0.1.0". */
  readonly program: string
  /** Microseconds since 1970 that the times of frames count from. */
  readonly epochUs: number
}

/** What of a capture is known so far. */
export interface CaptureStatistics {
  /** Frames that crossed the port. */
  readonly seen: number
  /** Frames that the filter wanted and that are in the file. */
  readonly captured: number
  /** Frames that were not captured because too many came, or nobody read. */
  readonly missed: number
}

type Value = Buffer | string
type Option = readonly [code: number, value: Value]

const padded = (bytes: number): number => (bytes + 3) & ~3
const bytesOf = (value: Value): number =>
  typeof value === 'string' ? Buffer.byteLength(value) : value.length

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** Bytes of options with the end of their list; 0 for none. */
function optionBytes(options: readonly Option[]): number {
  return options.length === 0 ? 0 : options.reduce((sum, [, value]) => sum + 4 + padded(bytesOf(value)), 4)
}

/** A block around a body of so many bytes, zeroed but for both lengths, and its options behind the body. */
function makeBlock(type: number, bodyBytes: number, options: readonly Option[]): Buffer {
  const size = BLOCK_FRAME_BYTES + padded(bodyBytes) + optionBytes(options)
  const block = Buffer.alloc(size)
  block.writeUInt32LE(type, 0)
  block.writeUInt32LE(size, 4)
  block.writeUInt32LE(size, size - 4)
  let at = 8 + padded(bodyBytes)
  for (const [code, value] of options) {
    const bytes = bytesOf(value)
    block.writeUInt16LE(code, at)
    block.writeUInt16LE(bytes, at + 2)
    if (typeof value === 'string') block.write(value, at + 4)
    else block.set(value, at + 4)
    at += 4 + padded(bytes)
  }
  return block
}

/** Writes one capture, block by block. */
export class PcapngWriter {
  readonly #head: PcapngHead
  readonly #epochNs: bigint

  constructor(head: PcapngHead) {
    this.#head = head
    this.#epochNs = BigInt(Math.round(head.epochUs * NS_PER_US))
  }

  /** What a file begins with. */
  start(): Buffer {
    const { port, snapBytes, filter, program } = this.#head
    const section = makeBlock(BLOCK.section, 16, [[4, program]])
    section.writeUInt32LE(BYTE_ORDER_MAGIC, 8)
    section.writeUInt16LE(1, 12)
    section.writeBigInt64LE(-1n, 16)
    const nic = makeBlock(BLOCK.interface, 8, [
      [2, port],
      [3, `port ${port} of a Ringferry switch`],
      [9, Buffer.of(NANOSECONDS)],
      ...(filter === '' ? [] : ([[11, Buffer.concat([Buffer.of(0), Buffer.from(filter)])]] as const)),
    ])
    nic.writeUInt16LE(LINK_ETHERNET, 8)
    nic.writeUInt32LE(snapBytes, 12)
    return Buffer.concat([section, nic])
  }

  #time(block: Buffer, at: number, timeUs: number): void {
    const ns = this.#epochNs + BigInt(Math.round(timeUs * NS_PER_US))
    block.writeUInt32LE(Number(ns >> 32n), at)
    block.writeUInt32LE(Number(ns & 0xffffffffn), at + 4)
  }

  /** A frame, with what is known of it as its comment. @param kept most bytes of it that are written */
  frame(frame: CapturedFrame, kept = Number.POSITIVE_INFINITY): Buffer {
    const { data, sizeBytes, direction, timeUs, missed } = frame
    const bytes = Math.min(data.length, kept)
    const comment = commentOf(frame)
    const flags = Buffer.alloc(4)
    flags.writeUInt32LE(direction === 'ingress' ? INBOUND : OUTBOUND)
    const block = makeBlock(BLOCK.enhanced, 20 + bytes, [
      ...(comment === '' ? [] : ([[OPTION_COMMENT, comment]] as const)),
      [OPTION_FLAGS, flags],
      ...(missed > 0 ? ([[OPTION_DROPS, u64(missed)]] as const) : []),
    ])
    this.#time(block, 12, timeUs)
    block.writeUInt32LE(bytes, 20)
    block.writeUInt32LE(sizeBytes, 24)
    block.set(bytes === data.length ? data : data.subarray(0, bytes), 28)
    return block
  }

  /** What is known so far; readers take the last. @param comment why the capture ended, or "" */
  statistics({ seen, captured, missed }: CaptureStatistics, timeUs: number, comment: string): Buffer {
    const block = makeBlock(BLOCK.statistics, 12, [
      ...(comment === '' ? [] : ([[OPTION_COMMENT, comment]] as const)),
      [4, u64(seen)],
      [5, u64(missed)],
      [8, u64(captured)],
    ])
    this.#time(block, 12, timeUs)
    return block
  }
}

import { RingferryError } from '../errors/errors.js'
import { type ByteSource, MAX_BLOCK_BYTES } from './byte-source.js'
import type { FileCounts, FileFrame } from './file-frame.js'
import {
  BLOCK,
  BYTE_ORDER_MAGIC,
  DIRECTION_MASK,
  INBOUND,
  LINK_ETHERNET,
  OPTION_COMMENT,
  OPTION_FLAGS,
  OUTBOUND,
} from './pcapng.js'

/** Words as the section at hand writes them. */
interface ByteOrder {
  u16(bytes: Buffer, at: number): number
  u32(bytes: Buffer, at: number): number
}

const LITTLE: ByteOrder = { u16: (b, at) => b.readUInt16LE(at), u32: (b, at) => b.readUInt32LE(at) }
const BIG: ByteOrder = { u16: (b, at) => b.readUInt16BE(at), u32: (b, at) => b.readUInt32BE(at) }

interface Nic {
  readonly link: number
  readonly snapBytes: number
  /** A time is number x numerator / denominator nanoseconds. */
  readonly numerator: bigint
  readonly denominator: bigint
}

const [HEAD_BYTES, TAIL_BYTES, MIN_BLOCK_BYTES] = [8, 4, 12]
const [OPTION_END, OPTION_RESOLUTION, PACKET_HEAD_BYTES] = [0, 9, 20]
const MAX_INTERFACES = 1024

/** Options behind a body, the first of each code. What is cut short ends the list. */
function readOptions(order: ByteOrder, bytes: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const code = order.u16(bytes, at)
    const length = order.u16(bytes, at + 2)
    if (code === OPTION_END || at + 4 + length > bytes.length) break
    if (!options.has(code)) options.set(code, bytes.subarray(at + 4, at + 4 + length))
    at += 4 + ((length + 3) & ~3)
  }
  return options
}

/** if_tsresol: a power of 10, or of 2 with the highest bit; microseconds without it. */
function readNic(order: ByteOrder, body: Buffer): Nic {
  const resolution = readOptions(order, body.subarray(8)).get(OPTION_RESOLUTION)?.[0] ?? 6
  const power = BigInt(resolution & 0x7f)
  const unit = (resolution & 0x80) !== 0 ? 2n ** power : 10n ** power
  return {
    link: order.u16(body, 0),
    snapBytes: order.u32(body, 4),
    numerator: 1_000_000_000n,
    denominator: unit,
  }
}

/** The frame of a block with its interface; undefined when that is no Ethernet. */
function readPacket(order: ByteOrder, body: Buffer, nics: readonly Nic[]): FileFrame | undefined | string {
  if (body.length < PACKET_HEAD_BYTES) return 'a packet block is too short'
  const nic = nics[order.u32(body, 0)]
  if (!nic) return `a packet is of interface ${order.u32(body, 0)}, which the file does not describe`
  const bytes = order.u32(body, 12)
  if (PACKET_HEAD_BYTES + bytes > body.length)
    return `a packet claims ${bytes} bytes, more than its block has`
  if (nic.link !== LINK_ETHERNET) return undefined
  const ticks = (BigInt(order.u32(body, 4)) << 32n) | BigInt(order.u32(body, 8))
  const options = readOptions(order, body.subarray(PACKET_HEAD_BYTES + ((bytes + 3) & ~3)))
  const flags = options.get(OPTION_FLAGS)
  const way = flags && flags.length >= 4 ? order.u32(flags, 0) & DIRECTION_MASK : 0
  return {
    timeNs: (ticks * nic.numerator) / nic.denominator,
    sizeBytes: Math.max(order.u32(body, 16), bytes),
    data: body.subarray(PACKET_HEAD_BYTES, PACKET_HEAD_BYTES + bytes),
    ...(way === INBOUND ? { direction: 'ingress' } : way === OUTBOUND ? { direction: 'egress' } : {}),
    comment: options.get(OPTION_COMMENT)?.toString('utf8') ?? '',
  }
}

/** The frame of a simple packet block: no time, the first interface. */
function readSimple(order: ByteOrder, body: Buffer, nics: readonly Nic[]): FileFrame | undefined | string {
  const [nic] = nics
  if (!nic || body.length < 4) return 'a simple packet block has no interface'
  const sizeBytes = order.u32(body, 0)
  const kept = nic.snapBytes === 0 ? sizeBytes : Math.min(sizeBytes, nic.snapBytes)
  const data = body.subarray(4, 4 + Math.min(kept, body.length - 4))
  return nic.link === LINK_ETHERNET ? { timeNs: 0n, sizeBytes, data, comment: '' } : undefined
}

/** The frames of a pcapng file; see readFrames(). */
export async function* readPcapngFrames(
  source: ByteSource,
  name: string,
  counts: FileCounts,
): AsyncGenerator<FileFrame> {
  const refuse = (problem: string): never => {
    throw new RingferryError('USAGE', `${name}: ${problem}; the file is broken`)
  }
  let order = LITTLE
  let nics: Nic[] = []
  for (;;) {
    const head = await source.peek(MIN_BLOCK_BYTES)
    if (!head) break
    const isSection = head.readUInt32LE(0) === BLOCK.section
    if (isSection) {
      order = head.readUInt32LE(8) === BYTE_ORDER_MAGIC ? LITTLE : BIG
      if (order.u32(head, 8) !== BYTE_ORDER_MAGIC) refuse('a section has no byte order')
      nics = []
    }
    const length = order.u32(head, 4)
    if (length < MIN_BLOCK_BYTES || length > MAX_BLOCK_BYTES || length % 4 !== 0)
      refuse(`a block claims ${length} bytes`)
    const type = order.u32(head, 0)
    const block = await source.take(length)
    if (!block) break
    const body = block.subarray(HEAD_BYTES, length - TAIL_BYTES)
    if (type === BLOCK.interface) {
      if (body.length < 8) refuse('an interface block is too short')
      if (nics.length >= MAX_INTERFACES) refuse(`it describes more than ${MAX_INTERFACES} interfaces`)
      nics.push(readNic(order, body))
    }
    if (type !== BLOCK.enhanced && type !== BLOCK.simple) continue
    const packet = type === BLOCK.enhanced ? readPacket(order, body, nics) : readSimple(order, body, nics)
    if (packet === undefined) counts.otherLinks++
    else if (typeof packet === 'string') refuse(packet)
    else yield packet
  }
  counts.isCut = source.hasRest
}

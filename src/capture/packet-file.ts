/**
 * Reads frames from a capture file as it comes: pcapng, and classic pcap of both byte orders in micro- and nanoseconds.
 * Nothing of the file is believed: lengths are bounded, and what is no Ethernet is counted and passed over.
 * Sources: draft-ietf-opsawg-pcapng-02; draft-ietf-opsawg-pcap-04, 4 and 5.
 */
import { RingferryError } from '../errors/errors.js'
import { ByteSource, MAX_BLOCK_BYTES } from './byte-source.js'
import type { FileCounts, FileFrame } from './file-frame.js'
import { readPcapngFrames } from './pcapng-reader.js'

const PCAPNG = 0x0a0d0d0a
/** Magic numbers of classic files as little endian reads them: nanoseconds in a unit, big endian. */
const CLASSIC = new Map([
  [0xa1b2c3d4, { unitNs: 1000n, isBig: false }],
  [0xd4c3b2a1, { unitNs: 1000n, isBig: true }],
  [0xa1b23c4d, { unitNs: 1n, isBig: false }],
  [0x4d3cb2a1, { unitNs: 1n, isBig: true }],
])
const [FILE_HEADER_BYTES, PACKET_HEADER_BYTES, LINK_ETHERNET] = [24, 16, 1]
/** The link type without what else that field holds. */
const LINK_MASK = 0xffff

/**
 * The frames of a capture file, in its order.
 * @param name how errors call the file; @param counts gets what is counted beside
 * Throws USAGE when it is no capture file or breaks its own format.
 */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  counts: FileCounts,
): AsyncGenerator<FileFrame> {
  const source = new ByteSource(chunks)
  const start = await source.peek(4)
  const magic = start?.readUInt32LE(0)
  const classic = magic === undefined ? undefined : CLASSIC.get(magic)
  if (magic === PCAPNG) yield* readPcapngFrames(source, name, counts)
  else if (classic) yield* readClassic(source, name, counts, classic)
  else
    throw new RingferryError(
      'USAGE',
      `${name}: this is no capture file; give a pcap or pcapng file (unpacked, if it is compressed)`,
    )
}

async function* readClassic(
  source: ByteSource,
  name: string,
  counts: FileCounts,
  { unitNs, isBig }: { readonly unitNs: bigint; readonly isBig: boolean },
): AsyncGenerator<FileFrame> {
  const u32 = (bytes: Buffer, at: number): number => (isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at))
  const head = await source.take(FILE_HEADER_BYTES)
  if (!head) {
    counts.isCut = true
    return
  }
  const isEthernet = (u32(head, 20) & LINK_MASK) === LINK_ETHERNET
  for (let number = 1; ; number++) {
    const header = await source.take(PACKET_HEADER_BYTES)
    if (!header) break
    const bytes = u32(header, 8)
    if (bytes > MAX_BLOCK_BYTES)
      throw new RingferryError('USAGE', `${name}: packet ${number} claims ${bytes} bytes; the file is broken`)
    const data = await source.take(bytes)
    if (!data) {
      counts.isCut = true
      return
    }
    if (!isEthernet) {
      counts.otherLinks++
      continue
    }
    const timeNs = BigInt(u32(header, 0)) * 1_000_000_000n + BigInt(u32(header, 4)) * unitNs
    yield { timeNs, sizeBytes: Math.max(u32(header, 12), bytes), data, comment: '' }
  }
  counts.isCut = source.hasRest
}

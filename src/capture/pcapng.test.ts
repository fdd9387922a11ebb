import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CapturedFrame } from '../core/capture-ring.js'
import { RingferryError } from '../errors/errors.js'
import { commentOf, offloadOf } from './comment.js'
import type { FileCounts, FileFrame } from './file-frame.js'
import { readFrames } from './packet-file.js'
import { PcapngWriter } from './pcapng.js'

const EPOCH_US = 1_700_000_000_000_000
const head = { port: 'g1', snapBytes: 65_560, filter: 'arp', program: 'ringferry test', epochUs: EPOCH_US }

const captured: fc.Arbitrary<CapturedFrame> = fc.record(
  {
    timeUs: fc.integer({ min: 0, max: 1e12 }).map((ticks) => ticks / 4),
    direction: fc.constantFrom('ingress', 'egress'),
    data: fc.uint8Array({ maxLength: 200 }),
    sizeBytes: fc.constant(65_000),
    queueUs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    joined: fc.boolean(),
    missed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    held: fc.record({ holdUs: fc.double({ min: 0, max: 1e6, noNaN: true }), publish: fc.constant('gap') }),
    drop: fc.constantFrom('vlan', 'ring_full'),
    offload: fc.record(
      {
        checksum: fc.record({ start: fc.nat(65_535), offset: fc.nat(65_535) }),
        gso: fc.record({
          type: fc.constantFrom(1, 4, 5, 0x81, 0x84),
          sizeBytes: fc.integer({ min: 1, max: 65_535 }),
        }),
      },
      { requiredKeys: ['checksum'] },
    ),
  },
  { requiredKeys: ['timeUs', 'direction', 'data', 'sizeBytes', 'queueUs', 'joined', 'missed'] },
)

/** Bytes in chunks that end anywhere. */
async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function readAll(bytes: Uint8Array, sizes: readonly number[] = [65_536]) {
  const counts: FileCounts = { otherLinks: 0, isCut: false }
  const frames: FileFrame[] = []
  for await (const frame of readFrames(chunked(bytes, sizes), 'a.pcap', counts)) frames.push(frame)
  return { frames, counts }
}

const written = (frames: readonly CapturedFrame[]): Buffer => {
  const writer = new PcapngWriter(head)
  const end = writer.statistics({ seen: 9, captured: frames.length, missed: 0 }, 1, 'the end')
  return Buffer.concat([writer.start(), ...frames.map((frame) => writer.frame(frame)), end])
}

describe('PcapngWriter', () => {
  it('writes what readFrames reads: bytes, lengths, times to the nanosecond, direction, comment', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(captured, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
        async (frames, sizes) => {
          const read = await readAll(written(frames), sizes)
          expect(read.counts).toEqual({ otherLinks: 0, isCut: false })
          expect(read.frames).toEqual(
            frames.map((frame) => ({
              timeNs: BigInt(EPOCH_US) * 1000n + BigInt(Math.round(frame.timeUs * 1000)),
              sizeBytes: frame.sizeBytes,
              data: Buffer.from(frame.data),
              direction: frame.direction,
              comment: commentOf(frame),
            })),
          )
          expect(read.frames.map(({ comment }) => offloadOf(comment))).toEqual(
            frames.map(({ offload }) => offload),
          )
        },
      ),
      { numRuns: 100 },
    )
  })

  it('writes so much of a frame as is kept', async () => {
    const [frame] = fc.sample(captured, 1) as [CapturedFrame]
    const whole = { ...frame, data: new Uint8Array(100).fill(7) }
    const writer = new PcapngWriter(head)
    const { frames } = await readAll(Buffer.concat([writer.start(), writer.frame(whole, 33)]))
    expect(frames[0]?.data).toEqual(Buffer.alloc(33, 7))
    expect(frames[0]?.sizeBytes).toBe(65_000)
  })
})

describe('readFrames', () => {
  const classic = (magic: number, isBig: boolean, link = 1): Buffer => {
    const bytes = Buffer.alloc(24 + 16 + 4)
    const u32 = (value: number, at: number) =>
      isBig ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at)
    u32(magic, 0)
    u32(link, 20)
    for (const [at, value] of [5, 7, 4, 60].entries()) u32(value, 24 + at * 4)
    bytes.writeUInt32BE(0xdeadbeef, 40)
    return bytes
  }

  it.each([
    ['little endian, microseconds', 0xa1b2c3d4, false, 5_000_007_000n],
    ['big endian, microseconds', 0xa1b2c3d4, true, 5_000_007_000n],
    ['little endian, nanoseconds', 0xa1b23c4d, false, 5_000_000_007n],
    ['big endian, nanoseconds', 0xa1b23c4d, true, 5_000_000_007n],
  ])('reads classic files: %s', async (_, magic, isBig, timeNs) => {
    const { frames, counts } = await readAll(classic(magic, isBig), [1])
    expect(frames).toEqual([{ timeNs, sizeBytes: 60, data: Buffer.from('deadbeef', 'hex'), comment: '' }])
    expect(counts).toEqual({ otherLinks: 0, isCut: false })
  })

  it('counts packets of other links, and says when the file is cut', async () => {
    expect((await readAll(classic(0xa1b2c3d4, false, 113))).counts).toEqual({ otherLinks: 1, isCut: false })
    const cut = classic(0xa1b2c3d4, false).subarray(0, 42)
    expect(await readAll(cut)).toEqual({ frames: [], counts: { otherLinks: 0, isCut: true } })
  })

  it('refuses what is no capture file in one line', async () => {
    for (const text of ['', 'no', 'hello, world'])
      await expect(readAll(Buffer.from(text))).rejects.toThrow(/^a\.pcap: this is no capture file/)
  })

  it('reads damaged files or refuses them, and allocates no more than they have', async () => {
    const frames = fc.sample(captured, { numRuns: 20, seed: 1 })
    const whole = written(frames)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(whole.length),
        async (damages, length) => {
          const bytes = Buffer.from(whole.subarray(0, length))
          for (const [at, value] of damages) if (at < length) bytes[at] = value
          const read = await readAll(bytes).catch((error: unknown) => error)
          if (read instanceof Error) expect(read).toBeInstanceOf(RingferryError)
        },
      ),
      { numRuns: 500 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as messages from './messages.js'
import {
  FLAG_NEED_REPLY,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  protocolFeatureNames,
  REQUEST,
  requestName,
  SHAPES,
} from './requests.js'

const address = fc.integer({ min: 0, max: 2 ** 47 })
const regionArb = fc.record({
  guestAddress: address,
  sizeBytes: fc.integer({ min: 1, max: 2 ** 40 }),
  userAddress: address,
  fileOffset: address,
})

describe('headers', () => {
  test('decodeHeader returns what encodeMessage wrote', () => {
    const bytes = messages.encodeMessage(REQUEST.SET_FEATURES, FLAG_NEED_REPLY, new Uint8Array(8))
    expect(bytes.length).toBe(20)
    expect([...bytes.subarray(0, 12)]).toEqual([2, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0])
    expect(messages.decodeHeader(bytes)).toEqual({ request: 2, flags: 9, sizeBytes: 8 })
  })

  test('decodeHeader names the fault when version or size is wrong', () => {
    const bytes = messages.encodeMessage(REQUEST.SET_OWNER, 0)
    const data = new DataView(bytes.buffer)
    data.setUint32(4, 2, true)
    expect(messages.decodeHeader(bytes)).toBe('SET_OWNER: version 2, not 1')
    data.setUint32(4, 1, true)
    data.setUint32(8, 0xffffffff, true)
    expect(messages.decodeHeader(bytes)).toMatch(/payload of 4294967295 bytes/)
    data.setUint32(8, MAX_PAYLOAD_BYTES, true)
    expect(messages.decodeHeader(bytes)).toMatchObject({ sizeBytes: MAX_PAYLOAD_BYTES })
    expect(messages.decodeHeader(bytes.subarray(0, 11))).toMatch(/12 bytes, not 11/)
  })

  test('requestName falls back to the number when a request is unknown', () => {
    expect(requestName(REQUEST.GET_VRING_BASE_SKIP_DRAIN)).toBe('GET_VRING_BASE_SKIP_DRAIN')
    expect(requestName(99)).toBe('request 99')
    expect(protocolFeatureNames(9n)).toEqual(['MQ', 'REPLY_ACK'])
  })
})

describe('payloads', () => {
  test('every codec returns what was encoded', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.nat(0xff),
        fc.nat(0xffff),
        address,
        fc.array(regionArb, { maxLength: 8 }),
        fc.uint8Array({ maxLength: 200 }),
        (u64, index, num, at, regions, bytes) => {
          expect(messages.decodeU64(messages.encodeU64(u64))).toBe(u64)
          expect(messages.decodeVringState(messages.encodeVringState(index, num))).toEqual({ index, num })
          const rings = { index, flags: 1, desc: at, used: at + 4, avail: at + 2, log: u64 }
          expect(messages.decodeVringAddress(messages.encodeVringAddress(rings))).toEqual(rings)
          expect(messages.decodeVringFd(messages.encodeVringFd(index, true))).toEqual({ index, hasFd: true })
          expect(messages.decodeVringFd(messages.encodeVringFd(index, false))).toEqual({
            index,
            hasFd: false,
          })
          expect(messages.decodeMemoryTable(messages.encodeMemoryTable(regions))).toEqual(regions)
          for (const region of regions)
            expect(messages.decodeRegion(messages.encodeRegion(region))).toEqual(region)
          const config = messages.encodeConfig(10, 1, bytes)
          expect(messages.decodeConfig(config)).toEqual({ offset: 10, flags: 1, bytes })
          const inflight = { sizeBytes: at, offset: 64, queues: index, queueSize: num }
          for (const size of [20, 24])
            expect(messages.decodeInflight(messages.encodeInflight(inflight, size))).toEqual(inflight)
        },
      ),
    )
  })

  test('decoders return a reason and never throw when bytes are arbitrary', () => {
    const decoders = [
      messages.decodeHeader,
      messages.decodeU64,
      messages.decodeVringState,
      messages.decodeVringAddress,
      messages.decodeVringFd,
      messages.decodeMemoryTable,
      messages.decodeRegion,
      messages.decodeConfig,
      messages.decodeInflight,
      messages.decodeRarp,
    ]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 320 }), (bytes) => {
        for (const decode of decoders) {
          const value = decode(bytes)
          if (typeof value === 'string') expect(value).not.toBe('')
          else expect(value).toBeDefined()
        }
      }),
    )
  })

  test('decodeMemoryTable accepts the full array when fewer regions are in use', () => {
    const region = { guestAddress: 0, sizeBytes: 4096, userAddress: 8192, fileOffset: 0 }
    const padded = new Uint8Array(8 + 8 * 32)
    padded.set(messages.encodeMemoryTable([region]))
    expect(messages.decodeMemoryTable(padded)).toEqual([region])
  })

  test('decodeMemoryTable refuses counts and sizes that do not fit', () => {
    const table = messages.encodeMemoryTable([
      { guestAddress: 0, sizeBytes: 4096, userAddress: 0, fileOffset: 0 },
    ])
    const data = new DataView(table.buffer)
    data.setUint32(0, 2, true)
    expect(messages.decodeMemoryTable(table)).toBe('2 memory regions do not fit into 40 bytes')
    data.setUint32(0, 9, true)
    expect(messages.decodeMemoryTable(table)).toMatch(/9 memory regions, above/)
    data.setUint32(0, 1, true)
    data.setBigUint64(16, 0n, true)
    expect(messages.decodeMemoryTable(table)).toBe('a memory region is empty')
    data.setBigUint64(16, 4096n, true)
    data.setBigUint64(8, 2n ** 64n - 4096n, true)
    expect(messages.decodeMemoryTable(table)).toBe('a memory region reaches beyond 2^53')
  })

  test('decodeConfig refuses sizes that disagree and accesses beyond the space', () => {
    const config = messages.encodeConfig(0, 0, new Uint8Array(8))
    new DataView(config.buffer).setUint32(4, 9, true)
    expect(messages.decodeConfig(config)).toMatch(/of 9 bytes carries 8/)
    expect(messages.decodeConfig(messages.encodeConfig(250, 0, new Uint8Array(8)))).toMatch(/limit of 256/)
  })

  test('decodeVringFd refuses unknown bits', () => {
    expect(messages.decodeVringFd(messages.encodeU64(0x200n))).toMatch(/unknown bits/)
  })
})

describe('shapes', () => {
  test.each([
    ...SHAPES,
  ])('checkPayloadSize and checkFdCount bound request %i on both sides', (request, shape) => {
    expect(messages.checkPayloadSize(request, shape.minBytes)).toBeUndefined()
    expect(messages.checkPayloadSize(request, shape.maxBytes)).toBeUndefined()
    expect(messages.checkPayloadSize(request, shape.maxBytes + 1)).toContain(requestName(request))
    if (shape.minBytes > 0) expect(messages.checkPayloadSize(request, shape.minBytes - 1)).toBeDefined()
    expect(messages.checkFdCount(request, shape.maxFds)).toBeUndefined()
    expect(messages.checkFdCount(request, shape.maxFds + 1)).toContain('file descriptors')
    if (shape.minFds > 0) expect(messages.checkFdCount(request, shape.minFds - 1)).toBeDefined()
    expect(shape.maxBytes + HEADER_BYTES).toBeLessThan(MAX_PAYLOAD_BYTES)
  })
})

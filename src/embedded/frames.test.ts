import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkedPayload } from '../../test/support/ip-frames.js'
import {
  benchmarkAddress,
  constantSum,
  FRAME_AT,
  isMeasured,
  measuredFrame,
  numberFrame,
  parseMac,
} from './frames.js'

const TO = parseMac('02:00:00:00:01:02')
const FROM = parseMac('02:00:00:00:03:fe')

/** A frame numbered at an odd offset of a larger memory, as it lies in a ring. */
function numbered(bytes: number, flow: number, sequence: number, intendedUs: number): Uint8Array {
  const frame = measuredFrame({ to: TO, from: FROM, bytes, epoch: 0xfedc, stream: 254, flow })
  const memory = new Uint8Array(bytes + 7)
  memory.set(frame, 7)
  numberFrame(new DataView(memory.buffer), 7, constantSum(frame), sequence, intendedUs)
  return memory.subarray(7)
}

it('benchmarkAddress is where measuredFrame sends to when a VM has that MAC address', () => {
  const frame = measuredFrame({ to: TO, from: FROM, bytes: 60, epoch: 1, stream: 1, flow: 0 })
  const told = benchmarkAddress('02:00:00:00:01:02')
  expect(told).toBe('198.18.1.2')
  expect([...frame.subarray(FRAME_AT.UDP - 4, FRAME_AT.UDP)].join('.')).toBe(told)
})

describe('numberFrame', () => {
  it('numberFrame leaves a UDP datagram with right lengths and checksums whatever number and time it gets', () => {
    const any = [fc.integer({ min: 60, max: 1514 }), fc.nat(4095), fc.nat(0xffffffff), fc.double()] as const
    fc.assert(
      fc.property(...any, (bytes, flow, sequence, intendedUs) => {
        const frame = numbered(bytes, flow, sequence, intendedUs)
        expect(checkedPayload(frame).length).toBe(bytes - FRAME_AT.EPOCH)
        const data = new DataView(frame.buffer, frame.byteOffset, bytes)
        expect(data.getUint16(FRAME_AT.UDP_CHECKSUM)).not.toBe(0)
        expect(data.getUint32(FRAME_AT.SEQUENCE)).toBe(sequence)
        expect(data.getFloat64(FRAME_AT.INTENDED)).toBe(intendedUs)
      }),
    )
  })

  it('numberFrame writes 0xffff where the checksum comes to 0', () => {
    const found = Array.from({ length: 0x10000 }, (_, sequence) => numbered(60, 0, sequence, 0)).filter(
      (frame) => new DataView(frame.buffer, frame.byteOffset).getUint16(FRAME_AT.UDP_CHECKSUM) === 0xffff,
    )
    expect(found).toHaveLength(1)
    expect(() => checkedPayload(found[0]!)).not.toThrow()
  })
})

describe('isMeasured', () => {
  it('isMeasured knows a frame of a generator, and no other port, protocol or short frame', () => {
    const frame = numbered(64, 3, 1, 2)
    const knows = (change: (frame: Uint8Array) => void, bytes = 64): boolean => {
      const copy = frame.slice()
      change(copy)
      return isMeasured(new DataView(copy.buffer), 0, bytes)
    }
    expect(knows(() => {})).toBe(true)
    for (const at of [FRAME_AT.TYPE, FRAME_AT.PROTOCOL, FRAME_AT.UDP_PORT])
      expect(knows((copy) => (copy[at]! ^= 1))).toBe(false)
    expect(knows(() => {}, 59)).toBe(false)
  })
})

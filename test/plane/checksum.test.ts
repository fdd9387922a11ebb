import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DROP_BAD_NET_HEADER } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'
import { VIRTIO_F, VIRTIO_NET_F, VIRTIO_NET_HDR_F } from '../../src/virtio/virtio.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { completed, csumOffset, faultOf, layoutOf, onesSum, partialPacket } from '../model/packets.js'
import { broadcast, cleanUp, dropped, newEngine } from '../support/switch.js'

let engine: Engine
let sender: TestGuest
let plain: TestGuest
let offloading: TestGuest

beforeAll(() => {
  engine = newEngine({ memoryBytes: 128 * 2 ** 20 })
  sender = start(engine, 'sender', { features: PLAIN | VIRTIO_NET_F.CSUM, txSlotBytes: 12288 })
  plain = start(engine, 'plain', { features: VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MRG_RXBUF, port: { vlan: 7 } })
  offloading = start(engine, 'offloading', { features: PLAIN | VIRTIO_NET_F.GUEST_CSUM, port: { vlan: 8 } })
})
afterAll(() => {
  stopGuests()
  cleanUp()
})

const packet = fc.record({
  v6: fc.boolean(),
  udp: fc.boolean(),
  payload: fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 9000, size: 'max' })),
  tcpOptions: fc.constantFrom(new Uint8Array(0), Uint8Array.from([1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8])),
  vlan: fc.constant(7),
})
const layout = fc.record({
  descriptors: fc.integer({ min: 1, max: 29 }),
  separateHeader: fc.boolean(),
  indirect: fc.boolean(),
})

describe('a partial checksum', () => {
  it('is completed for a receiver without GUEST_CSUM, whatever the length and the scattering', () => {
    fc.assert(
      fc.property(packet, layout, (options, scattered) => {
        const partial = partialPacket(options)
        const csumStart = layoutOf(partial).transport
        const header = { flags: VIRTIO_NET_HDR_F.NEEDS_CSUM, csumStart, csumOffset: csumOffset(options.udp) }
        expect(sender.driver.send(partial, header, 0, scattered)).toBe(true)
        engine.step()
        const got = plain.driver.receive()
        const untagged = partialPacket({ ...options, vlan: 0 })
        expect(got?.header).toMatchObject({ flags: 0, gsoType: 0, gsoSize: 0, csumStart: 0, csumOffset: 0 })
        expect(Buffer.compare(got?.frame ?? Buffer.alloc(0), completed(untagged, options.udp))).toBe(0)
        expect(faultOf(got?.frame as Uint8Array, options.udp)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('passes through to a receiver with GUEST_CSUM, its start moved with the VLAN tag', () => {
    fc.assert(
      fc.property(packet, layout, (options, scattered) => {
        const partial = partialPacket({ ...options, vlan: 8 })
        const csumStart = layoutOf(partial).transport
        const header = { flags: VIRTIO_NET_HDR_F.NEEDS_CSUM, csumStart, csumOffset: csumOffset(options.udp) }
        expect(sender.driver.send(partial, header, 0, scattered)).toBe(true)
        engine.step()
        const got = offloading.driver.receive()
        const untagged = partialPacket({ ...options, vlan: 0 })
        expect(got?.header).toMatchObject({ ...header, csumStart: csumStart - 4 })
        expect(Buffer.compare(got?.frame ?? Buffer.alloc(0), untagged)).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  it('becomes 0xffff and never 0 in UDP', () => {
    // The last two payload bytes are chosen so that the whole sums up to 0xffff.
    const payload = Uint8Array.of(9, 8, 7, 6, 0, 0)
    const open = partialPacket({ udp: true, payload, vlan: 7 })
    const { transport } = layoutOf(open)
    const missing = 0xffff - onesSum(open.subarray(transport))
    payload.set([missing >> 8, missing & 0xff], 4)
    const partial = partialPacket({ udp: true, payload, vlan: 7 })
    sender.driver.send(partial, { flags: 1, csumStart: transport, csumOffset: 6 })
    engine.step()
    const frame = plain.driver.receive()?.frame as Uint8Array
    expect([...frame.subarray(transport - 4 + 6, transport - 4 + 8)]).toEqual([255, 255])
    expect(faultOf(frame, true)).toBeUndefined()
  })

  it('is carried wherever it lies', () => {
    const place = fc.record({
      bytes: fc.integer({ min: 40, max: 9000 }),
      start: fc.nat(8000),
      offset: fc.constantFrom(0, 2, 6, 16, 300),
    })
    fc.assert(
      fc.property(place, layout, ({ bytes, start, offset }, scattered) => {
        const csumStart = 18 + Math.min(start, Math.max(0, bytes - offset - 20))
        const data = Uint8Array.from(
          { length: Math.max(bytes, csumStart + offset + 2) },
          (_, at) => (at * 7 + bytes) & 255,
        )
        data.set([...broadcast(1).subarray(0, 12), 0x81, 0, 0, 7, 0x88, 0xb5])
        const field = csumStart + offset
        const value = ~onesSum(data.subarray(csumStart)) & 0xffff
        const expected = data.slice()
        const [high, low] = value === 0 && offset === 6 ? [255, 255] : [value >> 8, value & 255]
        expected.set([high, low] as number[], field)
        sender.driver.send(data, { flags: 1, csumStart, csumOffset: offset }, 0, scattered)
        engine.step()
        const untagged = Buffer.from([...expected.subarray(0, 12), ...expected.subarray(16)])
        expect(Buffer.compare(plain.driver.receive()?.frame ?? Buffer.alloc(0), untagged)).toBe(0)
        data[15] = 8
        sender.driver.send(data, { flags: 1, csumStart, csumOffset: offset }, 0, scattered)
        engine.step()
        const passed = offloading.driver.receive()
        expect(passed?.header).toMatchObject({ flags: 1, csumStart: csumStart - 4, csumOffset: offset })
        expect(Buffer.compare(passed?.frame.subarray(14) ?? Buffer.alloc(0), data.subarray(18))).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  it('is refused beyond the frame and before its network header', () => {
    const data = Uint8Array.from([
      ...broadcast(1).subarray(0, 12),
      0x81,
      0,
      0,
      7,
      0x88,
      0xb5,
      ...new Uint8Array(400),
    ])
    const before = dropped(engine, 0, DROP_BAD_NET_HEADER)
    const wrong = [
      [408, 8],
      [400, 17],
      [65535, 0],
      [20, 65535],
      [17, 2],
      [14, 6],
      [0, 0],
    ] as const
    for (const [csumStart, offset] of wrong)
      sender.driver.send(data, { flags: 1, csumStart, csumOffset: offset })
    engine.step()
    expect(plain.driver.receive()?.frame.length).toBe(414)
    expect(plain.driver.receive()).toBeUndefined()
    expect(dropped(engine, 0, DROP_BAD_NET_HEADER)).toBe(before + wrong.length - 1)
  })

  it.each([
    [67, true],
    [68, true],
    [69, false],
  ])('toward UDP port %i is complete for every receiver: %s', (port, isComplete) => {
    const options = { udp: true, payload: new Uint8Array(300).fill(port), vlan: 8 }
    const partial = partialPacket(options)
    const { transport } = layoutOf(partial)
    partial.set([0, port], transport + 2)
    sender.driver.send(partial, { flags: 1, csumStart: transport, csumOffset: 6 })
    engine.step()
    const got = offloading.driver.receive()
    expect(got?.header.flags).toBe(isComplete ? VIRTIO_NET_HDR_F.DATA_VALID : VIRTIO_NET_HDR_F.NEEDS_CSUM)
    const expected = isComplete ? completed(partial, true) : partial
    expect(Buffer.from(got?.frame.subarray(14) ?? [])).toEqual(Buffer.from(expected.subarray(18)))
  })

  it('is left alone in a frame that does not ask for it', () => {
    const frame = broadcast(1, 77)
    const tagged = Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 7, ...frame.subarray(12)])
    sender.driver.send(tagged, { csumStart: 20, csumOffset: 6 })
    engine.step()
    expect(plain.driver.receive()?.frame).toEqual(frame)
  })
})

// A GSO header against its packet: what does not fit is dropped as it comes in, and what fits reaches every receiver as
// the same packets, whether it is cut for the receiver or not.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DROP_BAD_GSO, DROP_BAD_NET_HEADER } from '../../src/core/layout.js'
import type { NetHeader } from '../../src/driver/net-driver.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { VIRTIO_NET_HDR_GSO } from '../../src/virtio/virtio.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { csumOffset, layoutOf, type PacketOptions, partialPacket } from '../model/packets.js'
import { segmentsOf } from '../model/segments.js'
import { drain, text } from '../support/merge.js'
import { cleanUp, dropped, newEngine } from '../support/switch.js'

let engine: Engine
let sender: TestGuest
let cutting: TestGuest
let whole: TestGuest

beforeAll(() => {
  engine = newEngine({ memoryBytes: 256 * 2 ** 20 })
  const ringSize = 256
  sender = start(engine, 'sender', {
    features: LINUX_FEATURES,
    txSlotBytes: 67584,
    memory: 32 * 2 ** 20,
    port: { stormFps: 0 },
  })
  cutting = start(engine, 'cutting', { features: PLAIN, ringSize })
  whole = start(engine, 'whole', { features: LINUX_FEATURES, ringSize, memory: 32 * 2 ** 20 })
})
afterAll(() => {
  stopGuests()
  cleanUp()
})

function broadcastPacket(options: PacketOptions): Uint8Array {
  const frame = partialPacket(options)
  frame.fill(255, 0, 6)
  return frame
}

function headerOf(frame: Uint8Array, udp: boolean, gsoSize: number): Partial<NetHeader> {
  const { network, transport, payload } = layoutOf(frame)
  const v6 = (frame[network] as number) >> 4 === 6
  const type = udp ? VIRTIO_NET_HDR_GSO.UDP_L4 : v6 ? VIRTIO_NET_HDR_GSO.TCPV6 : VIRTIO_NET_HDR_GSO.TCPV4
  return {
    flags: 1,
    gsoType: type,
    hdrLen: payload,
    gsoSize,
    csumStart: transport,
    csumOffset: csumOffset(udp),
  }
}

interface Wrong {
  readonly options?: Partial<PacketOptions>
  readonly header?: (good: Partial<NetHeader>) => Partial<NetHeader>
  /** Bytes of the frame to change, by offset from the network header. */
  readonly change?: (ip: Uint8Array) => void
}

const TYPE = VIRTIO_NET_HDR_GSO
const WRONG: readonly (readonly [string, Wrong])[] = [
  [
    'UDP where TCP is promised',
    { options: { udp: true }, header: (h) => ({ ...h, gsoType: TYPE.TCPV4, csumOffset: 16 }) },
  ],
  ['TCP where UDP is promised', { header: (h) => ({ ...h, gsoType: TYPE.UDP_L4, csumOffset: 6 }) }],
  [
    'UDP over IPv6 where TCP is promised',
    { options: { udp: true, v6: true }, header: (h) => ({ ...h, gsoType: TYPE.TCPV6, csumOffset: 16 }) },
  ],
  ['IPv4 where IPv6 is promised', { header: (h) => ({ ...h, gsoType: TYPE.TCPV6 }) }],
  ['IPv6 where IPv4 is promised', { options: { v6: true }, header: (h) => ({ ...h, gsoType: TYPE.TCPV4 }) }],
  ['a first fragment', { change: (ip) => ip.set([0x20, 0], 6) }],
  ['a later fragment', { options: { udp: true }, change: (ip) => ip.set([0, 3], 6) }],
  ['an IPv6 fragment', { options: { v6: true }, change: (ip) => ip.set([44], 6) }],
  ['another version', { change: (ip) => ip.set([0x65], 0) }],
  ['IPv6 of another version', { options: { v6: true }, change: (ip) => ip.set([0x40], 0) }],
  ['an IPv4 header of 16 bytes', { change: (ip) => ip.set([0x44], 0) }],
  ['a checksum of another header', { header: (h) => ({ ...h, csumStart: (h.csumStart ?? 0) + 20 }) }],
  ['a checksum at another place', { header: (h) => ({ ...h, csumOffset: 6 }) }],
  ['a TCP header of 16 bytes', { change: (ip) => ip.set([0x40], 32) }],
  [
    'a TCP header beyond the frame',
    { options: { payload: new Uint8Array(8) }, change: (ip) => ip.set([0xf0], 32) },
  ],
  ['no payload', { options: { payload: new Uint8Array(0) } }],
  ['no size', { header: (h) => ({ ...h, gsoSize: 0 }) }],
]

describe('a GSO frame', () => {
  it.each(WRONG)('is dropped when it is %s', (_, { options, header, change }) => {
    const settings = { payload: new Uint8Array(3000), ...options }
    const frame = broadcastPacket(settings)
    const good = headerOf(frame, settings.udp === true, 1000)
    change?.(frame.subarray(14))
    const reasons = [DROP_BAD_GSO, DROP_BAD_NET_HEADER]
    const count = (): number => reasons.reduce((sum, reason) => sum + dropped(engine, 0, reason), 0)
    const before = count()
    sender.driver.send(frame, header?.(good) ?? good)
    engine.step()
    expect([...drain(cutting), ...drain(whole)]).toEqual([])
    expect(count()).toBe(before + 1)
  })

  it('is dropped when its TCP is inside of UDP', () => {
    const inner = partialPacket({ payload: new Uint8Array(3000) })
    const outer = broadcastPacket({ udp: true, payload: Uint8Array.from([8, 0, 0, 0, 0, 0, 7, 0, ...inner]) })
    const csumStart = layoutOf(outer).payload + 8 + layoutOf(inner).transport
    const before = dropped(engine, 0, DROP_BAD_GSO)
    sender.driver.send(outer, {
      flags: 1,
      gsoType: TYPE.TCPV4,
      hdrLen: csumStart + 20,
      gsoSize: 1400,
      csumStart,
      csumOffset: 16,
    })
    engine.step()
    expect([...drain(cutting), ...drain(whole)]).toEqual([])
    expect(dropped(engine, 0, DROP_BAD_GSO)).toBe(before + 1)
  })

  it('is the same packets for a receiver that takes it whole, whatever its sender left to the device', () => {
    const packet = fc.record({
      v6: fc.boolean(),
      udp: fc.boolean(),
      vlan: fc.constantFrom(0, 0, 9),
      payload: fc
        .integer({ min: 1, max: 4000 })
        .map((n) => Uint8Array.from({ length: n }, (_, i) => (i * 29 + n) & 255)),
    })
    const blank = fc.record({
      ipSum: fc.boolean(),
      ipLength: fc.boolean(),
      udpLength: fc.boolean(),
      sum: fc.boolean(),
    })
    fc.assert(
      fc.property(packet, blank, fc.integer({ min: 1, max: 2000 }), (options, left, wish) => {
        const size = Math.max(wish, Math.ceil(options.payload.length / 60))
        const frame = broadcastPacket(options)
        const { network, transport } = layoutOf(frame)
        if (left.ipSum && !options.v6) frame.fill(0, network + 10, network + 12)
        if (left.ipLength) frame.fill(0, network + (options.v6 ? 4 : 2), network + (options.v6 ? 6 : 4))
        if (left.udpLength && options.udp) frame.fill(0, transport + 4, transport + 6)
        if (left.sum)
          frame.fill(0, transport + csumOffset(options.udp), transport + csumOffset(options.udp) + 2)
        sender.driver.send(frame, headerOf(frame, options.udp, size))
        engine.step()
        const perfect = segmentsOf({
          frame: broadcastPacket(options),
          header: { ...headerOf(frame, options.udp, size), numBuffers: 1 } as NetHeader,
        })
        expect(text(drain(cutting).map((got) => got.frame))).toEqual(text(perfect))
        const received = drain(whole)
        expect(received.length).toBe(1)
        expect(text(received.map((got) => got.frame))).toEqual(text([broadcastPacket(options)]))
      }),
      { numRuns: 150 },
    )
  })

  it.each([
    ['hop-by-hop options', 0, [58, 0, 1, 4, 0, 0, 0, 0], true],
    ['destination options', 60, [58, 0, 1, 4, 0, 0, 0, 0], true],
    ['a route that has ended', 43, [58, 0, 4, 0, 0, 0, 0, 0], true],
    ['a route that goes on', 43, [58, 0, 4, 1, 0, 0, 0, 0], false],
    ['a fragment header', 44, [58, 0, 0, 1, 0, 0, 0, 9], false],
    ['an unknown header', 200, [58, 0, 1, 4, 0, 0, 0, 0], false],
  ])('with %s before its TCP is cut or dropped', (_, next, extension, isCut) => {
    const plain = broadcastPacket({ v6: true, payload: new Uint8Array(2500).fill(3) })
    const frame = Uint8Array.from([...plain.subarray(0, 54), ...extension, ...plain.subarray(54)])
    frame[20] = next
    frame[54] = 6
    const before = dropped(engine, 0, DROP_BAD_GSO)
    sender.driver.send(frame, { ...headerOf(plain, false, 1000), csumStart: 62 })
    engine.step()
    const [cut, passed] = [drain(cutting), drain(whole)]
    expect(cut.map((got) => got.frame.length)).toEqual(isCut ? [1082, 1082, 582] : [])
    expect(passed.length).toBe(isCut ? 1 : 0)
    expect(dropped(engine, 0, DROP_BAD_GSO)).toBe(before + (isCut ? 0 : 1))
    for (const { frame: got } of cut) {
      expect((got[18] as number) * 256 + (got[19] as number)).toBe(got.length - 54)
      expect([...got.subarray(54, 62)]).toEqual([6, ...extension.slice(1)])
    }
  })
})

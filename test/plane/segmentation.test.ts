import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { C_SEGMENTED, DROP_BAD_GSO } from '../../src/core/layout.js'
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { VIRTIO_F, VIRTIO_NET_F, VIRTIO_NET_HDR_GSO } from '../../src/virtio/virtio.js'
import { start, stopGuests, type TestGuest } from '../model/guest.js'
import {
  be16,
  be32,
  csumOffset,
  faultOf,
  layoutOf,
  type PacketOptions,
  partialPacket,
} from '../model/packets.js'
import { cleanUp, counter, dropped, newEngine } from '../support/switch.js'

const FIN = 1
const PSH = 8
const ACK = 16
const CWR = 128

let engine: Engine
let sender: TestGuest
let tagged: TestGuest
let untagged: TestGuest

beforeAll(() => {
  engine = newEngine({ memoryBytes: 256 * 2 ** 20 })
  sender = start(engine, 'sender', {
    features: LINUX_FEATURES,
    txSlotBytes: 67584,
    memory: 32 * 2 ** 20,
    port: { stormFps: 0 },
  })
  const features = VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MRG_RXBUF
  tagged = start(engine, 'tagged', { features, ringSize: 256, port: { trunk: [7] } })
  untagged = start(engine, 'untagged', { features, ringSize: 256, bufferBytes: 300, port: { vlan: 8 } })
})
afterAll(() => {
  stopGuests()
  cleanUp()
})

function gsoHeader(frame: Uint8Array, udp: boolean, size: number, ecn: boolean) {
  const { transport, payload, network } = layoutOf(frame)
  const v6 = (frame[network] as number) >> 4 === 6
  const type = udp ? VIRTIO_NET_HDR_GSO.UDP_L4 : v6 ? VIRTIO_NET_HDR_GSO.TCPV6 : VIRTIO_NET_HDR_GSO.TCPV4
  return {
    flags: 1,
    gsoType: type | (ecn && !udp ? VIRTIO_NET_HDR_GSO.ECN : 0),
    hdrLen: payload,
    gsoSize: size,
    csumStart: transport,
    csumOffset: csumOffset(udp),
  }
}

function receiveAll(guest: TestGuest): ReceivedFrame[] {
  const all: ReceivedFrame[] = []
  for (let idle = 0; idle < 2; ) {
    const got = guest.driver.receive()
    if (got) all.push(got)
    else idle++
    engine.step()
  }
  return all
}

/** Checks segments against the packet they come from: the rules of Linux' tcp_gso_segment and udp_gso_segment. */
function checkSegments(
  segments: readonly ReceivedFrame[],
  whole: Uint8Array,
  options: PacketOptions,
  size: number,
): void {
  const udp = options.udp === true
  const from = layoutOf(whole)
  const bytes = whole.length - from.payload
  expect(segments.length).toBe(Math.ceil(bytes / size))
  const parts: Uint8Array[] = []
  for (const [index, { frame, header }] of segments.entries()) {
    expect(header).toMatchObject({ flags: 0, gsoType: 0 })
    const at = layoutOf(frame)
    expect(at).toEqual(from)
    expect(faultOf(frame, udp)).toBeUndefined()
    const part = frame.slice(at.payload)
    const last = index === segments.length - 1
    expect(part.length).toBe(last ? bytes - size * (segments.length - 1) : size)
    parts.push(part)
    if (!options.v6)
      expect(be16(frame, at.network + 4)).toBe((be16(whole, from.network + 4) + index) & 0xffff)
    if (!udp) {
      const sequence = (be32(whole, from.transport + 4) + index * size) % 2 ** 32
      expect(be32(frame, at.transport + 4)).toBe(sequence)
      let flags = options.tcpFlags ?? ACK
      if (!last) flags &= ~(FIN | PSH)
      if (index > 0) flags &= ~CWR
      expect(frame[at.transport + 13]).toBe(flags)
    }
    // Whatever else the headers hold is as it was: blank what may differ, in both, and compare.
    const [mine, theirs] = [frame.slice(0, at.payload), whole.slice(0, from.payload)]
    for (const head of [mine, theirs]) {
      head.fill(0, at.network + (options.v6 ? 4 : 2), at.network + 6)
      if (!options.v6) head.fill(0, at.network + 10, at.network + 12)
      if (udp) head.fill(0, at.transport + 4, at.transport + 8)
      else {
        head.fill(0, at.transport + 4, at.transport + 8)
        head.fill(0, at.transport + 13, at.transport + 14)
        head.fill(0, at.transport + 16, at.transport + 18)
      }
    }
    expect(Buffer.compare(mine, theirs)).toBe(0)
  }
  expect(Buffer.compare(Buffer.concat(parts), whole.subarray(from.payload))).toBe(0)
}

const packet = fc.record({
  v6: fc.boolean(),
  udp: fc.boolean(),
  payload: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 400 }),
    fc
      .integer({ min: 400, max: 64000 })
      .map((n) => Uint8Array.from({ length: n }, (_, i) => (i * 31 + n) & 0xff)),
  ),
  tcpOptions: fc.constantFrom(
    new Uint8Array(0),
    Uint8Array.from([1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
    new Uint8Array(40).fill(1),
  ),
  ipOptions: fc.constantFrom(new Uint8Array(0), new Uint8Array(0), Uint8Array.of(1, 1, 1, 0)),
  tcpFlags: fc.constantFrom(ACK, ACK | PSH, ACK | FIN, ACK | PSH | FIN, ACK | CWR | PSH),
  sequence: fc.constantFrom(0, 0xffff_fff0, 0x7fff_ffff, 123456789),
  identification: fc.constantFrom(0, 0xfffe, 4711),
  vlan: fc.constantFrom(7, 8),
})
const layout = fc.record({
  descriptors: fc.integer({ min: 1, max: 30 }),
  separateHeader: fc.boolean(),
  indirect: fc.boolean(),
})

describe('segmentation', () => {
  it('gives segments that join to the original with right headers and checksums', () => {
    fc.assert(
      fc.property(
        packet,
        layout,
        fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 40, max: 9000 })),
        (options, scattered, wish) => {
          const size = Math.max(wish, Math.ceil(options.payload.length / 60))
          const whole = partialPacket(options)
          const ecn = (options.tcpFlags & CWR) !== 0
          expect(sender.driver.send(whole, gsoHeader(whole, options.udp, size, ecn), 0, scattered)).toBe(true)
          engine.step()
          const isTrunk = options.vlan === 7
          const segments = receiveAll(isTrunk ? tagged : untagged)
          const leaves = isTrunk ? options : { ...options, vlan: 0 }
          checkSegments(segments, partialPacket(leaves), leaves, size)
        },
      ),
      { numRuns: 150 },
    )
  })

  it.each([
    ['of 64 datagrams of one byte', { udp: true, bytes: 64, size: 1 }],
    ['of 10 datagrams of 16 bytes', { udp: true, bytes: 160, size: 16 }],
    ['of 64 KB of TCP at the least size of Linux', { udp: false, bytes: 65_480, size: 36 }],
    ['of 2,048 segments', { udp: false, bytes: 2048, size: 1 }],
  ])('delivers all %s, more than the ring has room for included', (_, { udp, bytes, size }) => {
    const options = { udp, payload: Uint8Array.from({ length: bytes }, (_, i) => i % 251), vlan: 8 }
    const whole = partialPacket(options)
    sender.driver.send(whole, gsoHeader(whole, udp, size, false))
    engine.step()
    const leaves = { ...options, vlan: 0 }
    checkSegments(receiveAll(untagged), partialPacket(leaves), leaves, size)
  })

  it('drops a frame of more segments than it may have', () => {
    const whole = partialPacket({ payload: new Uint8Array(2049), vlan: 8 })
    const before = dropped(engine, 0, DROP_BAD_GSO)
    sender.driver.send(whole, gsoHeader(whole, false, 1, false))
    engine.step()
    expect(receiveAll(untagged)).toEqual([])
    expect(dropped(engine, 0, DROP_BAD_GSO)).toBe(before + 1)
  })

  it('drops a frame whose headers do not fit what its type promises', () => {
    const whole = partialPacket({ payload: new Uint8Array(3000), vlan: 8 })
    const good = gsoHeader(whole, false, 1000, false)
    const before = counter(engine, 2, C_SEGMENTED)
    const droppedBefore = dropped(engine, 0, DROP_BAD_GSO)
    const wrong = [
      { ...good, gsoType: VIRTIO_NET_HDR_GSO.TCPV6 },
      { ...good, csumStart: good.csumStart + 200 },
      { ...good, csumStart: 20 },
      { ...good, gsoSize: 0 },
      { ...good, flags: 0 },
      { ...good, gsoType: VIRTIO_NET_HDR_GSO.UDP },
      { ...good, gsoType: VIRTIO_NET_HDR_GSO.ECN },
      { ...good, gsoType: 0x7f },
    ]
    for (const header of wrong) sender.driver.send(whole, header)
    engine.step()
    expect(receiveAll(untagged)).toEqual([])
    expect(counter(engine, 2, C_SEGMENTED)).toBe(before)
    expect(dropped(engine, 0, DROP_BAD_GSO) - droppedBefore).toBe(wrong.length)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import {
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  C_EGRESS_GSO_FRAMES,
  C_MERGED,
  C_MERGED_FRAMES,
} from '../../src/core/layout.js'
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { PortSettings } from '../../src/port/config.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { Flow, type FlowOptions, type FrameOptions } from '../model/flows.js'
import { start, stopGuests } from '../model/guest.js'
import { be16, completed, faultOf, layoutOf, onesSum, partialPacket, pseudoSum } from '../model/packets.js'
import { segmentsOf } from '../model/segments.js'
import { ACK, cross, drain, expectSame, MB, PSH, partialHeader, shape, text, wire } from '../support/merge.js'
import { cleanUp, counter, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

describe('merge of TCP segments', () => {
  it.each<[string, FlowOptions]>([
    ['IPv4', {}],
    ['IPv4 with timestamps', { stamps: true }],
    ['IPv4 with a tag', { vlan: 7 }],
    ['IPv4 with a tag and timestamps', { vlan: 7, stamps: true }],
    ['IPv4 with a sequence number that wraps', { sequence: 0xfffffa00 }],
    ['IPv4 with an identification that wraps', { identification: 0xfffe }],
    ['IPv6', { v6: true }],
    ['IPv6 with timestamps', { v6: true, stamps: true }],
    ['IPv6 with a tag and timestamps', { v6: true, vlan: 7, stamps: true }],
  ])('makes one GSO frame of a burst of %s', (_, options) => {
    const on = wire()
    const flow = new Flow(options)
    const sent = [1448, 1448, 1448, 1448, 77].map((bytes) => flow.next(bytes))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1448 * 4 + 77])
    const { frame, header } = received[0] as ReceivedFrame
    const at = layoutOf(frame)
    expect(header).toMatchObject({
      flags: 1,
      gsoType: options.v6 ? 4 : 1,
      hdrLen: at.payload,
      gsoSize: 1448,
      csumStart: at.transport,
      csumOffset: 16,
    })
    expect(be16(frame, at.transport + 16)).toBe(pseudoSum(frame, at, false))
    if (!options.v6) expect(onesSum(frame.subarray(at.network, at.transport))).toBe(0xffff)
    expectSame(received, sent)
    expect(counter(on.engine, 1, C_MERGED)).toBe(4)
    expect(counter(on.engine, 1, C_MERGED_FRAMES)).toBe(1)
    expect(counter(on.engine, 1, C_EGRESS_GSO_FRAMES)).toBe(1)
    expect(counter(on.engine, 1, C_EGRESS_FRAMES)).toBe(5)
    expect(counter(on.engine, 1, C_EGRESS_BYTES)).toBe(sent.reduce((sum, one) => sum + one.length, 0))
  })

  it('takes partial checksums as they are, mixed with complete ones', () => {
    const on = wire()
    const flow = new Flow()
    const copy = new Flow()
    const partial = [true, false, true, true]
    const sent = partial.map((is) => flow.next(1000, { partial: is }))
    const headers = sent.map((frame, index) => (partial[index] ? partialHeader(frame) : {}))
    const received = cross(on, sent, headers)
    expect(shape(received)).toEqual([4000])
    expectSame(
      received,
      partial.map(() => copy.next(1000)),
    )
  })

  it('leaves a segment that stays alone as it came', () => {
    const on = wire()
    const sent = [new Flow().next(1000)]
    const received = cross(on, sent)
    expect(received[0]?.header).toMatchObject({ flags: 0, gsoType: 0, csumStart: 0, numBuffers: 1 })
    expect(text(received.map(({ frame }) => frame))).toEqual(text(sent))
    expect(counter(on.engine, 1, C_MERGED_FRAMES)).toBe(0)
  })

  it('keeps flows apart that come interleaved', () => {
    const on = wire()
    const flows = [new Flow({ port: 1000 }), new Flow({ port: 1001 }), new Flow({ port: 1000, v6: true })]
    const sent = Array.from({ length: 30 }, (_, i) => (flows[i % 3] as Flow).next(700))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([7000, 7000, 7000])
    const order = [0, 1, 2].flatMap((flow) => sent.filter((_, i) => i % 3 === flow))
    expectSame(received, order)
  })

  it('closes the oldest aggregate when more than eight flows come at once', () => {
    const on = wire()
    const flows = Array.from({ length: 10 }, (_, i) => new Flow({ port: 2000 + i }))
    const sent = [0, 1].flatMap(() => flows.map((flow) => flow.next(500)))
    const received = cross(on, sent)
    expect(received.flatMap(segmentsOf)).toHaveLength(20)
    expect(counter(on.engine, 1, C_MERGED)).toBe(0)
    const eight = flows.slice(0, 8)
    expect(
      cross(
        on,
        [0, 1].flatMap(() => eight.map((flow) => flow.next(500))),
      ),
    ).toHaveLength(8)
  })

  it('ends at 65535 bytes of IP packet', () => {
    const on = wire()
    const flow = new Flow()
    const sent = Array.from({ length: 60 }, () => flow.next(1448))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1448 * 45, 1448 * 15])
    expectSame(received, sent)
  })

  it('CWR ends an aggregate and begins one with ECN', () => {
    const on = wire()
    const flow = new Flow()
    const sent = [ACK, ACK, ACK | 0x80, ACK, ACK].map((flags) => flow.next(500, { flags }))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1000, 1500])
    expect(received.map(({ header }) => header.gsoType)).toEqual([1, 0x81])
    expectSame(received, sent)
  })

  it('CWR begins nothing when the receiver did not negotiate ECN', () => {
    const on = wire({ features: LINUX_FEATURES & ~VIRTIO_NET_F.GUEST_ECN })
    const flow = new Flow()
    const sent = [ACK | 0x80, ACK, ACK].map((flags) => flow.next(500, { flags }))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([500, 1000])
    expectSame(received, sent)
  })

  it('a fixed identification goes with DF alone, and stays fixed', () => {
    const on = wire()
    const fixed = new Flow({ step: 0 })
    expect(
      shape(
        cross(
          on,
          [0, 1, 2].map(() => fixed.next(500)),
        ),
      ),
    ).toEqual([1500])
    const clear = (frame: Uint8Array, at: { network: number }): void => {
      frame[at.network + 6] = 0
    }
    const without = new Flow({ step: 0 })
    expect(
      shape(
        cross(
          on,
          [0, 1].map(() => without.next(500, { change: clear })),
        ),
      ),
    ).toEqual([500, 500])
    const rising = new Flow()
    expect(
      shape(
        cross(
          on,
          [0, 1].map(() => rising.next(500, { change: clear })),
        ),
      ),
    ).toEqual([1000])
    const falls = new Flow()
    const back = (bytes: Uint8Array, place: { network: number }): void => {
      bytes.set([0x20, 0x00], place.network + 4)
    }
    const frames = [falls.next(500), falls.next(500), falls.next(500, { change: back })]
    expect(shape(cross(on, frames))).toEqual([1000, 500])
    const jumps = new Flow({ step: 2 })
    expect(
      shape(
        cross(
          on,
          [0, 1].map(() => jumps.next(500)),
        ),
      ),
    ).toEqual([500, 500])
  })

  const at =
    (offset: number, value: number, part: 'network' | 'transport' = 'transport') =>
    (bytes: Uint8Array, place: { network: number; transport: number }): void => {
      bytes[place[part] + offset] = value
    }
  it.each<[string, FlowOptions, FrameOptions, number[]]>([
    ['PSH joins and ends', {}, { flags: ACK | PSH }, [1500, 1000]],
    ['FIN stands alone', {}, { flags: ACK | 1 }, [1000, 500, 500]],
    ['SYN stands alone', {}, { flags: ACK | 2 }, [1000, 500, 500]],
    ['RST stands alone', {}, { flags: ACK | 4 }, [1000, 500, 500]],
    ['URG stands alone', {}, { flags: ACK | 0x20 }, [1000, 500, 500]],
    ['no ACK stands alone', {}, { flags: 0 }, [1000, 500, 500]],
    ['ECE begins another', {}, { flags: ACK | 0x40 }, [1000, 500, 500]],
    ['another acknowledgement begins another', {}, { change: at(11, 1) }, [1000, 500, 500]],
    ['another window begins another', {}, { change: at(15, 1) }, [1000, 500, 500]],
    ['another urgent pointer begins another', {}, { change: at(19, 1) }, [1000, 500, 500]],
    ['another timestamp begins another', { stamps: true }, { change: at(27, 9) }, [1000, 500, 500]],
    ['another TTL begins another', {}, { change: at(8, 9, 'network') }, [1000, 500, 500]],
    ['another TOS begins another', {}, { change: at(1, 8, 'network') }, [1000, 500, 500]],
    ['an ECN mark begins another', {}, { change: at(1, 3, 'network') }, [1000, 500, 500]],
    ['another flow label begins another', { v6: true }, { change: at(3, 8, 'network') }, [1000, 500, 500]],
    [
      'another traffic class begins another',
      { v6: true },
      { change: at(1, 0x30, 'network') },
      [1000, 500, 500],
    ],
    ['another hop limit begins another', { v6: true }, { change: at(7, 9, 'network') }, [1000, 500, 500]],
  ])('%s', (_, options, odd, expected) => {
    const on = wire()
    const flow = new Flow(options)
    const sent = [flow.next(500), flow.next(500), flow.next(500, odd), flow.next(500)]
    if (expected.length === 2) sent.push(flow.next(500))
    const received = cross(on, sent)
    expect(shape(received)).toEqual(expected)
    expectSame(received, sent)
  })

  it('a segment that leaves a hole or comes again begins another', () => {
    const on = wire()
    const flow = new Flow()
    const sent = [flow.next(500), flow.next(500)]
    flow.skip(500)
    sent.push(flow.next(500), flow.next(500))
    flow.skip(-500)
    sent.push(flow.next(500))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1000, 1000, 500])
    expectSame(received, sent)
  })

  it('a longer segment begins another, a shorter one ends', () => {
    const on = wire()
    const flow = new Flow()
    const sent = [500, 600, 600, 599, 500, 500].map((bytes) => flow.next(bytes))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([500, 1799, 1000])
    expectSame(received, sent)
  })

  it('a payload too small to be sent on as GSO opens nothing', () => {
    const on = wire()
    const flow = new Flow()
    const sent = [39, 39, 40, 40].map((bytes) => flow.next(bytes))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([39, 39, 80])
    expectSame(received, sent)
  })

  it('a pure acknowledgement neither joins nor is overtaken by later data of its flow', () => {
    const on = wire()
    const flow = new Flow()
    const sent = [flow.next(500), flow.next(500), flow.next(0), flow.next(500), flow.next(500)]
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1000, 0, 1000])
    expectSame(received, sent)
  })

  it('fragments, padding and IPv4 options are passed as they came', () => {
    const on = wire()
    const fragment = new Flow({ port: 1 })
    const more = (bytes: Uint8Array, place: { network: number }): void => {
      bytes[place.network + 6] = 0x20
    }
    const fragments = [0, 1].map(() => fragment.next(500, { change: more }))
    expect(cross(on, fragments).map(({ frame: { length } }) => length)).toEqual([554, 554])
    const padded = new Flow({ port: 2 })
    const frames = [0, 1].map(() => Uint8Array.from([...padded.next(500), 0, 0]))
    expect(text(cross(on, frames).map(({ frame }) => frame))).toEqual(text(frames))
    const ipOptions = Uint8Array.from([1, 1, 1, 0])
    const packets = [0, 500].map((sequence) =>
      completed(partialPacket({ payload: new Uint8Array(500), ipOptions, sequence }), false),
    )
    expect(text(cross(on, packets).map(({ frame }) => frame))).toEqual(text(packets))
    expect(counter(on.engine, 1, C_MERGED)).toBe(0)
  })

  it('a corrupt segment is not joined, and what follows is', () => {
    const on = wire()
    const flow = new Flow()
    const sent = Array.from({ length: 5 }, () => flow.next(500))
    const spoilt = sent[2] as Uint8Array
    spoilt[300] = (spoilt[300] as number) ^ 1
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1000, 500, 1000])
    expect(text(received.flatMap(segmentsOf))).toEqual(text(sent))
    expect(faultOf(received[1]?.frame as Uint8Array, false)).toBe('transport checksum')
  })

  it('a corrupt first segment or IPv4 header opens nothing', () => {
    const on = wire()
    for (const where of [16, 22, 200]) {
      const flow = new Flow({ port: 3000 + where })
      const sent = Array.from({ length: 3 }, () => flow.next(500))
      const spoilt = sent[0] as Uint8Array
      spoilt[where] = (spoilt[where] as number) ^ 4
      const received = cross(on, sent)
      expect(text(received.flatMap(segmentsOf))).toEqual(text(sent))
      expect(received.map(({ frame: { length } }) => length)).toEqual([554, 1054])
    }
  })

  it('a frame that is GSO already ends the aggregate and passes whole', () => {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', { txSlotBytes: 8192, ringSize: 64 })
    const b = start(engine, 'b', { ringSize: 256 })
    const flow = new Flow()
    const sent = [
      flow.next(500),
      flow.next(500),
      flow.next(2000, { partial: true }),
      flow.next(500),
      flow.next(500),
    ]
    const gso = { ...partialHeader(sent[2] as Uint8Array), gsoType: 1, gsoSize: 500, hdrLen: 54 }
    const headers = sent.map((_, index) => (index === 2 ? gso : {}))
    expect(shape(cross({ engine, a, b }, sent, headers))).toEqual([1000, 2000, 1000])
  })

  it.each<[string, bigint, Partial<PortSettings>]>([
    ['the port does not merge', LINUX_FEATURES, { merge: false }],
    ['the receiver did not negotiate it', LINUX_FEATURES & ~VIRTIO_NET_F.GUEST_TSO4, {}],
    ['each frame is published at once', LINUX_FEATURES, { publish: 'per-packet' }],
  ])('nothing is merged when %s', (_, features, port) => {
    const on = wire({ features, port })
    const flow = new Flow()
    const sent = Array.from({ length: 6 }, () => flow.next(500))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([500, 500, 500, 500, 500, 500])
    expectSame(received, sent)
  })

  it('a receiver with one large buffer a frame gets aggregates, too', () => {
    const on = wire({
      features: LINUX_FEATURES & ~VIRTIO_NET_F.MRG_RXBUF,
      bufferBytes: 65_584,
      bufferDescriptors: 8,
      ringSize: 128,
      memory: 64 * MB,
    })
    const flow = new Flow({ stamps: true })
    const sent = Array.from({ length: 50 }, () => flow.next(1448))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1448 * 45, 1448 * 5])
    expectSame(received, sent)
  })

  it('merges what waits in the backlog of a receiver without buffers', () => {
    const on = wire({ ringSize: 8 })
    const flow = new Flow()
    const sent = Array.from({ length: 60 }, () => flow.next(1448))
    const received = cross(on, sent)
    for (let i = 0; i < 60; i++) {
      on.engine.step()
      received.push(...drain(on.b))
    }
    expectSame(received, sent)
    expect(received.length).toBeLessThan(20)
  })

  it('a legacy receiver with a header of ten bytes gets the same', () => {
    const features = (LINUX_FEATURES & ~(VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MRG_RXBUF)) | VIRTIO_F.ANY_LAYOUT
    const on = wire({ features, bufferBytes: 65_584, ringSize: 64, memory: 64 * MB })
    expect(on.b.driver.headerBytes).toBe(10)
    const flow = new Flow()
    const sent = Array.from({ length: 20 }, () => flow.next(1000))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([20_000])
    expectSame(received, sent)
  })
})

// Merging behind IPv6 extension headers: the same ones are kept once, different ones end the aggregate.
import { afterEach, describe, expect, it } from 'vitest'
import { C_EGRESS_FRAMES, C_MERGED, C_THINNED_ACKS } from '../../src/core/layout.js'
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import { Flow, type FlowOptions, type FrameOptions } from '../model/flows.js'
import { PLAIN, start, stopGuests } from '../model/guest.js'
import {
  be16,
  DESTINATION,
  ENDED_ROUTE,
  type Extension,
  faultOf,
  HOP_BY_HOP,
  layoutOf,
  pseudoSum,
} from '../model/packets.js'
import { ACK, cross, drain, expectSame, PSH, partialHeader, shape, text, wire } from '../support/merge.js'
import { cleanUp, counter } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const DIFFERENT: Extension = [60, [1, 4, 0, 0, 0, 17]]
const LONG: Extension = [60, [30, 60, ...new Array(60).fill(7)]]
const V6: FlowOptions = { v6: true, extensions: [DESTINATION] }

describe('merge of segments behind extension headers', () => {
  it.each<[string, FlowOptions]>([
    ['destination options', V6],
    ['hop-by-hop options', { ...V6, extensions: [HOP_BY_HOP] }],
    ['a route that has ended', { ...V6, extensions: [ENDED_ROUTE] }],
    [
      'three headers, a tag and timestamps',
      { ...V6, extensions: [HOP_BY_HOP, ENDED_ROUTE, DESTINATION], vlan: 7, stamps: true },
    ],
    ['64 bytes of options, a tag and timestamps', { ...V6, extensions: [LONG], vlan: 7, stamps: true }],
  ])('makes one GSO frame of TCP behind %s', (_, options) => {
    const on = wire()
    const flow = new Flow(options)
    const sent = [1400, 1400, 1400, 77].map((bytes) => flow.next(bytes))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1400 * 3 + 77])
    const { frame, header } = received[0] as ReceivedFrame
    const at = layoutOf(frame)
    expect(header).toMatchObject({
      flags: 1,
      gsoType: 4,
      hdrLen: at.payload,
      gsoSize: 1400,
      csumStart: at.transport,
      csumOffset: 16,
    })
    expect(be16(frame, at.network + 4)).toBe(frame.length - at.network - 40)
    expect(be16(frame, at.transport + 16)).toBe(pseudoSum(frame, at, false))
    expectSame(received, sent)
    expect(counter(on.engine, 1, C_MERGED)).toBe(3)
    expect(counter(on.engine, 1, C_EGRESS_FRAMES)).toBe(4)
  })

  it('makes one GSO frame of datagrams', () => {
    const on = wire()
    const flow = new Flow({ ...V6, udp: true })
    const sent = [900, 900, 900].map((bytes) => flow.next(bytes))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([2700])
    expect(received[0]?.header.gsoType).toBe(5)
    expectSame(received, sent)
  })

  it.each<[string, FlowOptions, FrameOptions, number[]]>([
    ['other bytes in one', V6, { extensions: [DIFFERENT] }, [1000, 500, 500]],
    ['another one of the same length', V6, { extensions: [HOP_BY_HOP] }, [1000, 500, 500]],
    ['none', V6, { extensions: [] }, [1000, 500, 500]],
    ['one more', V6, { extensions: [HOP_BY_HOP, DESTINATION] }, [1000, 500, 500]],
    ['one, after segments without', { v6: true }, { extensions: [DESTINATION] }, [1000, 500, 500]],
    ['PSH', V6, { flags: ACK | PSH }, [1500, 500]],
    ['FIN', V6, { flags: ACK | 1 }, [1000, 500, 500]],
  ])('a segment with %s is kept apart where the kernel keeps it apart, in its place', (_, options, odd, expected) => {
    const on = wire()
    const flow = new Flow(options)
    const sent = [flow.next(500), flow.next(500), flow.next(500, odd), flow.next(500)]
    const received = cross(on, sent)
    expect(shape(received)).toEqual(expected)
    expectSame(received, sent)
  })

  it.each<[string, readonly Extension[]]>([
    ['a route that goes on', [[43, [4, 1, 0, 0, 0, 0]]]],
    ['a fragment header', [[44, [0, 1, 0, 0, 0, 9]]]],
    ['an authentication header', [[51, [0, 0, 0, 0, 0, 0]]]],
    ['more headers than are walked', new Array(9).fill(DESTINATION)],
    ['more bytes than an aggregate keeps', [[60, new Array(134).fill(1)]]],
  ])('nothing is merged behind %s', (_, extensions) => {
    const on = wire()
    const flow = new Flow({ v6: true, extensions })
    const sent = [500, 500].map((bytes) => flow.next(bytes))
    const received = cross(on, sent)
    expect(text(received.map(({ frame }) => frame))).toEqual(text(sent))
    expect(counter(on.engine, 1, C_MERGED)).toBe(0)
  })

  it('nothing is merged when the headers end before the transport header does', () => {
    const on = wire()
    const flow = new Flow(V6)
    const beyond = (frame: Uint8Array, at: { network: number }): void => {
      frame[at.network + 41] = 200
    }
    const sent = [0, 1].map(() => flow.next(500))
    for (const frame of sent) beyond(frame, layoutOf(frame))
    const received = cross(on, sent)
    expect(text(received.map(({ frame }) => frame))).toEqual(text(sent))
  })

  it('takes a partial checksum only when its sum is that of the addresses in the IP header', () => {
    const right = wire()
    const flow = new Flow(V6)
    const same = new Flow(V6)
    const partial = [0, 1, 2].map(() => flow.next(1000, { partial: true }))
    const received = cross(
      right,
      partial,
      partial.map((frame) => partialHeader(frame)),
    )
    expect(shape(received)).toEqual([3000])
    expectSame(
      received,
      [0, 1, 2].map(() => same.next(1000)),
    )
    // A home address is in the destination options, and in the sum.
    const home = new Flow(V6)
    const wrong = [0, 1].map(() => home.next(1000, { partial: true }))
    for (const frame of wrong) {
      const { transport } = layoutOf(frame)
      frame[transport + 17] = ((frame[transport + 17] as number) + 1) & 0xff
    }
    expect(
      shape(
        cross(
          right,
          wrong,
          wrong.map((frame) => partialHeader(frame)),
        ),
      ),
    ).toEqual([1000, 1000])
  })

  it('a corrupt segment is not joined', () => {
    const on = wire()
    const flow = new Flow(V6)
    const sent = [0, 1, 2].map(() => flow.next(500))
    const second = sent[1] as Uint8Array
    second[second.length - 1] = (second[second.length - 1] as number) ^ 1
    const received = cross(on, sent)
    expect(shape(received)).toEqual([500, 500, 500])
    expect(text(received.map(({ frame }) => frame))).toEqual(text(sent))
  })

  it('acknowledgements are thinned, those behind other headers are not', () => {
    const on = wire({ port: { thinAcks: true } })
    const flow = new Flow(V6)
    const ack = (n: number, options: FrameOptions = {}): Uint8Array =>
      flow.next(0, { ...options, change: (frame, at) => frame.set([0, 0, 1, n], at.transport + 8) })
    const other = ack(3, { extensions: [DIFFERENT] })
    const received = cross(on, [ack(1), ack(2), other, ack(4), ack(5)])
    const numbers = received.map(({ frame }) => frame[layoutOf(frame).transport + 11])
    expect(numbers).toEqual([2, 3, 5])
    for (const { frame } of received) expect(faultOf(frame, false)).toBeUndefined()
    expect(counter(on.engine, 1, C_THINNED_ACKS)).toBe(2)
  })

  it('what was merged by one switch is cut by another into the frames that came', () => {
    const merging = wire()
    const flow = new Flow({ ...V6, extensions: [HOP_BY_HOP, DESTINATION], stamps: true })
    const sent = [1000, 1000, 1000, 9].map((bytes) => flow.next(bytes))
    const [whole] = cross(merging, sent)
    const { frame, header } = whole as ReceivedFrame
    const sender = start(merging.engine, 'sender', { txSlotBytes: 67_584 })
    const cutting = start(merging.engine, 'cutting', { features: PLAIN })
    const big = frame.slice()
    big.fill(0xff, 0, 6)
    big[11] = 9
    sender.driver.send(big, header)
    merging.engine.step()
    const cut = drain(cutting).map((got) => got.frame)
    expect(cut.map((one) => faultOf(one, false))).toEqual([undefined, undefined, undefined, undefined])
    expect(text(cut.map((one) => one.subarray(12)))).toEqual(text(sent.map((one) => one.subarray(12))))
  })
})

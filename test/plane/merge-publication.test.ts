import { afterEach, describe, expect, it } from 'vitest'
import { C_PUBLISHED_FRAMES, C_PUBLISHES, C_THINNED_ACKS } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import { VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { Flow, type FlowOptions, type FrameOptions } from '../model/flows.js'
import { start, stopGuests } from '../model/guest.js'
import { be32, layoutOf } from '../model/packets.js'
import { ACK, cross, drain, expectSame, LONG_US, PSH, shape, text, wire } from '../support/merge.js'
import { broadcast, cleanUp, counter } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

describe('merge of UDP datagrams', () => {
  it.each<[string, FlowOptions]>([
    ['IPv4', { udp: true }],
    ['IPv6', { udp: true, v6: true }],
    ['IPv6 with a tag', { udp: true, v6: true, vlan: 9 }],
  ])('makes one GSO frame of datagrams of a size of %s, the last shorter', (_, options) => {
    const on = wire()
    const flow = new Flow(options)
    const sent = [1200, 1200, 1200, 600, 1200].map((bytes) => flow.next(bytes))
    const received = cross(on, sent)
    expect(shape(received)).toEqual([4200, 1200])
    expect(received[0]?.header).toMatchObject({ gsoType: 5, gsoSize: 1200, csumOffset: 6 })
    expectSame(received, sent)
  })

  it.each([
    [67, 3],
    [68, 3],
    [69, 1],
  ])('leaves those to port %i as %i frames', (port, frames) => {
    const flow = new Flow({ udp: true })
    const change: FrameOptions['change'] = (frame, { transport }) => frame.set([0, port], transport + 2)
    const sent = [300, 300, 300].map((bytes) => flow.next(bytes, { change }))
    const received = cross(wire(), sent)
    expect(received.length).toBe(frames)
    expectSame(received, sent)
  })

  it('takes at most 64 datagrams', () => {
    const on = wire({}, 'held')
    const flow = new Flow({ udp: true })
    const sent = Array.from({ length: 100 }, () => flow.next(100))
    expect(cross(on, sent)).toEqual([])
    on.engine.plane.publishPort(1)
    const received = drain(on.b)
    expect(shape(received)).toEqual([6400, 3600])
    expectSame(received, sent)
  })

  it('a datagram without checksum stands alone', () => {
    const on = wire()
    const flow = new Flow({ udp: true })
    const sent = Array.from({ length: 3 }, () => flow.next(100))
    for (const one of sent) one.fill(0, 40, 42)
    expect(text(cross(on, sent).map((got) => got.frame))).toEqual(text(sent))
  })

  it('nothing is merged when the receiver did not negotiate it', () => {
    const on = wire({ features: LINUX_FEATURES & ~VIRTIO_NET_F.GUEST_USO4 })
    const flow = new Flow({ udp: true })
    expect(
      cross(
        on,
        [0, 1, 2].map(() => flow.next(100)),
      ),
    ).toHaveLength(3)
  })
})

describe('held publication', () => {
  it('collects segments over many bursts, counted as they came', () => {
    const on = wire({}, 'held')
    const flow = new Flow()
    const sent = Array.from({ length: 40 }, () => flow.next(1448))
    for (const one of sent) expect(cross(on, [one])).toEqual([])
    on.engine.plane.publishPort(1)
    const received = drain(on.b)
    expect(shape(received)).toEqual([1448 * 40])
    expectSame(received, sent)
    expect(counter(on.engine, 1, C_PUBLISHED_FRAMES)).toBe(40)
    expect(counter(on.engine, 1, C_PUBLISHES)).toBe(1)
  })

  it('a limit of frames counts segments', () => {
    const on = wire({ port: { publish: 'natural' } })
    const flow = new Flow()
    const sent = Array.from({ length: 10 }, () => flow.next(1448))
    const row = new PortRow(on.engine.memory, 1)
    row.setHoldLimits({ holdUs: 0, gapUs: LONG_US, maxFrames: 4, maxBytes: 1e9, urgentPublish: false })
    const received = cross(on, sent)
    expect(shape(received)).toEqual([1448 * 4, 1448 * 4, 1448 * 2])
    expectSame(received, sent)
  })

  it('a segment that waits in an aggregate is no reason to think that the guest polls', () => {
    const on = wire({ port: { publish: 'natural' } })
    const flow = new Flow()
    const limits = { holdUs: LONG_US, gapUs: LONG_US, maxFrames: 1000, maxBytes: 1e9, urgentPublish: true }
    new PortRow(on.engine.memory, 1).setHoldLimits(limits)
    on.b.driver.rx().armCalls()
    expect(cross(on, [flow.next(500)])).toEqual([])
    const sent = flow.next(500, { flags: ACK | PSH })
    expect(shape(cross(on, [sent]))).toEqual([1000])
  })

  it('stopping the ring publishes what is merged; a guest that hangs up loses it, and nothing else', () => {
    const on = wire({}, 'held')
    const flow = new Flow()
    const sent = [0, 1, 2].map(() => flow.next(1000))
    expect(cross(on, sent)).toEqual([])
    on.b.frontend.stopRing(0)
    expectSame(drain(on.b), sent)

    const c = start(on.engine, 'c', { ringSize: 64 })
    c.driver.send(broadcast(2))
    on.engine.step()
    cross(on, [flow.next(1000), flow.next(1000)])
    c.close()
    on.engine.step()
    on.engine.plane.publishPort(1)
    expect(on.engine.ports[2]?.status().state).toBe('waiting')
  })
})

describe('thinAcks', () => {
  const ackFlow = (options: FlowOptions = {}): ((ack: number, odd?: FrameOptions) => Uint8Array) => {
    const flow = new Flow(options)
    return (ack, odd = {}) =>
      flow.next(0, {
        ...odd,
        change: (bytes, place) => {
          bytes[place.transport + 10] = ack >> 8
          bytes[place.transport + 11] = ack & 0xff
          odd.change?.(bytes, place)
        },
      })
  }
  const acks = (received: readonly ReceivedFrame[]): number[] =>
    received.map(({ frame: got }) => be32(got, layoutOf(got).transport + 8) & 0xffff)

  it.each<[string, FlowOptions]>([
    ['IPv4', {}],
    ['IPv6 with timestamps', { v6: true, stamps: true }],
  ])('keeps the last of consecutive acknowledgements over %s', (_, options) => {
    const on = wire({ port: { thinAcks: true } })
    const next = ackFlow(options)
    const sent = [10, 20, 30].map((ack) => next(ack))
    const received = cross(on, sent)
    expectSame(received, sent.slice(2))
    expect(counter(on.engine, 1, C_THINNED_ACKS)).toBe(2)
  })

  it('keeps duplicates, other windows, ECE, and what data stands between', () => {
    const on = wire({ port: { thinAcks: true } })
    const next = ackFlow()
    const window = (bytes: Uint8Array, place: { transport: number }): void => {
      bytes[place.transport + 15] = 7
    }
    expect(acks(cross(on, [next(10), next(10), next(10)]))).toEqual([10, 10, 10])
    expect(acks(cross(on, [next(20), next(30, { change: window })]))).toEqual([20, 30])
    expect(acks(cross(on, [next(40), next(50, { flags: ACK | 0x40 })]))).toEqual([40, 50])
    expect(acks(cross(on, [next(60), next(70, { flags: ACK | PSH })]))).toEqual([60, 70])
    const flow = new Flow()
    const mixed = [flow.next(0), flow.next(100), flow.next(0)]
    expectSame(cross(on, mixed), mixed)
  })

  it('is off by default', () => {
    const on = wire()
    const next = ackFlow()
    expect(acks(cross(on, [next(10), next(20)]))).toEqual([10, 20])
  })
})

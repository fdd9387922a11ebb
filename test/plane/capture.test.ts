// What the plane copies for whoever captures a port: every frame that crosses it, and what became of it.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { CAPTURE_RING_BYTES } from '../../src/core/capture-ring.js'
import { Globals } from '../../src/core/globals.js'
import { PORT_WATCHED } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import { VIRTIO_F, VIRTIO_NET_F, VIRTIO_NET_HDR_GSO } from '../../src/virtio/virtio.js'
import { partialPacket } from '../model/packets.js'
import { brief, capturePort } from '../support/captured.js'
import { asTcp, attach, broadcast, cleanUp, frame, newEngine, withTags } from '../support/switch.js'

afterEach(cleanUp)

const LONG_US = 3_600_000_000

describe('a captured port', () => {
  it('captures what enters and what leaves, in order and byte for byte, and what it was held', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    const { take } = capturePort(engine, 'a')
    const sent = [broadcast(1), frame(2, 1, 300, 7), frame(1, 2, 90, 9), frame(2, 1, 1514, 3)]
    for (const each of sent) {
      const from = each[11] === 1 ? a : b
      from.driver.send(each)
      engine.step()
    }
    const frames = take()
    expect(frames.map(brief)).toEqual(['ingress 60', 'ingress 300', 'egress 90 no-hold', 'ingress 1514'])
    expect(frames.map(({ data }) => data)).toEqual(sent)
    expect(frames[2]?.held?.holdUs).toBe(0)
    expect(frames.map(({ timeUs }) => timeUs)).toEqual(
      frames.map(({ timeUs }) => timeUs).sort((x, y) => x - y),
    )
  })

  it('shows a frame that is held once it is published, with the time that it was held', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 3 } })
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    const { take } = capturePort(engine, 'b')
    const clock = new Globals(engine.memory)
    for (const at of [1e9, 1e9 + 250, 1e9 + 1000]) {
      expect(take()).toEqual([])
      a.driver.send(broadcast(1))
      clock.nowUs = at
      engine.plane.poll(0, 64)
    }
    b.driver.send(broadcast(2))
    clock.nowUs = 1e9 + 2000
    engine.plane.poll(1, 64)
    const frames = take()
    expect(frames.map(brief)).toEqual([
      'egress 60 frames',
      'egress 60 frames',
      'egress 60 frames',
      'ingress 60',
    ])
    expect(frames.map(({ held }) => held?.holdUs)).toEqual([1000, 750, 0, undefined])
    expect(frames.map(({ timeUs }) => timeUs - 1e9)).toEqual([0, 250, 1000, 2000])
  })

  it('captures dropped frames with their reason, on the port that counts them', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { macs: ['02:00:00:00:00:01'] })
    const b = attach(engine, 'b', { ringSize: 4, bufferBytes: 2048 })
    const [from, to] = [capturePort(engine, 'a'), capturePort(engine, 'b')]
    b.driver.send(frame(1, 2, 60))
    a.driver.send(frame(2, 7, 70))
    a.driver.send(withTags(frame(2, 1, 60), [0x8100, 4095]))
    a.driver.enqueue(new Uint8Array(10))
    for (let sent = 0; sent < 5; sent++) a.driver.send(frame(2, 1, 80))
    engine.step()
    expect(from.take().map(brief)).toEqual([
      'egress 60 no-hold',
      'ingress 70 drop=spoofed',
      'ingress 64 drop=vlan',
      'ingress 10 drop=runt',
      ...new Array(5).fill('ingress 80'),
    ])
    expect(to.take().map(brief)).toEqual([
      'ingress 60',
      ...new Array(4).fill('egress 80 no-hold'),
      'egress 80 drop=ring_full',
    ])
  })

  it('captures every frame of a flooded burst at each receiver that is captured, and mirrors it', () => {
    const engine = newEngine({ loopGuard: false })
    const a = attach(engine, 'a', {}, { stormFps: 0 })
    attach(engine, 'b')
    attach(engine, 'c')
    const mirror = attach(engine, 'm', {}, { mirror: ['c'] })
    const { take } = capturePort(engine, 'b')
    const sent = Array.from({ length: 40 }, (_, fill) => Uint8Array.from(broadcast(1, 60 + fill)))
    for (const each of sent) a.driver.enqueue(each)
    a.driver.publish(1)
    for (let steps = 0; steps < 10; steps++) engine.step()
    expect(take().map(({ data }) => data)).toEqual(sent)
    for (const each of sent) expect(mirror.driver.receive()?.frame).toEqual(each)
    expect(mirror.driver.receive()).toBeUndefined()
  })

  it('captures a frame that waited for buffers when it reaches its guest', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b', { ringSize: 2, bufferBytes: 2048 })
    b.driver.send(frame(1, 2, 60))
    engine.step()
    const { take } = capturePort(engine, 'b')
    const sent = [1, 2, 3].map((fill) => asTcp(frame(2, 1, 600, fill)))
    for (const each of sent) a.driver.send(each)
    engine.step()
    expect(take()).toHaveLength(2)
    while (b.driver.receive());
    engine.step()
    const last = take()
    expect(last.map(brief)).toEqual(['egress 600 no-hold'])
    expect(last[0]?.data).toEqual(sent[2])
  })

  it('captures tags as they are on the link of that port', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { vlan: 7 })
    attach(engine, 'b', {}, { trunk: [7] })
    const [access, trunk] = [capturePort(engine, 'a'), capturePort(engine, 'b')]
    const sent = broadcast(1, 64)
    a.driver.send(sent)
    engine.step()
    expect(access.take()[0]?.data).toEqual(sent)
    expect(trunk.take()[0]?.data).toEqual(withTags(sent, [0x8100, 7]))
  })

  it('captures a super-frame whole and says what its receiver has to do, and the segments that it becomes', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', { features: LINUX_FEATURES, txSlotBytes: 16384 })
    attach(engine, 'b', { features: VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MRG_RXBUF })
    const [from, to] = [capturePort(engine, 'a'), capturePort(engine, 'b')]
    const whole = partialPacket({ payload: new Uint8Array(4000) })
    whole.fill(0xff, 0, 6)
    a.driver.send(whole, {
      flags: 1,
      gsoType: VIRTIO_NET_HDR_GSO.TCPV4,
      hdrLen: 54,
      gsoSize: 1448,
      csumStart: 34,
      csumOffset: 16,
    })
    engine.step()
    const [captured] = from.take()
    expect(captured?.sizeBytes).toBe(whole.length)
    expect(captured?.offload).toEqual({
      checksum: { start: 34, offset: 16 },
      gso: { type: VIRTIO_NET_HDR_GSO.TCPV4, sizeBytes: 1448 },
    })
    const segments = to.take()
    expect(segments.map(({ sizeBytes }) => sizeBytes)).toEqual([1502, 1502, 1158])
    expect(segments.map(({ offload }) => offload)).toEqual([undefined, undefined, undefined])
  })

  it('loses frames, and counts them, while nobody reads; then it goes on', () => {
    const engine = newEngine({ loopGuard: false })
    const a = attach(engine, 'a')
    const { take, reader } = capturePort(engine, 'a')
    const bytes = 1514
    const room = Math.floor(CAPTURE_RING_BYTES / (80 + 1520))
    const send = (count: number): void => {
      for (let sent = 0; sent < count; sent++) {
        a.driver.send(frame(9, 1, bytes, sent))
        engine.step()
      }
    }
    send(room + 40)
    expect(reader.missed).toBe(40)
    expect(take()).toHaveLength(room)
    send(3)
    expect(take().map(({ missed }) => missed)).toEqual([40, 0, 0])
    expect(reader.missed).toBe(0)
  })

  it('keeps so much of a frame as is asked for, whatever its length, and reads the same across the end of the ring', () => {
    const engine = newEngine({ loopGuard: false })
    const a = attach(engine, 'a', { txSlotBytes: 16384 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70_000 }),
        fc.array(fc.integer({ min: 60, max: 9000 }), { minLength: 100, maxLength: 300 }),
        (snapBytes, lengths) => {
          const { take, close } = capturePort(engine, 'a', snapBytes)
          for (const [at, bytes] of lengths.entries()) {
            const sent = frame(9, 1, bytes, at)
            a.driver.send(sent)
            engine.step()
            const [got, more] = take()
            expect(more).toBeUndefined()
            expect(got?.sizeBytes).toBe(bytes)
            expect(Buffer.compare(got?.data as Uint8Array, sent.subarray(0, snapBytes))).toBe(0)
          }
          close()
        },
      ),
      { numRuns: 10 },
    )
  })

  it('goes back to the fast path when the capture ends, and tells its reader when the port goes', () => {
    const engine = newEngine()
    attach(engine, 'a')
    const row = new PortRow(engine.memory, 0)
    const first = capturePort(engine, 'a')
    expect(() => capturePort(engine, 'a')).toThrow(/captured already/)
    expect(row.has(PORT_WATCHED)).toBe(true)
    first.close()
    expect(row.has(PORT_WATCHED)).toBe(false)
    const free = engine.memory.freeBytes
    const second = capturePort(engine, 'a')
    expect(second.reader.hasEnded).toBe(false)
    engine.removePort('a')
    expect(second.reader.hasEnded).toBe(true)
    second.close()
    expect(engine.memory.freeBytes).toBeGreaterThanOrEqual(free)
  })
})

import { describe, expect, test } from 'vitest'
import { PlainDevice } from '../../test/model/split-device.js'
import {
  VIRTIO_F,
  VIRTIO_NET_CTRL,
  VIRTIO_NET_CTRL_MQ,
  VIRTIO_NET_ERR,
  VIRTIO_NET_F,
  VIRTIO_NET_HDR_F,
  VIRTIO_NET_HDR_GSO,
  VIRTIO_NET_OK,
} from '../virtio/virtio.js'
import { GuestMemory } from './guest-memory.js'
import { NetDriver } from './net-driver.js'

const FRAME = Uint8Array.from({ length: 1514 }, (_, i) => (i * 7) & 0xff)
const MODERN = VIRTIO_F.VERSION_1 | VIRTIO_F.INDIRECT_DESC

function driverWith(features: bigint, options = {}): NetDriver {
  return new NetDriver(new GuestMemory(16 << 20), { features, ringSize: 16, ...options })
}

/** A received frame as the device writes it: header of 12 bytes with num_buffers, then the frame. */
function withHeader(frame: Uint8Array, buffers: number, headerBytes = 12): Uint8Array {
  const bytes = new Uint8Array(headerBytes + frame.length)
  if (headerBytes === 12) bytes[10] = buffers
  bytes.set(frame, headerBytes)
  return bytes
}

describe('NetDriver transmit (virtio 1.3, 5.1.6.2)', () => {
  test.each([
    ['one descriptor', {}, 1],
    ['a descriptor for the header', { separateHeader: true }, 2],
    ['five descriptors', { descriptors: 4, separateHeader: true }, 5],
    ['an indirect table', { descriptors: 3, indirect: true }, 3],
  ])('send lays a frame out in %s', (_, layout, count) => {
    const kicks: number[] = []
    const driver = driverWith(MODERN, { kick: (ring: number) => kicks.push(ring) })
    const device = new PlainDevice(driver.tx())
    const header = {
      flags: VIRTIO_NET_HDR_F.NEEDS_CSUM,
      gsoType: VIRTIO_NET_HDR_GSO.TCPV4,
      hdrLen: 54,
      gsoSize: 1448,
      csumStart: 34,
      csumOffset: 16,
    }
    for (let i = 0; i < 100; i++) {
      expect(driver.send(FRAME, header, 0, layout)).toBe(true)
      const chain = device.take()!
      expect(chain.readable.length / 2).toBe(count)
      expect(chain.indirect).toBe('indirect' in layout)
      expect(Buffer.from(chain.bytes.subarray(0, 12)).toString('hex')).toBe('01013600a805220010000000')
      expect(Buffer.compare(chain.bytes.subarray(12), FRAME)).toBe(0)
      device.complete([chain.head, 0])
    }
    expect(kicks.length).toBe(100)
    expect(new Set(kicks)).toEqual(new Set([1]))
    driver.reapTx()
    expect(driver.inFlightTx()).toBe(0)
    expect(driver.tx().freeCount).toBe(16)
    driver.memory.close()
  })

  test('send returns false when the ring is full and goes on after completions', () => {
    const driver = driverWith(MODERN)
    const device = new PlainDevice(driver.tx())
    for (let i = 0; i < 16; i++) expect(driver.send(FRAME)).toBe(true)
    expect(driver.send(FRAME)).toBe(false)
    device.complete([device.take()!.head, 0])
    expect(driver.send(FRAME)).toBe(true)
    expect(driver.inFlightTx()).toBe(16)
    driver.memory.close()
  })

  test('sendPrepared repeats its frames in order and never overtakes the device', () => {
    const driver = driverWith(MODERN, { queuePairs: 2, ringSize: 8, txRingSize: 16 })
    expect(driver.rings.map(({ size }) => size)).toEqual([8, 16, 8, 16])
    const frames = [0, 1, 2].map((i) => new Uint8Array(64).fill(i + 1))
    driver.prepareTx(frames, 1)
    const device = new PlainDevice(driver.tx(1))
    let sent = 0
    for (let round = 0; round < 5000; round++) {
      sent += driver.sendPrepared((round % 20) + 1, 1)
      expect(driver.inFlightTx(1)).toBeLessThanOrEqual(16)
      for (let chain = device.take(); chain; chain = device.take()) {
        if (chain.bytes.length !== 76 || chain.bytes[75] !== (chain.head % 3) + 1)
          throw new Error(`frame ${chain.head} is damaged`)
        device.complete([chain.head, 0])
      }
    }
    expect(sent).toBeGreaterThan(0x10000 / 2)
    expect(driver.sendPrepared(100, 1)).toBe(16)
    expect(driver.sendPrepared(1, 1)).toBe(0)
    expect(driver.reapTx(1)).toBe(0)
    expect(driver.inFlightTx(1)).toBe(16)
    driver.memory.close()
  })

  test.each([
    ['a descriptor for the header', { separateHeader: true }, 8, 2],
    ['three descriptors, of which a power of two fits', { separateHeader: true, descriptors: 2 }, 4, 3],
    ['an indirect table', { separateHeader: true, descriptors: 17, indirect: true }, 16, 18],
  ])('sendPrepared repeats its frames in order when each lies in %s', (_, layout, chains, descriptors) => {
    const driver = driverWith(MODERN)
    const frames = [1, 2, 3, 4].map((fill) => new Uint8Array(170).fill(fill))
    driver.prepareTx(frames, 0, layout)
    const device = new PlainDevice(driver.tx())
    expect(driver.sendPrepared(100)).toBe(chains)
    for (let sent = 0; sent < 3 * chains; sent++) {
      const chain = device.take()!
      expect(chain.readable.length / 2).toBe(descriptors)
      expect(chain.bytes).toEqual(Uint8Array.of(...new Uint8Array(12), ...frames[sent % 4]!))
      device.complete([chain.head, 0])
      expect(driver.sendPrepared(2)).toBe(1)
    }
    driver.memory.close()
  })
})

describe('NetDriver receive (virtio 1.3, 5.1.6.4)', () => {
  test.each([10, 12])('receive returns frame and header (header of %i bytes)', (headerBytes) => {
    const driver = driverWith(headerBytes === 12 ? MODERN : 0n)
    expect(driver.headerBytes).toBe(headerBytes)
    driver.fillRx(1526)
    const device = new PlainDevice(driver.rx())
    for (let i = 0; i < 50; i++) {
      const chain = device.take()!
      const bytes = withHeader(FRAME.subarray(i), 1, headerBytes)
      bytes[0] = VIRTIO_NET_HDR_F.DATA_VALID
      device.fill(chain, bytes)
      device.complete([chain.head, bytes.length])
      const received = driver.receive()!
      expect(received.header).toMatchObject({ flags: VIRTIO_NET_HDR_F.DATA_VALID, numBuffers: 1 })
      expect(Buffer.compare(received.frame, FRAME.subarray(i))).toBe(0)
    }
    expect(driver.receive()).toBeUndefined()
    expect(driver.rxMalformed).toBe(0)
    driver.memory.close()
  })

  test('receive joins mergeable buffers and posts them again', () => {
    const driver = driverWith(MODERN | VIRTIO_NET_F.MRG_RXBUF)
    driver.fillRx(512)
    const device = new PlainDevice(driver.rx())
    for (let i = 0; i < 40; i++) {
      const bytes = withHeader(FRAME, 3)
      const entries: [number, number][] = []
      for (let at = 0; at < bytes.length; at += 512) {
        const chain = device.take()!
        const part = bytes.subarray(at, at + 512)
        device.fill(chain, part)
        entries.push([chain.head, part.length])
      }
      expect(entries.length).toBe(3)
      device.complete(...entries)
      expect(Buffer.compare(driver.receive()!.frame, FRAME)).toBe(0)
    }
    expect(driver.rxMalformed).toBe(0)
    driver.memory.close()
  })

  test('receive takes a frame of 64 KB from a chain of descriptors', () => {
    const driver = driverWith(MODERN)
    driver.fillRx(65562, 0, 4)
    const device = new PlainDevice(driver.rx())
    const frame = Uint8Array.from({ length: 65550 }, (_, i) => i % 251)
    const chain = device.take()!
    expect(chain.writable.length).toBe(8)
    device.fill(chain, withHeader(frame, 1))
    device.complete([chain.head, frame.length + 12])
    expect(Buffer.compare(driver.receive()!.frame, frame)).toBe(0)
    driver.memory.close()
  })

  test('receive counts broken deliveries: too short, too long, missing buffers, no buffers', () => {
    const driver = driverWith(MODERN | VIRTIO_NET_F.MRG_RXBUF)
    driver.fillRx(512)
    const device = new PlainDevice(driver.rx())
    for (const [buffers, length] of [
      [1, 11],
      [1, 513],
      [2, 100],
      [0, 100],
    ] as const) {
      const chain = device.take()!
      device.fill(chain, withHeader(new Uint8Array(64), buffers))
      device.complete([chain.head, length])
      expect(driver.receive()).toBeUndefined()
    }
    expect(driver.rxMalformed).toBe(4)
    driver.memory.close()
  })

  test('drainRx counts frames, bytes and touches them', () => {
    const driver = driverWith(MODERN | VIRTIO_NET_F.MRG_RXBUF | VIRTIO_F.EVENT_IDX)
    driver.fillRx(1024)
    const device = new PlainDevice(driver.rx())
    const deliver = (rounds: number): void => {
      for (let i = 0; i < rounds; i++) {
        const [one, two, three] = [device.take()!, device.take()!, device.take()!]
        device.fill(one, withHeader(new Uint8Array(64).fill(1), 1))
        device.fill(two, withHeader(FRAME.subarray(0, 1012), 2))
        device.fill(three, FRAME.subarray(1012))
        device.complete([one.head, 76], [two.head, 1024], [three.head, 502])
      }
    }
    deliver(5)
    expect(driver.drainRx(false, 0, 1)).toBe(1)
    expect(driver.rxBytes).toBe(64)
    // A limit that falls between the buffers of a frame is stretched to its end.
    expect(driver.drainRx(false, 0, 1)).toBe(1)
    expect(driver.rxBytes).toBe(64 + 1514)
    expect(driver.rxTouched).toBe(0)
    expect(driver.drainRx(true)).toBe(8)
    expect(driver.rxTouched).not.toBe(0)
    deliver(5)
    expect(driver.drainRx(true)).toBe(10)
    expect([driver.rxFrames, driver.rxBytes, driver.rxMalformed]).toEqual([20, 10 * (64 + 1514), 0])
    driver.memory.close()
  })
})

describe('NetDriver control (virtio 1.3, 5.1.6.5)', () => {
  test('sendControl and takeControlAck carry one command at a time', () => {
    const driver = driverWith(MODERN | VIRTIO_NET_F.CTRL_VQ, { queuePairs: 2 })
    expect(driver.controlIndex).toBe(4)
    const device = new PlainDevice(driver.rings[4]!)
    for (const ack of [VIRTIO_NET_OK, VIRTIO_NET_ERR]) {
      const pairs = Uint8Array.of(2, 0)
      expect(driver.sendControl(VIRTIO_NET_CTRL.MQ, VIRTIO_NET_CTRL_MQ.VQ_PAIRS_SET, pairs)).toBe(true)
      expect(driver.sendControl(VIRTIO_NET_CTRL.RX, 0, pairs)).toBe(false)
      expect(driver.takeControlAck()).toBeUndefined()
      const chain = device.take()!
      expect([...chain.bytes]).toEqual([4, 0, 2, 0])
      device.fill(chain, Uint8Array.of(ack))
      device.complete([chain.head, 1])
      expect(driver.takeControlAck()).toBe(ack)
    }
    driver.memory.close()
  })
})

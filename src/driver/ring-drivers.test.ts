import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  needEvent,
  VIRTIO_F,
  VIRTIO_NET_CTRL,
  VIRTIO_NET_CTRL_MQ,
  VIRTIO_NET_ERR,
  VIRTIO_NET_F,
  VIRTIO_NET_HDR_F,
  VIRTIO_NET_HDR_GSO,
  VIRTIO_NET_OK,
  VIRTQ_DESC_F,
} from '../virtio/virtio.js'
import { GuestMemory } from './guest-memory.js'
import { NetDriver } from './net-driver.js'
import { SplitRing } from './split-ring.js'

interface Chain {
  head: number
  indirect: boolean
  readable: number[]
  writable: number[]
  /** Bytes of the readable buffers, joined. */
  bytes: Uint8Array
}

/** The device's side of a split ring, written down from the text of the specification. */
class PlainDevice {
  nextAvail: number
  #usedIdx: number
  calls = 0
  readonly ring: SplitRing
  readonly memory: GuestMemory
  constructor(ring: SplitRing) {
    this.ring = ring
    this.memory = ring.memory
    this.nextAvail = this.#u16(ring.used + 2)
    this.#usedIdx = this.nextAvail
  }
  #u16(gpa: number): number {
    return this.memory.data.getUint16(this.memory.offsetOf(gpa), true)
  }
  #set16(gpa: number, value: number): void {
    this.memory.data.setUint16(this.memory.offsetOf(gpa), value, true)
  }
  take(): Chain | undefined {
    const { ring, memory } = this
    if (this.nextAvail === this.#u16(ring.avail + 2)) return undefined
    const head = this.#u16(ring.avail + 4 + (this.nextAvail % ring.size) * 2)
    this.nextAvail = (this.nextAvail + 1) & 0xffff
    const chain: Chain = { head, indirect: false, readable: [], writable: [], bytes: new Uint8Array(0) }
    let table = ring.desc
    let index = head
    for (;;) {
      const at = memory.offsetOf(table + index * 16)
      const gpa = Number(memory.data.getBigUint64(at, true))
      const length = memory.data.getUint32(at + 8, true)
      const flags = memory.data.getUint16(at + 12, true)
      if ((flags & VIRTQ_DESC_F.INDIRECT) !== 0) {
        expect(flags).toBe(VIRTQ_DESC_F.INDIRECT)
        chain.indirect = true
        table = gpa
        index = 0
        continue
      }
      const writable = (flags & VIRTQ_DESC_F.WRITE) !== 0
      if (!writable) expect(chain.writable).toEqual([])
      chain[writable ? 'writable' : 'readable'].push(gpa, length)
      if ((flags & VIRTQ_DESC_F.NEXT) === 0) break
      index = memory.data.getUint16(at + 14, true)
    }
    const parts: Uint8Array[] = []
    for (let i = 0; i < chain.readable.length; i += 2) {
      const at = memory.offsetOf(chain.readable[i]!)
      parts.push(memory.u8.slice(at, at + chain.readable[i + 1]!))
    }
    chain.bytes = new Uint8Array(Buffer.concat(parts))
    return chain
  }
  /** Writes bytes into the writable buffers of a chain. */
  fill(chain: Chain, bytes: Uint8Array): void {
    let done = 0
    for (let i = 0; i < chain.writable.length && done < bytes.length; i += 2) {
      const part = bytes.subarray(done, done + chain.writable[i + 1]!)
      this.memory.u8.set(part, this.memory.offsetOf(chain.writable[i]!))
      done += part.length
    }
    expect(done).toBe(bytes.length)
  }
  /** Publishes used entries together and calls when the driver wants it. */
  complete(...entries: [id: number, length: number][]): void {
    const old = this.#usedIdx
    for (const [id, length] of entries) {
      const at = this.memory.offsetOf(this.ring.used + 4 + (this.#usedIdx % this.ring.size) * 8)
      this.memory.data.setUint32(at, id, true)
      this.memory.data.setUint32(at + 4, length, true)
      this.#usedIdx = (this.#usedIdx + 1) & 0xffff
    }
    this.#set16(this.ring.used + 2, this.#usedIdx)
    const wanted = this.ring.eventIdx
      ? needEvent(this.#u16(this.ring.avail + 4 + this.ring.size * 2), this.#usedIdx, old)
      : this.#u16(this.ring.avail) === 0
    if (wanted) this.calls++
  }
  suppressKicks(on: boolean): void {
    if (this.ring.eventIdx)
      this.#set16(
        this.ring.used + 4 + this.ring.size * 8,
        on ? (this.nextAvail - 1) & 0xffff : this.nextAvail,
      )
    else this.#set16(this.ring.used, on ? 1 : 0)
  }
}

function makeRing(
  size: number,
  options = {},
  start = 0,
): { ring: SplitRing; device: PlainDevice; at: number } {
  const memory = new GuestMemory(1 << 20)
  const ring = new SplitRing(memory, size, options)
  ring.resetIndices(start)
  return { ring, device: new PlainDevice(ring), at: memory.allocate(65536) }
}

describe('GuestMemory', () => {
  test('offsetOf finds both regions and the hole between them', () => {
    const memory = new GuestMemory([
      { guestAddress: 4096, sizeBytes: 8192 },
      { guestAddress: 2 ** 32, sizeBytes: 4096 },
    ])
    expect(
      [0, 4096, 12287, 12288, 2 ** 32, 2 ** 32 + 4095, 2 ** 32 + 4096].map((gpa) => memory.offsetOf(gpa)),
    ).toEqual([-1, 0, 8191, -1, 8192, 12287, -1])
    expect(memory.userAddressOf(2 ** 32)).toBe(memory.regions[1]!.userAddress)
    expect(() => memory.userAddressOf(0)).toThrow(RangeError)
    expect([memory.allocate(8192), memory.allocate(8, 64), memory.allocate(8, 64)]).toEqual([
      4096,
      2 ** 32,
      2 ** 32 + 64,
    ])
    expect(() => memory.allocate(4096)).toThrow(/no room/)
    memory.close()
  })

  test('two mappings of one file see the same bytes', () => {
    const memory = new GuestMemory(8192)
    const { fd } = memory.regions[0]!
    const other = new GuestMemory([{ guestAddress: 0, sizeBytes: 4096, fd, fileOffset: 4096 }])
    memory.u32[1024] = 0xdecafbad
    expect(other.u32[0]).toBe(0xdecafbad)
    other.u16[1] = 7
    expect(memory.u32[1024]).toBe(0x0007fbad)
    other.close()
    memory.close()
  })
})

describe('SplitRing (virtio 1.3, 2.7)', () => {
  test('every chain arrives as added, across the wrap of the u16 indices, in any order of completion', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 8, 64),
        fc.integer({ min: 0xff00, max: 0xffff }),
        fc.array(
          fc.record({
            lengths: fc.array(fc.integer({ min: 1, max: 4096 }), { minLength: 1, maxLength: 5 }),
            writable: fc.nat(5),
            indirect: fc.boolean(),
            complete: fc.nat(3),
          }),
          { maxLength: 300 },
        ),
        (size, start, steps) => {
          const { ring, device, at } = makeRing(size, { indirectEntries: 8 }, start)
          const held: Chain[] = []
          for (const { lengths, writable, indirect, complete } of steps) {
            const flat = lengths.flatMap((length, i) => [at + i * 4096, length])
            const split = Math.min(writable, lengths.length) * 2
            const free = ring.freeCount
            const head = ring.add(flat.slice(split), flat.slice(0, split), indirect)
            const needed = indirect ? 1 : lengths.length
            expect(head >= 0).toBe(needed <= free)
            expect(ring.freeCount).toBe(head >= 0 ? free - needed : free)
            ring.publish()
            const chain = device.take()
            if (head >= 0) {
              expect(chain).toMatchObject({
                head,
                indirect,
                readable: flat.slice(split),
                writable: flat.slice(0, split),
              })
              held.push(chain!)
            } else expect(chain).toBeUndefined()
            for (let i = 0; i < complete && held.length > 0; i++) {
              const [done] = held.splice(i % held.length, 1)
              device.complete([done!.head, i])
              expect(ring.takeUsed()).toBe(done!.head)
              expect(ring.usedLength).toBe(i)
              ring.release(done!.head)
            }
            expect(ring.takeUsed()).toBe(-1)
          }
          for (const chain of held) device.complete([chain.head, 0])
          for (const chain of held) {
            expect(ring.takeUsed()).toBe(chain.head)
            ring.release(chain.head)
          }
          expect(ring.freeCount).toBe(size)
          expect(ring.invalidUsed).toBe(0)
          ring.memory.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  test('commit writes addresses above 4 GB whole, in chains and indirect tables', () => {
    const memory = new GuestMemory([{ guestAddress: 5 * 2 ** 32, sizeBytes: 1 << 20 }])
    const ring = new SplitRing(memory, 8, { indirectEntries: 4 })
    const device = new PlainDevice(ring)
    const at = memory.allocate(4096)
    for (const indirect of [false, true]) {
      ring.add([at, 1, at + 64, 2], [at + 128, 3], indirect)
      ring.publish()
      expect(device.take()).toMatchObject({
        indirect,
        readable: [at, 1, at + 64, 2],
        writable: [at + 128, 3],
      })
    }
    memory.close()
  })

  test('post gives a chain back unchanged', () => {
    const { ring, device, at } = makeRing(4)
    const head = ring.addOne(at, 100, true)
    for (let i = 0; i < 10; i++) {
      ring.publish()
      expect(device.take()).toMatchObject({ head, writable: [at, 100] })
      device.complete([head, 60])
      expect(ring.takeUsed()).toBe(head)
      ring.post(head)
    }
    expect(ring.freeCount).toBe(3)
    ring.memory.close()
  })

  test('takeUsed counts and skips entries that name no chain in flight', () => {
    const { ring, device, at } = makeRing(4)
    const head = ring.addOne(at, 1, false)
    ring.publish()
    device.complete([4, 0], [0xffffffff, 0], [(head + 1) % 4, 0], [head, 9], [head, 9])
    expect(ring.takeUsed()).toBe(head)
    expect(ring.takeUsed()).toBe(-1)
    expect(ring.invalidUsed).toBe(4)
    ring.release(head)
    expect(() => ring.release(head)).toThrow(RangeError)
    ring.memory.close()
  })

  test.each([false, true])('needsKick follows what the device asks for (event index: %s)', (eventIdx) => {
    const { ring, device, at } = makeRing(8, { eventIdx }, 0xfffe)
    device.suppressKicks(false)
    expect(ring.needsKick()).toBe(false)
    for (let i = 0; i < 4; i++) {
      ring.addOne(at, 1, false)
      expect(device.take()).toBeUndefined()
      ring.publish()
      expect(ring.needsKick()).toBe(true)
      expect(ring.needsKick()).toBe(false)
      device.take()
      device.suppressKicks(i === 3)
    }
    ring.addOne(at, 1, false)
    ring.publish()
    expect(ring.needsKick()).toBe(false)
    ring.memory.close()
  })

  test.each([
    false,
    true,
  ])('armCalls asks for one call and tells of what came before (event index: %s)', (eventIdx) => {
    const { ring, device, at } = makeRing(8, { eventIdx }, 0xfffe)
    const heads = Array.from({ length: 8 }, () => ring.addOne(at, 1, false))
    ring.publish()
    ring.disarmCalls()
    device.complete([heads[0]!, 0])
    expect(device.calls).toBe(0)
    expect(ring.armCalls()).toBe(true)
    expect(ring.takeUsed()).toBe(heads[0])
    expect(ring.armCalls()).toBe(false)
    device.complete([heads[1]!, 0], [heads[2]!, 0])
    expect(device.calls).toBe(1)
    ring.takeUsed()
    ring.takeUsed()
    ring.disarmCalls()
    device.complete([heads[3]!, 0])
    expect(device.calls).toBe(1)
    ring.memory.close()
  })
})

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
    const driver = driverWith(MODERN, { queuePairs: 2 })
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

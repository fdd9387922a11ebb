// One test per requirement of virtio 1.3, 2.7 that concerns the device's side of a split ring.
import { afterEach, describe, expect, it } from 'vitest'
import { C_CALLS, C_TX_CALLS, DROP_BAD_CHAIN } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { asTcp, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const MB = 2 ** 20
const NO_EVENT = PLAIN & ~VIRTIO_F.EVENT_IDX

function pair(features = PLAIN, base = 0): { engine: Engine; a: TestGuest; b: TestGuest } {
  const engine = newEngine({ memoryBytes: 128 * MB })
  const a = start(engine, 'a', { features, base })
  const b = start(engine, 'b', { features, base })
  return { engine, a, b }
}

/** Writes one descriptor of the main table or of a table at a guest address. */
function describeBuffer(
  guest: TestGuest,
  table: number,
  index: number,
  address: number,
  bytes: number,
  flags = 0,
  next = 0,
): void {
  const { data } = guest.memory
  data.setBigUint64(table + index * 16, BigInt(address), true)
  data.setUint32(table + index * 16 + 8, bytes, true)
  data.setUint16(table + index * 16 + 12, flags, true)
  data.setUint16(table + index * 16 + 14, next, true)
}

/** Makes chains available by their heads, past the driver. */
function offer(guest: TestGuest, ring: number, ...heads: number[]): void {
  const { avail, size } = guest.driver.rings[ring] as TestGuest['driver']['rings'][0]
  const { data } = guest.memory
  const idx = data.getUint16(avail + 2, true)
  for (const [i, head] of heads.entries()) data.setUint16(avail + 4 + ((idx + i) % size) * 2, head, true)
  data.setUint16(avail + 2, (idx + heads.length) & 0xffff, true)
}

/** A packet (zero header, then a frame) in guest memory. */
function place(guest: TestGuest, at: number, data: Uint8Array): number {
  guest.memory.u8.fill(0, at, at + 12)
  guest.memory.u8.set(data, at + 12)
  return 12 + data.length
}

function usedOf(guest: TestGuest, ring: number) {
  const { used, size } = guest.driver.rings[ring] as TestGuest['driver']['rings'][0]
  const { data } = guest.memory
  return {
    flags: data.getUint16(used, true),
    idx: data.getUint16(used + 2, true),
    entry: (i: number) => [
      data.getUint32(used + 4 + (i % size) * 8, true),
      data.getUint32(used + 8 + (i % size) * 8, true),
    ],
    event: data.getUint16(used + 4 + size * 8, true),
  }
}

describe('2.7 split rings', () => {
  it('2.7 device works with every ring size from 1 to 32768', () => {
    for (const ringSize of [1, 2, 1024, 32768]) {
      const engine = newEngine({ memoryBytes: 512 * MB })
      const options = {
        ringSize,
        memory: 192 * MB,
        features: NO_EVENT & ~VIRTIO_F.INDIRECT_DESC,
        txSlotBytes: 128,
      }
      const a = start(engine, 'a', options)
      const b = start(engine, 'b', options)
      for (let round = 0; round < 3; round++) {
        a.driver.send(broadcast(1, 60 + round))
        engine.step()
        expect(b.driver.receive()?.frame).toEqual(broadcast(1, 60 + round))
      }
      stopGuests()
      cleanUp()
    }
  })

  it('2.7.4.1 device assumes nothing about how a packet is cut into descriptors', () => {
    const { engine, a, b } = pair()
    const data = frame(9, 1, 50)
    const bytes = place(a, 8 * MB, data)
    for (let i = 0; i < bytes; i++)
      describeBuffer(a, a.driver.tx().desc, i, 8 * MB + i, 1, i < bytes - 1 ? 1 : 0, i + 1)
    offer(a, 1, 0)
    engine.step()
    expect(b.driver.receive()?.frame).toEqual(data)
  })

  it('2.7.5.1 device never writes to a readable buffer', () => {
    const { engine, a, b } = pair()
    a.driver.enqueue(broadcast(1, 700))
    const before = a.memory.u8.slice()
    const { used, size } = a.driver.tx()
    a.driver.publish(1)
    engine.step()
    const after = a.memory.u8.slice()
    for (const copy of [before, after]) {
      copy.fill(0, used, used + 6 + size * 8)
      copy.fill(0, a.driver.tx().avail, a.driver.tx().avail + 4)
      for (const ring of a.driver.rings) copy.fill(0, ring.used + 4 + size * 8, ring.used + 6 + size * 8)
    }
    expect(Buffer.compare(after, before)).toBe(0)
    expect(b.driver.receive()).toBeDefined()
  })

  it('2.7.5.1 device does not read a writable buffer of a transmit chain', () => {
    const { engine, a, b } = pair()
    const bytes = place(a, 8 * MB, broadcast(1))
    describeBuffer(a, a.driver.tx().desc, 0, 8 * MB, bytes, 2)
    offer(a, 1, 0)
    engine.step()
    expect(b.driver.receive()).toBeUndefined()
    expect(dropped(engine, 0, DROP_BAD_CHAIN)).toBe(1)
    expect(usedOf(a, 1).entry(0)).toEqual([0, 0])
  })

  it('2.7.5.2 device survives a descriptor loop and gives its chain back', () => {
    const { engine, a, b } = pair()
    const bytes = place(a, 8 * MB, broadcast(1))
    const { desc } = a.driver.tx()
    describeBuffer(a, desc, 0, 8 * MB, 12, 1, 1)
    describeBuffer(a, desc, 1, 8 * MB + 12, 10, 1, 0)
    describeBuffer(a, desc, 2, 8 * MB, bytes)
    offer(a, 1, 0, 2)
    engine.step()
    expect(dropped(engine, 0, DROP_BAD_CHAIN)).toBe(1)
    expect(usedOf(a, 1).idx).toBe(2)
    expect(b.driver.receive()?.frame).toEqual(broadcast(1))
  })

  it('2.7.5.3.1 device refuses an indirect table that was not negotiated, that is nested or that is chained on', () => {
    const refused = (features: bigint, spoil: (a: TestGuest) => void): void => {
      const { engine, a, b } = pair(features)
      const bytes = place(a, 8 * MB, broadcast(1))
      describeBuffer(a, 9 * MB, 0, 8 * MB, bytes)
      describeBuffer(a, a.driver.tx().desc, 0, 9 * MB, 16, 4)
      spoil(a)
      offer(a, 1, 0)
      engine.step()
      expect(b.driver.receive()).toBeUndefined()
      expect(dropped(engine, 0, DROP_BAD_CHAIN)).toBe(1)
      expect(usedOf(a, 1).idx).toBe(1)
    }
    refused(PLAIN & ~VIRTIO_F.INDIRECT_DESC, () => {})
    refused(PLAIN, (a) => describeBuffer(a, 9 * MB, 0, 9 * MB, 16, 4))
    refused(PLAIN, (a) => describeBuffer(a, a.driver.tx().desc, 0, 9 * MB, 16, 4 | 1, 1))
    refused(PLAIN, (a) => describeBuffer(a, a.driver.tx().desc, 0, 9 * MB, 17, 4))
    refused(PLAIN, (a) => describeBuffer(a, a.driver.tx().desc, 0, 9 * MB, 0, 4))
  })

  it('2.7.5.3.2 device ignores the write flag of the descriptor that refers to an indirect table', () => {
    const { engine, a, b } = pair()
    const bytes = place(a, 8 * MB, broadcast(1))
    describeBuffer(a, 9 * MB, 0, 8 * MB, bytes)
    describeBuffer(a, a.driver.tx().desc, 0, 9 * MB, 16, 4 | 2)
    offer(a, 1, 0)
    engine.step()
    expect(b.driver.receive()?.frame).toEqual(broadcast(1))
  })

  it('2.7.5.3.2 device takes direct descriptors that end in an indirect table', () => {
    for (const direct of [0, 1, 3]) {
      const { engine, a, b } = pair()
      const data = frame(9, 1, 90, direct)
      const bytes = place(a, 8 * MB, data)
      const { desc } = a.driver.tx()
      for (let i = 0; i < direct; i++) describeBuffer(a, desc, i, 8 * MB + i * 7, 7, 1, i + 1)
      describeBuffer(a, desc, direct, 9 * MB, 32, 4)
      describeBuffer(a, 9 * MB, 0, 8 * MB + direct * 7, 20, 1, 1)
      describeBuffer(a, 9 * MB, 1, 8 * MB + direct * 7 + 20, bytes - direct * 7 - 20)
      offer(a, 1, 0)
      engine.step()
      expect(b.driver.receive()?.frame).toEqual(data)
      stopGuests()
      cleanUp()
    }
  })

  it('2.7.6 device reads the available ring and never writes it', () => {
    const { engine, a, b } = pair(NO_EVENT)
    for (let i = 0; i < 100; i++) {
      a.driver.send(broadcast(1))
      const rings = [a.driver.tx(), b.driver.rx()].map((ring, at) => ({ ring, memory: [a, b][at]?.memory }))
      const before = rings.map(({ ring, memory }) =>
        memory?.u8.slice(ring.avail, ring.avail + 6 + ring.size * 2),
      )
      engine.step()
      const after = rings.map(({ ring, memory }) =>
        memory?.u8.slice(ring.avail, ring.avail + 6 + ring.size * 2),
      )
      expect(after).toEqual(before)
      b.driver.receive()
    }
  })
})

describe('2.7.7 calls', () => {
  it('2.7.7.2 without EVENT_IDX device ignores used_event', () => {
    const { engine, a, b } = pair(NO_EVENT)
    const { avail, size } = b.driver.rx()
    b.memory.data.setUint16(avail + 4 + size * 2, 0x7000, true)
    a.driver.send(broadcast(1))
    engine.step()
    expect(counter(engine, 1, C_CALLS)).toBe(1)
  })

  it('2.7.7.2 without EVENT_IDX device calls when the flag is 0 and stays silent when it is 1', () => {
    const { engine, a, b } = pair(NO_EVENT)
    const calls = (): number[] => [counter(engine, 1, C_CALLS), counter(engine, 0, C_TX_CALLS)]
    a.driver.send(broadcast(1))
    engine.step()
    expect(calls()).toEqual([1, 1])
    b.driver.rx().disarmCalls()
    a.driver.tx().disarmCalls()
    for (let i = 0; i < 5; i++) {
      a.driver.send(broadcast(1))
      engine.step()
    }
    expect(calls()).toEqual([1, 1])
    b.driver.rx().armCalls()
    a.driver.send(broadcast(1))
    engine.step()
    expect(calls()).toEqual([2, 1])
  })

  it('2.7.7.2 with EVENT_IDX device ignores the flag', () => {
    const { engine, a, b } = pair()
    b.memory.data.setUint16(b.driver.rx().avail, 1, true)
    b.driver.rx().armCalls()
    a.driver.send(broadcast(1))
    engine.step()
    expect(counter(engine, 1, C_CALLS)).toBe(1)
  })

  it('2.7.7.2 with EVENT_IDX device calls exactly when it writes the entry that used_event names', () => {
    for (const base of [0, 65533]) {
      const { engine, a, b } = pair(PLAIN, base)
      const { avail, size } = b.driver.rx()
      for (let i = 0; i < 12; i++) {
        const wanted = i % 3 === 0
        const event = (base + i + (wanted ? 0 : 1 + (i % 3))) & 0xffff
        b.memory.data.setUint16(avail + 4 + size * 2, event, true)
        const before = counter(engine, 1, C_CALLS)
        a.driver.send(broadcast(1))
        engine.step()
        expect(counter(engine, 1, C_CALLS) - before).toBe(wanted ? 1 : 0)
      }
      // A batch that passes the entry calls once.
      const before = counter(engine, 1, C_CALLS)
      b.memory.data.setUint16(avail + 4 + size * 2, (base + 12 + 3) & 0xffff, true)
      for (let i = 0; i < 8; i++) a.driver.enqueue(broadcast(1))
      a.driver.publish(1)
      engine.step()
      expect(counter(engine, 1, C_CALLS) - before).toBe(1)
      stopGuests()
      cleanUp()
    }
  })
})

describe('2.7.8 used ring', () => {
  it('2.7.8 device names the head of the chain and the bytes written into it', () => {
    const { engine, a, b } = pair()
    a.driver.send(frame(9, 1, 333), {}, 0, { descriptors: 3 })
    engine.step()
    expect(usedOf(a, 1).entry(0)).toEqual([0, 0])
    const first = b.memory.data.getUint16(b.driver.rx().avail + 4, true)
    expect(usedOf(b, 0).entry(0)).toEqual([first, 12 + 333])
  })

  it('2.7.8.2 device has written length and contents of everything that the index covers', () => {
    const { engine, a, b } = pair(PLAIN, 65500)
    for (let round = 0; round < 200; round++) {
      const bytes = 14 + ((round * 37) % 1900)
      a.driver.send(frame(9, 1, bytes, round))
      engine.step()
      a.driver.reapTx()
      const { idx, entry } = usedOf(b, 0)
      expect(idx).toBe((65500 + round + 1) & 0xffff)
      expect(entry(idx - 1 + 65536)[1]).toBe(12 + bytes)
      const got = b.driver.receive()
      expect(got && Buffer.compare(got.frame, frame(9, 1, bytes, round))).toBe(0)
    }
  })

  it('2.7.8.2 device writes no byte of a buffer beyond the length it reports', () => {
    const { engine, a, b } = pair()
    const first = b.memory.data.getUint16(b.driver.rx().avail + 4, true)
    const at = Number(b.memory.data.getBigUint64(b.driver.rx().desc + first * 16, true))
    b.memory.u8.fill(0xee, at, at + 2048)
    a.driver.send(frame(9, 1, 61))
    engine.step()
    expect(b.memory.u8.subarray(at + 12 + 61, at + 2048).every((byte) => byte === 0xee)).toBe(true)
  })
})

describe('2.7.10 kicks', () => {
  it('2.7.10.2 without EVENT_IDX the flags of the used ring are 0 or 1: 0 asleep, 1 awake', () => {
    const { engine, a } = pair(NO_EVENT)
    for (let i = 0; i < 20; i++) {
      if (i % 3 === 0) a.driver.send(broadcast(1))
      engine.step()
      expect([0, 1]).toContain(usedOf(a, 1).flags)
    }
  })

  it('2.7.10.2 with EVENT_IDX the flags of the used ring stay 0', () => {
    const { engine, a, b } = pair()
    for (let i = 0; i < 20; i++) {
      if (i % 3 === 0) a.driver.send(broadcast(1))
      engine.step()
      for (const guest of [a, b]) for (const ring of [0, 1]) expect(usedOf(guest, ring).flags).toBe(0)
    }
  })

  it('2.7.10.2 with EVENT_IDX device asks for the next chain before it sleeps, and none it already has', () => {
    const { engine, a } = pair(PLAIN, 65530)
    for (let i = 0; i < 20; i++) {
      a.driver.send(broadcast(1))
      engine.step()
      engine.step()
      expect(usedOf(a, 1).event).toBe((65530 + i + 1) & 0xffff)
      a.driver.reapTx()
    }
  })

  it('2.7.10.2 device takes kicks without work in its stride', () => {
    const { engine, a, b } = pair()
    for (let i = 0; i < 50; i++) {
      a.driver.kick(i & 1)
      engine.step()
    }
    a.driver.send(broadcast(1))
    engine.step()
    expect(b.driver.receive()?.frame).toEqual(broadcast(1))
    expect(b.driver.receive()).toBeUndefined()
  })
})

describe('2.7.13 supplying buffers', () => {
  it('2.7.13.3.1 device never takes chains beyond the available index', () => {
    for (const base of [0, 7, 40_000]) {
      const { engine, a, b } = pair(PLAIN, base)
      // Heads of old chains lie in every slot of both rings; only what the index covers counts.
      for (let i = 0; i < 64; i++) a.memory.data.setUint16(a.driver.tx().avail + 4 + i * 2, 63, true)
      const bytes = place(a, 8 * MB, broadcast(1))
      describeBuffer(a, a.driver.tx().desc, 63, 8 * MB, bytes)
      engine.step()
      expect(usedOf(a, 1).idx).toBe(base)
      expect(b.driver.receive()).toBeUndefined()
      stopGuests()
      cleanUp()
    }
  })

  it('2.7.13.3.1 device uses no receive buffer that was not made available, wherever the indices start', () => {
    for (const base of [0, 1, 32767, 32768, 65535]) {
      const engine = newEngine({ memoryBytes: 128 * MB })
      const a = start(engine, 'a', { features: PLAIN, base })
      const b = start(engine, 'b', { features: PLAIN, base, bufferBytes: 0 })
      describeBuffer(b, b.driver.rx().desc, 0, 8 * MB, 2048, 2)
      a.driver.send(asTcp(broadcast(1)))
      engine.step()
      expect(usedOf(b, 0).idx).toBe(base)
      offer(b, 0, 0)
      b.driver.kick(0)
      engine.step()
      expect(usedOf(b, 0).idx).toBe((base + 1) & 0xffff)
      stopGuests()
      cleanUp()
    }
  })

  it('2.7.13.3 device follows the index across its wrap at 65536', () => {
    const { engine, a, b } = pair(PLAIN, 65500)
    for (let i = 0; i < 300; i++) {
      expect(a.driver.send(frame(9, 1, 60 + i, i))).toBe(true)
      engine.step()
      expect(b.driver.receive()?.frame).toEqual(frame(9, 1, 60 + i, i))
    }
  })

  it('2.7.13 device detaches a driver whose index claims more than the ring holds, and says why', () => {
    for (const [ring, guest] of [
      [1, 'a'],
      [0, 'b'],
    ] as const) {
      const { engine, a, b } = pair()
      const culprit = guest === 'a' ? a : b
      const { avail } = culprit.driver.rings[ring] as TestGuest['driver']['rings'][0]
      culprit.memory.data.setUint16(avail + 2, 1000, true)
      if (ring === 0) for (let i = 0; i < 64; i++) a.driver.send(broadcast(1))
      engine.step()
      if (ring === 0) a.driver.reapTx()
      if (ring === 0) a.driver.send(broadcast(1))
      engine.step()
      const status = engine.ports[guest === 'a' ? 0 : 1]?.status()
      expect(status).toMatchObject({ state: 'waiting', detachments: 1 })
      expect(status?.reason).toContain(`ring ${ring}: the available index runs ahead`)
      expect(engine.ports[guest === 'a' ? 1 : 0]?.status().state).toBe('up')
      stopGuests()
      cleanUp()
    }
  })

  it('2.7.13.2 device detaches a driver that names a head beyond the ring', () => {
    const { engine, a } = pair()
    offer(a, 1, 64)
    engine.step()
    expect(engine.ports[0]?.status().reason).toContain('ring 1: an available chain starts beyond the ring')
  })
})

describe('2.7.14 completion', () => {
  it('2.7.14 device completes chains in the order in which they were made available', () => {
    const { engine, a } = pair(PLAIN | VIRTIO_NET_F.CSUM)
    const heads = [5, 3, 60, 0, 17]
    for (const head of heads)
      describeBuffer(a, a.driver.tx().desc, head, 8 * MB, place(a, 8 * MB, broadcast(1)))
    offer(a, 1, ...heads)
    engine.step()
    expect(heads.map((_, i) => usedOf(a, 1).entry(i)[0])).toEqual(heads)
  })
})

/*
 * Requirements of 2.7 without a test here:
 *
 *   2.7.1, 2.7.4.2, 2.7.5.3.1, 2.7.6.1, 2.7.7.1, 2.7.8.3, 2.7.10.1, 2.7.13.3.1, 2.7.13.4.1 as far as they bind
 *     the driver: src/driver/split-ring.test.ts; what the device does when they are broken is above
 *   2.7.2, 2.7.3, 2.7.8.1 (legacy layout and byte order): vhost-user gives each part's address; hosts are
 *     little endian
 *   2.7.9 (in-order use): IN_ORDER is not offered; completion in order is tested above
 *   2.7.8.2 and 2.7.13.3.1, order of memory accesses as seen by another core: bench/ runs rings between cores
 *   2.8 (packed rings): RING_PACKED is not offered
 */

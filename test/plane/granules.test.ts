// Guests larger than the linear memory: granules are mapped as they are touched and taken away again.
import { afterEach, describe, expect, it } from 'vitest'
import { C_MISSES, DROP_BAD_ADDRESS, DROP_BAD_CHAIN, GRANULE_BYTES } from '../../src/core/layout.js'
import type { GuestMemory } from '../../src/driver/guest-memory.js'
import type { SplitRing } from '../../src/driver/split-ring.js'
import type { Engine } from '../../src/engine/engine.js'
import { createEventfd } from '../../src/sys/eventfd.js'
import { createMemfd } from '../../src/sys/memory-map.js'
import { closeFd } from '../../src/sys/unix-socket.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { broadcast, cleanUp, counter, dropped, frame, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const MB = 2 ** 20
const GB = 2 ** 30
const HEADER = 12
const RX_BYTES = 2048

/** A guest whose buffers a test places itself: chains of pieces anywhere in its memory. */
class Scattered {
  readonly guest: TestGuest
  readonly memory: GuestMemory
  readonly #posted = new Map<number, number[]>()

  constructor(engine: Engine, name: string, memory: number | { guestAddress: number; sizeBytes: number }[]) {
    this.guest = start(engine, name, { features: PLAIN, memory, bufferBytes: 0, ringSize: 64 })
    this.memory = this.guest.memory
  }
  get rx(): SplitRing {
    return this.guest.driver.rx()
  }
  write(gpa: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = Math.min(bytes.length - at, GRANULE_BYTES - ((gpa + at) % GRANULE_BYTES))
      this.memory.u8.set(bytes.subarray(at, at + part), this.memory.offsetOf(gpa + at))
      at += part
    }
  }
  read(gpa: number, bytes: number): Uint8Array {
    return this.memory.u8.slice(this.memory.offsetOf(gpa), this.memory.offsetOf(gpa) + bytes)
  }
  post(...pieces: number[]): void {
    const head = this.rx.add([], pieces)
    this.#posted.set(head, pieces)
    this.guest.driver.publish(0)
  }
  /** Sends header and frame from pieces [gpa, bytes, ...], which it fills. */
  send(data: Uint8Array, pieces: number[]): void {
    const packet = new Uint8Array(HEADER + data.length)
    packet.set(data, HEADER)
    let at = 0
    for (let i = 0; i < pieces.length; i += 2) {
      this.write(pieces[i] as number, packet.subarray(at, at + (pieces[i + 1] as number)))
      at += pieces[i + 1] as number
    }
    expect(at).toBe(packet.length)
    this.raw(pieces)
  }
  raw(pieces: number[], indirect = false): void {
    expect(this.guest.driver.tx().add(pieces, [], indirect)).toBeGreaterThanOrEqual(0)
    this.guest.driver.publish(1)
  }
  reap(): number {
    let count = 0
    const tx = this.guest.driver.tx()
    for (let head = tx.takeUsed(); head >= 0; head = tx.takeUsed(), count++) tx.release(head)
    return count
  }
  receive(): Uint8Array | undefined {
    const head = this.rx.takeUsed()
    if (head < 0) return undefined
    const pieces = this.#posted.get(head) as number[]
    this.rx.release(head)
    let left = this.rx.usedLength
    const parts: Uint8Array[] = []
    for (let i = 0; i < pieces.length; i += 2) {
      const bytes = Math.min(left, pieces[i + 1] as number)
      parts.push(this.read(pieces[i] as number, bytes))
      left -= bytes
    }
    return new Uint8Array(Buffer.concat(parts)).subarray(HEADER)
  }
}

/** Steps until a frame is there; granules may have to be mapped first. */
function awaitFrame(engine: Engine, guest: Scattered): Uint8Array | undefined {
  for (let tries = 0; tries < 20; tries++) {
    engine.step()
    const got = guest.receive()
    if (got) return got
  }
  return undefined
}

describe('guests larger than the linear memory', () => {
  it('exchange frames byte by byte while granules are evicted', () => {
    const engine = newEngine({ memoryBytes: 48 * MB })
    const a = new Scattered(engine, 'a', GB)
    const b = new Scattered(engine, 'b', GB)
    let random = 12345
    const next = (below: number): number => {
      random = (random * 1103515245 + 12345) % 2 ** 31
      return random % below
    }
    /** Anywhere above the rings, often across the end of a granule; places 0 and 1 never overlap. */
    const place = (which: 0 | 1): number => {
      const granule = (4 + next(120) * 4 + which * 2) * GRANULE_BYTES
      return next(3) === 0 ? granule - 1 - next(400) : granule + next(GRANULE_BYTES - 4096)
    }
    for (let round = 0; round < 600; round++) {
      const [from, to] = round % 2 === 0 ? [a, b] : [b, a]
      const data = frame(round % 2 === 0 ? 2 : 1, round % 2 === 0 ? 1 : 2, 60 + next(1400), round)
      const cut = 1 + next(HEADER + 30)
      to.post(place(0), 500, place(1), RX_BYTES)
      from.send(data, [place(0), cut, place(1), HEADER + data.length - cut])
      const got = awaitFrame(engine, to)
      expect(got && Buffer.compare(got, data)).toBe(0)
      expect(from.reap()).toBe(1)
    }
    expect(engine.pool.evictions).toBeGreaterThan(300)
    const misses = counter(engine, 0, C_MISSES) + counter(engine, 1, C_MISSES)
    expect(misses).toBeGreaterThan(engine.pool.evictions)
    expect(engine.ports.map((port) => port.status().state)).toEqual(['up', 'up'])
  })

  it('leave room for ports and guests that come later', () => {
    const engine = newEngine({ memoryBytes: 32 * MB })
    const a = new Scattered(engine, 'a', GB)
    for (let granule = 2; granule < 60; granule++) {
      a.send(broadcast(1), [granule * GRANULE_BYTES, 72])
      engine.step()
      a.reap()
    }
    const late = ['b', 'c', 'd'].map((name) => new Scattered(engine, name, GB))
    for (const guest of late) guest.post(100 * MB, RX_BYTES)
    a.send(broadcast(1), [300 * MB, 72])
    for (const guest of late) expect(awaitFrame(engine, guest)).toEqual(broadcast(1))
  })

  it.each([0, 1, 2])('cannot starve each other of granules when the greedy one is port %i', (position) => {
    const engine = newEngine({ memoryBytes: 32 * MB })
    const names = ['a', 'b']
    names.splice(position, 0, 'greedy')
    const all = new Map(names.map((name) => [name, new Scattered(engine, name, GB)]))
    const [greedy, a, b] = ['greedy', 'a', 'b'].map((name) => all.get(name)) as [
      Scattered,
      Scattered,
      Scattered,
    ]
    // One frame of 60 pieces in 60 granules: more than the linear memory can hold at once.
    const pieces: number[] = []
    for (let i = 0; i < 60; i++) pieces.push((10 + i * 3) * GRANULE_BYTES, 2)
    greedy.raw(pieces)
    for (let round = 0; round < 30; round++) {
      const at = (20 + round * 7) * GRANULE_BYTES - 30
      b.post(at + 4 * GRANULE_BYTES, RX_BYTES)
      const data = frame(2, 1, 200, round)
      a.send(data, [at, HEADER + data.length])
      const got = awaitFrame(engine, b)
      expect(got && Buffer.compare(got, data)).toBe(0)
      a.reap()
    }
  })
})

describe('guest addresses', () => {
  it.each([
    ['whole', 128 * MB],
    ['granule by granule', 32 * MB],
  ])('in holes and beyond memory are refused and counted when the guest is mapped %s', (_, memoryBytes) => {
    const engine = newEngine({ memoryBytes })
    const regions = [
      { guestAddress: 0, sizeBytes: 8 * MB },
      { guestAddress: 16 * MB, sizeBytes: 4 * MB + 8192 },
      { guestAddress: 4 * GB, sizeBytes: 8 * MB },
    ]
    const a = new Scattered(engine, 'a', regions)
    const b = new Scattered(engine, 'b', 16 * MB)
    const bad = [
      8 * MB, // first byte of a hole
      8 * MB - 30, // begins in memory, ends in the hole
      16 * MB - 30, // begins in the hole, ends in memory
      20 * MB + 8192 - 71, // one byte beyond
      20 * MB + 8192,
      2 * GB,
      4 * GB - 1,
      4 * GB + 8 * MB - 71,
      4 * GB + 8 * MB,
      2 ** 45,
    ]
    const before = Buffer.from(b.memory.u8)
    for (const address of bad) {
      a.raw([address, 72])
      for (let tries = 0; tries < 4; tries++) engine.step()
      expect(a.reap()).toBe(1)
    }
    expect(dropped(engine, 0, DROP_BAD_ADDRESS)).toBe(bad.length)
    expect(Buffer.compare(b.memory.u8, before)).toBe(0)
    const good = [20 * MB + 8192 - 72, 4 * GB + 8 * MB - 72, 8 * MB - 72, 16 * MB]
    for (const [count, address] of good.entries()) {
      b.post(5 * MB + count * 4096, RX_BYTES)
      const data = frame(9, 1, 60, count)
      a.send(data, [address, 72])
      expect(awaitFrame(engine, b)).toEqual(data)
      a.reap()
    }
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'up', detachments: 0 })
  })

  it('of an indirect table may cross the end of a granule between entries', () => {
    for (const memoryBytes of [128 * MB, 32 * MB]) {
      const engine = newEngine({ memoryBytes })
      const a = new Scattered(engine, `a${memoryBytes}`, 64 * MB)
      const b = new Scattered(engine, `b${memoryBytes}`, 64 * MB)
      b.post(30 * MB, RX_BYTES)
      const data = frame(9, 1, 60)
      const packet = new Uint8Array(72)
      packet.set(data, HEADER)
      const table = 16 * MB - 16
      a.write(20 * MB, packet)
      for (let i = 0; i < 3; i++) {
        const entry = new Uint8Array(16)
        const view = new DataView(entry.buffer)
        view.setBigUint64(0, BigInt(20 * MB + i * 24), true)
        view.setUint32(8, 24, true)
        view.setUint16(12, i < 2 ? 1 : 0, true)
        view.setUint16(14, i + 1, true)
        a.write(table + i * 16, entry)
      }
      const { tx } = { tx: a.guest.driver.tx() }
      const head = tx.addOne(table, 48, false)
      a.memory.data.setUint16(tx.desc + head * 16 + 12, 4, true)
      a.guest.driver.publish(1)
      expect(awaitFrame(engine, b)).toEqual(data)
      expect(dropped(engine, 0, DROP_BAD_CHAIN)).toBe(0)
      stopGuests()
      cleanUp()
    }
  })

  it('between two regions of one granule read as zeros and reach no other guest', () => {
    const engine = newEngine({ memoryBytes: 128 * MB })
    const a = new Scattered(engine, 'a', [
      { guestAddress: 0, sizeBytes: 4 * MB },
      { guestAddress: 4 * MB + 4096, sizeBytes: 4096 },
      { guestAddress: 4 * MB + 64 * 1024, sizeBytes: 4096 },
    ])
    const b = new Scattered(engine, 'b', 16 * MB)
    b.post(5 * MB, RX_BYTES)
    const head = broadcast(1, 20)
    const packet = new Uint8Array(HEADER + 20)
    packet.set(head, HEADER)
    a.write(MB, packet)
    a.raw([MB, packet.length, 4 * MB + 16384, 100])
    expect(awaitFrame(engine, b)).toEqual(Uint8Array.from([...head, ...new Uint8Array(100)]))
  })
})

describe('rings of a guest mapped granule by granule', () => {
  it('work wherever their parts lie, across the ends of granules too', () => {
    const engine = newEngine({ memoryBytes: 32 * MB })
    const sender = new Scattered(engine, 'sender', 16 * MB)
    const guest = start(engine, 'g', { features: PLAIN, memory: 512 * MB, bufferBytes: 0 })
    // A ring of 256 entries whose descriptor table, available and used ring cross granules each.
    const { memory, frontend } = guest
    for (const [part, at] of [40, 200, 360].entries()) {
      guest.frontend.stopRing(0)
      const place = { desc: at * MB - 2048, avail: (at + 50) * MB - 100, used: (at + 100) * MB - 1000 }
      const { data } = memory
      const buffer = (at + 20) * MB
      for (let i = 0; i < 256; i++) {
        const entry = place.desc + i * 16
        data.setBigUint64(entry, BigInt(buffer + i * RX_BYTES), true)
        data.setUint32(entry + 8, RX_BYTES, true)
        data.setUint32(entry + 12, 2, true)
        data.setUint16(place.avail + 4 + i * 2, i, true)
      }
      data.setUint16(place.avail + 2, 256, true)
      const kick = createEventfd()
      const user = (gpa: number): number => memory.userAddressOf(gpa)
      expect(frontend.setVringNum(0, 256)).toBe(true)
      expect(frontend.setVringBase(0, 0)).toBe(true)
      expect(frontend.setVringAddr(0, user(place.desc), user(place.avail), user(place.used))).toBe(true)
      expect(frontend.setVringKick(0, kick)).toBe(true)
      closeFd(kick)
      for (let i = 0; i < 256; i++) {
        const sent = broadcast(1, 60 + i)
        sender.send(sent, [5 * MB, HEADER + sent.length])
        for (let tries = 0; tries < 5; tries++) engine.step()
        sender.reap()
        expect(data.getUint16(place.used + 2, true)).toBe(i + 1)
        expect(data.getUint32(place.used + 4 + i * 8, true)).toBe(i)
        expect(data.getUint32(place.used + 8 + i * 8, true)).toBe(HEADER + sent.length)
        const got = memory.u8.subarray(
          buffer + i * RX_BYTES + HEADER,
          buffer + i * RX_BYTES + HEADER + sent.length,
        )
        expect(Buffer.compare(got, sent)).toBe(0)
      }
      expect(part).toBeLessThan(3)
    }
  })
})

describe('memory hot-plug', () => {
  it.each([
    ['one region at a process address', [0x7f00_0000_0000]],
    ['regions at both ends of what can be addressed', [0, 2 ** 40, 2 ** 47 - 16 * MB]],
    ['regions on both sides of 2^40', [2 ** 40 - 16 * MB, 2 ** 45 + 4096 * 3]],
  ])('of %s are reached everywhere, and nothing beside them', (_, starts) => {
    for (const memoryBytes of [256 * MB, 32 * MB]) {
      const engine = newEngine({ memoryBytes })
      const before = engine.memory.freeBytes
      const a = new Scattered(
        engine,
        'a',
        starts.map((guestAddress) => ({ guestAddress, sizeBytes: 16 * MB })),
      )
      const b = new Scattered(engine, 'b', 16 * MB)
      // Tables are as large as what is granted, wherever it lies.
      if (memoryBytes === 256 * MB)
        expect(before - engine.memory.freeBytes).toBeLessThan((starts.length + 3) * 20 * MB)
      let count = 0
      for (const start of starts)
        for (const address of [start + 12 * MB, start + 14 * MB - 30, start + 16 * MB - 72]) {
          b.post(5 * MB + count++ * 4096, RX_BYTES)
          const data = frame(9, 1, 60, count)
          a.send(data, [address, 72])
          expect(awaitFrame(engine, b)).toEqual(data)
          a.reap()
        }
      let refused = 0
      for (const start of starts)
        for (const address of [start - 30, start + 16 * MB - 71, start + 16 * MB, start + 2 ** 42])
          if (address > 0 && !starts.some((at) => address >= at && address + 72 <= at + 16 * MB)) {
            a.raw([address, 72])
            for (let tries = 0; tries < 4; tries++) engine.step()
            expect(a.reap()).toBe(1)
            refused++
          }
      expect(dropped(engine, 0, DROP_BAD_ADDRESS)).toBe(refused)
      expect(engine.ports[0]?.status()).toMatchObject({ detachments: 0 })
    }
  })

  it('adds a region to a running guest and takes it away again', () => {
    const engine = newEngine({ memoryBytes: 128 * MB })
    const a = new Scattered(engine, 'a', 16 * MB)
    const b = new Scattered(engine, 'b', 16 * MB)
    const fd = createMemfd('ringferry-hotplug', 8 * MB)
    const region = { guestAddress: GB, sizeBytes: 8 * MB, fd, fileOffset: 0, userAddress: 2 ** 46 }
    const bad = (): number => dropped(engine, 0, DROP_BAD_ADDRESS)
    const tryFrom = (address: number): void => {
      a.raw([address, 72])
      engine.step()
      engine.step()
      expect(a.reap()).toBe(1)
    }
    tryFrom(GB)
    expect(bad()).toBe(1)
    for (let round = 0; round < 3; round++) {
      expect(a.guest.frontend.addMemReg(region)).toBe(true)
      tryFrom(GB + 4 * MB)
      expect(bad()).toBe(1 + round)
      b.post(8 * MB, RX_BYTES)
      const data = broadcast(1, 99)
      a.send(data, [3 * MB, HEADER + data.length])
      expect(awaitFrame(engine, b)).toEqual(data)
      expect(a.reap()).toBe(1)
      expect(a.guest.frontend.removeMemReg(region)).toBe(true)
      tryFrom(GB + 4 * MB)
      expect(bad()).toBe(2 + round)
    }
    closeFd(fd)
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'up', detachments: 0 })
  })

  it('detaches a guest that takes away the memory of a running ring', () => {
    const engine = newEngine({ memoryBytes: 128 * MB })
    const a = new Scattered(engine, 'a', 16 * MB)
    const b = new Scattered(engine, 'b', 16 * MB)
    expect(a.guest.frontend.removeMemReg(a.memory.regions[0] as never)).toBe(false)
    engine.step()
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'waiting', detachments: 1 })
    expect(engine.ports[0]?.status().reason).toMatch(/ring 0/)
    expect(engine.ports[1]?.status().state).toBe('up')
    expect(b.rx.size).toBe(64)
  })
})

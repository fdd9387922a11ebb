import { afterEach, describe, expect, it } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import { DROP_BAD_CHAIN, G_WORK_LEFT } from '../../src/core/layout.js'
import type { SplitRing } from '../../src/driver/split-ring.js'
import type { Engine } from '../../src/engine/engine.js'
import { VIRTQ_DESC_F } from '../../src/virtio/virtio.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { broadcast, cleanUp, dropped, newEngine } from '../support/switch.js'

const RING = 2048
const MB = 2 ** 20
const BURST = 64
/** What a burst may overdraw by when no single frame of it is costly. */
const ONE_CHAIN = 1200

afterEach(() => {
  stopGuests()
  cleanUp()
})

function workLeft(engine: Engine): number {
  return new Globals(engine.memory).get(G_WORK_LEFT) | 0
}

/** Writes descriptors of one ring by hand: chains of `length` descriptors one behind the other. */
function chains(
  guest: TestGuest,
  ring: SplitRing,
  count: number,
  length: number,
  bytes: number,
  write = false,
) {
  const { data } = guest.memory
  const buffer = guest.memory.allocate(4096)
  for (let index = 0; index < count * length; index++) {
    const last = index % length === length - 1
    const at = ring.desc + (index % ring.size) * 16
    data.setBigUint64(at, BigInt(buffer), true)
    data.setUint32(at + 8, bytes, true)
    data.setUint16(at + 12, (last ? 0 : VIRTQ_DESC_F.NEXT) | (write ? VIRTQ_DESC_F.WRITE : 0), true)
    data.setUint16(at + 14, (index + 1) % ring.size, true)
  }
  offer(guest, ring, count, length)
}

function offer(guest: TestGuest, ring: SplitRing, count: number, length: number) {
  const { data } = guest.memory
  const index = data.getUint16(ring.avail + 2, true)
  for (let chain = 0; chain < count; chain++)
    data.setUint16(ring.avail + 4 + ((index + chain) % ring.size) * 2, (chain * length) % ring.size, true)
  data.setUint16(ring.avail + 2, (index + count) & 0xffff, true)
}

function taken(guest: TestGuest, ring: SplitRing): number {
  return guest.memory.data.getUint16(ring.used + 2, true)
}

const OPTIONS = { ringSize: RING, memory: 16 * MB, txSlotBytes: 1536, features: PLAIN }

describe('a burst ends by its work', () => {
  it('when chains have nothing but empty descriptors: each is dropped after a few', () => {
    const engine = newEngine()
    const evil = start(engine, 'evil', OPTIONS)
    const tx = evil.driver.tx()
    chains(evil, tx, 1, RING, 0)
    // All chains are the same loop through the whole ring.
    offer(evil, tx, BURST - 1, 1)
    engine.plane.poll(0, BURST)
    expect(dropped(engine, 0, DROP_BAD_CHAIN)).toBe(BURST)
    expect(workLeft(engine)).toBeGreaterThan(0)
  })

  it('when indirect tables have nothing but empty descriptors', () => {
    const engine = newEngine()
    const evil = start(engine, 'evil', OPTIONS)
    const tx = evil.driver.tx()
    const table = evil.memory.allocate(16 * 1024)
    for (let entry = 0; entry < 1024; entry++) {
      evil.memory.data.setUint16(table + entry * 16 + 12, VIRTQ_DESC_F.NEXT, true)
      evil.memory.data.setUint16(table + entry * 16 + 14, (entry + 1) % 1024, true)
    }
    for (let head = 0; head < BURST; head++) {
      const at = tx.desc + head * 16
      evil.memory.data.setBigUint64(at, BigInt(table), true)
      evil.memory.data.setUint32(at + 8, 1024 * 16, true)
      evil.memory.data.setUint16(at + 12, VIRTQ_DESC_F.INDIRECT, true)
    }
    offer(evil, tx, BURST, 1)
    engine.plane.poll(0, BURST)
    expect(dropped(engine, 0, DROP_BAD_CHAIN)).toBe(BURST)
    expect(workLeft(engine)).toBeGreaterThan(0)
  })

  it('when chains have many descriptors: the rest of them is taken in later bursts', () => {
    const engine = newEngine()
    const evil = start(engine, 'evil', OPTIONS)
    const tx = evil.driver.tx()
    chains(evil, tx, BURST, 1000, 1)
    let bursts = 0
    for (; taken(evil, tx) < BURST && bursts < 100; bursts++) {
      engine.plane.poll(0, BURST)
      expect(workLeft(engine)).toBeGreaterThan(-ONE_CHAIN)
    }
    expect(taken(evil, tx)).toBe(BURST)
    expect(bursts).toBeGreaterThan(5)
  })

  it('when a receiver has buffers of one byte', () => {
    const engine = newEngine()
    const sender = start(engine, 'sender', OPTIONS)
    const evil = start(engine, 'evil', { ...OPTIONS, bufferBytes: 0 })
    chains(evil, evil.driver.rx(), RING, 1, 1, true)
    for (let index = 0; index < BURST; index++) sender.driver.enqueue(broadcast(1, 1500))
    sender.driver.tx().publish()
    engine.plane.poll(0, BURST)
    expect(taken(sender, sender.driver.tx())).toBeGreaterThan(0)
    expect(taken(sender, sender.driver.tx())).toBeLessThan(BURST)
    expect(workLeft(engine)).toBeGreaterThan(-2 * ONE_CHAIN)
    for (let turns = 0; turns < 100; turns++) engine.step()
    expect(taken(sender, sender.driver.tx())).toBe(BURST)
  })

  it('when a receive chain is empty: that guest is detached, the others get the frame', () => {
    const engine = newEngine()
    const sender = start(engine, 'sender', OPTIONS)
    const evil = start(engine, 'evil', { ...OPTIONS, bufferBytes: 0 })
    const good = start(engine, 'good', OPTIONS)
    chains(evil, evil.driver.rx(), 1, RING, 0, true)
    sender.driver.send(broadcast(1, 200))
    for (let turns = 0; turns < 10; turns++) engine.step()
    expect(engine.ports[1]?.status().reason).toContain('receive chain')
    expect(good.driver.receive()?.frame).toEqual(broadcast(1, 200))
  })

  it('when many receivers get a copy each', () => {
    const engine = newEngine()
    const sender = start(engine, 'sender', OPTIONS)
    for (let index = 0; index < 20; index++)
      start(engine, `r${index}`, { features: PLAIN, ringSize: 64, memory: 2 * MB, txSlotBytes: 64 })
    for (let index = 0; index < BURST; index++) sender.driver.enqueue(broadcast(1, 1500))
    sender.driver.tx().publish()
    engine.plane.poll(0, BURST)
    expect(taken(sender, sender.driver.tx())).toBeLessThan(BURST)
    expect(workLeft(engine)).toBeGreaterThan(-ONE_CHAIN)
  })
})

// Publication is collected within a burst and happens at its end, in one place.
import { afterEach, describe, expect, it } from 'vitest'
import {
  C_CALLS,
  C_PUBLISHES,
  MAX_COLLECTED,
  NET_HEADER_BYTES,
  STAGE_AT,
  V_USED_NEXT,
  V_USED_PUBLISHED,
} from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { VringRow } from '../../src/core/vring-row.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { attach, broadcast, cleanUp, counter, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const LONG_US = 1e12

/** Has the plane forward a frame of port 0, within a burst that goes on. */
function ingest(engine: Engine, data: Uint8Array): void {
  engine.memory.u8.fill(0, STAGE_AT, STAGE_AT + NET_HEADER_BYTES)
  engine.memory.u8.set(data, STAGE_AT + NET_HEADER_BYTES)
  engine.plane.ingest(0, STAGE_AT, NET_HEADER_BYTES + data.length, NET_HEADER_BYTES)
}

function received(guest: EmbeddedGuest): number {
  let count = 0
  while (guest.driver.receive()) count++
  return count
}

/** Guests a, b and c on ports 0, 1 and 2, whose batches toward b and c end after some frames. */
function site(maxFrames: number, ringSize = 256) {
  const engine = newEngine()
  const guests = ['a', 'b', 'c'].map((name) =>
    attach(engine, name, { ringSize, txSlotBytes: 256, bufferBytes: 512 }),
  )
  for (const [index, guest] of guests.entries()) guest.driver.send(broadcast(index + 1))
  engine.step()
  for (const guest of guests) received(guest)
  for (const port of [1, 2])
    new PortRow(engine.memory, port).setHoldLimits({
      holdUs: LONG_US,
      gapUs: LONG_US,
      maxFrames,
      maxBytes: 1e9,
      urgentPublish: false,
    })
  return { engine, b: guests[1] as EmbeddedGuest, c: guests[2] as EmbeddedGuest }
}

describe('publish', () => {
  it('publish shows a frontend what reached its limit in the burst, and nothing is seen before', () => {
    const { engine, b } = site(4)
    for (let n = 0; n < 6; n++) ingest(engine, frame(2, 1, 100, n))
    expect(received(b)).toBe(0)
    const ring = new VringRow(engine.memory, 1, 0)
    expect((ring.get(V_USED_NEXT) - ring.get(V_USED_PUBLISHED)) & 0xffff).toBe(6)
    engine.plane.publish()
    expect(received(b)).toBe(4)
  })

  it('publish calls a frontend for each batch that it wanted a call for', () => {
    const { engine, b } = site(1)
    const [calls, publishes] = [counter(engine, 1, C_CALLS), counter(engine, 1, C_PUBLISHES)]
    b.driver.rx().armCalls()
    for (let n = 0; n < 3; n++) ingest(engine, frame(2, 1, 100, n))
    expect(counter(engine, 1, C_CALLS)).toBe(calls)
    engine.plane.publish()
    // With the event index a frontend asks for one call at a time.
    expect(counter(engine, 1, C_CALLS)).toBe(calls + 1)
    expect(counter(engine, 1, C_PUBLISHES)).toBe(publishes + 3)
  })

  it('publish keeps the order when a burst collects more batches than the list takes', () => {
    const { engine, b } = site(1, 8192)
    const sent = MAX_COLLECTED + 500
    for (let n = 0; n < sent; n++) {
      const data = frame(2, 1, 64)
      new DataView(data.buffer).setUint32(20, n)
      ingest(engine, data)
    }
    engine.plane.publish()
    for (let n = 0; n < sent; n++) {
      const got = b.driver.receive()?.frame
      expect(got && new DataView(got.buffer, got.byteOffset).getUint32(20)).toBe(n)
    }
    expect(received(b)).toBe(0)
    expect(counter(engine, 1, C_PUBLISHES)).toBeGreaterThanOrEqual(sent)
  })
})

describe('publishPort', () => {
  it('publishPort publishes what one port holds and what was collected for it, nothing of others', () => {
    const { engine, b, c } = site(2)
    for (let n = 0; n < 3; n++) for (const to of [2, 3]) ingest(engine, frame(to, 1, 100, n))
    engine.plane.publishPort(1)
    expect(received(b)).toBe(3)
    expect(received(c)).toBe(0)
    engine.plane.publish()
    expect(received(c)).toBe(2)
  })
})

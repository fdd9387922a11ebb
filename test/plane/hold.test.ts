import { afterEach, describe, expect, it } from 'vitest'
import {
  C_CALLS,
  C_PUBLISHED_FRAMES,
  C_PUBLISHES,
  HISTOGRAM_BUCKETS,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_TOTAL,
  P_REASONS,
  REASON_DEADLINE,
  REASON_FRAMES,
  REASON_URGENT,
} from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { DESTINATION, partialPacket } from '../model/packets.js'
import { stepUntil } from '../support/step-until.js'
import { attach, broadcast, cleanUp, counter, decisionsOf, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const LONG_US = 3_600_000_000

function reasons(engine: Engine, port: number, reason: number): number {
  return Number(new PortRow(engine.memory, port).getU64(P_REASONS + reason * 8))
}

function recorded(engine: Engine, port: number, histogram: number): number {
  const counts = new PortRow(engine.memory, port).words(histogram, HISTOGRAM_BUCKETS)
  return counts.reduce((sum, count) => sum + count, 0)
}

function received(guest: EmbeddedGuest): number {
  let frames = 0
  while (guest.driver.receive()) frames++
  return frames
}

function ipv4(protocol: number, tcpFlags: number, payload: number): Uint8Array {
  const frame = new Uint8Array(14 + 40 + payload)
  frame.fill(0xff, 0, 6)
  frame.set([2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, (40 + payload) >> 8, (40 + payload) & 0xff], 6)
  frame[23] = protocol
  frame[46] = 0x50
  frame[47] = tcpFlags
  return frame
}
const UDP = ipv4(17, 0, 20)

/** TCP over IPv6 behind destination options. */
function extended(tcpFlags: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes)
  const frame = partialPacket({ v6: true, extensions: [DESTINATION], tcpFlags, payload })
  return frame.fill(0xff, 0, 6)
}

describe('hold', () => {
  it('fixed publishes when the batch has maxFrames and holds what is left', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 8 } })
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    for (let i = 0; i < 21; i++) a.driver.enqueue(UDP)
    a.driver.publish(1)
    engine.step()
    expect(received(b)).toBe(16)
    expect(counter(engine, 1, C_PUBLISHES)).toBe(2)
    expect(reasons(engine, 1, REASON_FRAMES)).toBe(2)
    for (let i = 0; i < 3; i++) a.driver.send(UDP)
    engine.step()
    expect(received(b)).toBe(8)
    expect(recorded(engine, 1, P_HISTOGRAM_HOLD)).toBe(24)
    expect(recorded(engine, 1, P_HISTOGRAM_TOTAL)).toBe(24)
    expect(counter(engine, 1, C_PUBLISHED_FRAMES)).toBe(24)
  })

  it('every frame leaves by its deadline although no other comes', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: 30_000, maxFrames: 1000 } })
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    for (let i = 0; i < 5; i++) a.driver.enqueue(UDP)
    a.driver.publish(1)
    stepUntil(engine, () => counter(engine, 1, C_PUBLISHES) > 0)
    expect(received(b)).toBe(5)
    expect(reasons(engine, 1, REASON_DEADLINE)).toBe(1)
    expect(counter(engine, 1, C_CALLS)).toBe(1)
  })

  it('frames do not overtake each other when the batch ends in the middle of a burst', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 3 } })
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    for (let i = 0; i < 60; i++) {
      const frame = UDP.slice()
      frame[60] = i
      a.driver.enqueue(frame)
    }
    a.driver.publish(1)
    engine.step()
    for (let i = 0; i < 60; i++) expect(b.driver.receive()?.frame[60]).toBe(i)
  })

  it('a vif with a mode of its own is left out of the policy', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 1000 } })
    const a = attach(engine, 'a')
    const held = attach(engine, 'held')
    const natural = attach(engine, 'natural', {}, { publish: 'natural' })
    a.driver.send(broadcast(1))
    engine.step()
    expect(received(natural)).toBe(1)
    expect(received(held)).toBe(0)
  })

  it.each([
    ['a pure acknowledgement', ipv4(6, 0x10, 0), true],
    ['a segment with PSH', ipv4(6, 0x18, 100), true],
    ['SYN', ipv4(6, 0x02, 0), true],
    ['ICMP', ipv4(1, 0, 20), true],
    ['a frame that is not IP', broadcast(1), true],
    ['a segment with data', ipv4(6, 0x10, 100), false],
    ['UDP', UDP, false],
    ['a segment behind extension headers', extended(0x10, 100), false],
    ['PSH behind extension headers', extended(0x18, 100), true],
    ['a pure acknowledgement behind extension headers', extended(0x10, 0), true],
  ])('%s is urgent or not', (_, frame, urgent) => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    const limits = { holdUs: LONG_US, gapUs: LONG_US, maxFrames: 1000, maxBytes: 1e6, urgentPublish: true }
    for (const port of engine.ports) if (port.hasRings) port.setHoldLimits(limits)
    b.driver.rx().armCalls()
    a.driver.send(frame)
    engine.step()
    expect(received(b)).toBe(urgent ? 1 : 0)
    expect(reasons(engine, 1, REASON_URGENT)).toBe(urgent ? 1 : 0)
  })

  it('stopping a ring publishes what it held', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 1000 } })
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    a.driver.send(UDP)
    engine.step()
    expect(received(b)).toBe(0)
    b.frontend.stopRing(0)
    expect(received(b)).toBe(1)
  })

  it('adaptive holds nothing while the core is idle', () => {
    const engine = newEngine({ policy: { name: 'adaptive' } })
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    for (let round = 0; round < 40; round++) {
      a.driver.send(UDP)
      engine.step(2_000)
      expect(received(b)).toBe(1)
    }
    expect(decisionsOf(engine).length).toBeGreaterThan(0)
  })
})

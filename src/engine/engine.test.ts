import { afterEach, describe, expect, it } from 'vitest'
import { ipFrame } from '../../test/support/ip-frames.js'
import { attach, broadcast, cleanUp, counter, frame, newEngine } from '../../test/support/switch.js'
import { C_CALLS, C_EGRESS_FRAMES } from '../core/layout.js'
import type { EmbeddedGuest } from '../embedded/guest.js'

afterEach(cleanUp)

describe('Engine', () => {
  it('forwards a broadcast to all other guests and a reply to one', () => {
    const engine = newEngine()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => attach(engine, name)) as [
      EmbeddedGuest,
      EmbeddedGuest,
      EmbeddedGuest,
    ]
    a.driver.send(broadcast(1))
    engine.step()
    expect(b.driver.receive()?.frame).toEqual(broadcast(1))
    expect(c.driver.receive()?.frame).toEqual(broadcast(1))
    expect(a.driver.receive()).toBeUndefined()
    b.driver.send(frame(1, 2, 1500))
    engine.step()
    expect(a.driver.receive()?.frame).toEqual(frame(1, 2, 1500))
    expect(c.driver.receive()).toBeUndefined()
  })

  it('carries frames of every length over rings that wrap many times', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', { ringSize: 64 })
    const b = attach(engine, 'b', { ringSize: 32, bufferBytes: 512 })
    b.driver.send(broadcast(2))
    engine.step()
    a.driver.receive()
    for (let bytes = 14; bytes < 3000; bytes += 3) {
      const sent = frame(2, 1, bytes, bytes)
      expect(a.driver.send(sent, {}, 0, { descriptors: 1 + (bytes % 4), indirect: bytes % 2 === 0 })).toBe(
        true,
      )
      engine.step()
      expect(Buffer.compare(b.driver.receive()?.frame ?? new Uint8Array(0), sent)).toBe(0)
      a.driver.reapTx()
    }
  })

  it('passes a large GSO frame whole to a guest that takes it', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', { memory: 32 * 2 ** 20 })
    const b = attach(engine, 'b', { memory: 32 * 2 ** 20 })
    b.driver.send(broadcast(2))
    engine.step()
    const sent = ipFrame(2, 1, { ip: 4, protocol: 'tcp', payloadBytes: 40_000, gsoSize: 1448 })
    expect(a.driver.send(sent.frame, sent.header)).toBe(true)
    engine.step()
    const got = b.driver.receive()
    expect(Buffer.compare(got?.frame ?? new Uint8Array(0), sent.frame)).toBe(0)
    expect(got?.header).toMatchObject({ gsoType: sent.header.gsoType, gsoSize: 1448 })
    expect(b.driver.receive()).toBeUndefined()
  })

  it('calls once per burst in natural mode and once per frame in per-packet mode', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const natural = attach(engine, 'n', { features: 0x1_0000_8000n })
    const perPacket = attach(engine, 'p', { features: 0x1_0000_8000n }, { publish: 'per-packet' })
    for (const [index, guest] of [natural, perPacket].entries()) guest.driver.send(broadcast(2 + index))
    engine.step()
    for (const guest of [natural, perPacket]) while (guest.driver.receive());
    /** Calls that a burst of 16 frames to a station causes at a port. */
    const calls = (station: number, port: number): number => {
      const [frames, before] = [counter(engine, port, C_EGRESS_FRAMES), counter(engine, port, C_CALLS)]
      for (let i = 0; i < 16; i++) a.driver.enqueue(frame(station, 1, 60))
      a.driver.publish(1)
      engine.step()
      expect(counter(engine, port, C_EGRESS_FRAMES) - frames).toBe(16)
      return counter(engine, port, C_CALLS) - before
    }
    expect(calls(2, 1)).toBe(1)
    expect(calls(3, 2)).toBe(16)
    expect(natural.driver.receive()).toBeDefined()
    expect(perPacket.driver.receive()).toBeDefined()
  })
})

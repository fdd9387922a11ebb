import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import {
  C_EGRESS_FRAMES,
  C_FLOODS,
  DROP_RATE,
  DROP_STORM,
  G_RATE_AT_US,
  MAX_FRAME_BYTES,
  NET_HEADER_BYTES,
  STAGE_AT,
} from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import type { RateLimits } from '../../src/port/rate-limits.js'
import { readRateLimits } from '../../src/port/rate-limits.js'
import { readSettings } from '../../src/port/settings.js'
import { RateLimiter } from '../model/rate-limiter.js'
import { ipFrame } from '../support/ip-frames.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

/** Later than any clock that the engine reads by itself, so that the test's own clock never goes back. */
const START_US = 1e12

function setClock(engine: Engine, us: number): void {
  new Globals(engine.memory).nowUs = us
}

/** Hands a frame of a port to the plane as its host port would. */
function ingest(
  engine: Engine,
  port: number,
  data: Uint8Array,
  header = new Uint8Array(NET_HEADER_BYTES),
): void {
  engine.memory.u8.set(header, STAGE_AT)
  engine.memory.u8.set(data, STAGE_AT + NET_HEADER_BYTES)
  engine.plane.ingest(port, STAGE_AT, data.length + NET_HEADER_BYTES, NET_HEADER_BYTES)
  engine.plane.publish()
}

const kib = fc.option(fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 8_388_608 })), {
  nil: undefined,
})
const limitsOf: fc.Arbitrary<RateLimits> = fc
  .record({
    averageKiB: kib,
    peakFactor: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
    burstKiB: kib,
    framesPerSecond: fc.option(fc.integer({ min: 1, max: 200_000 }), { nil: undefined }),
  })
  .map(({ averageKiB, peakFactor, burstKiB, framesPerSecond }) => ({
    ...(averageKiB === undefined ? {} : { averageKiB }),
    ...(averageKiB === undefined || burstKiB === undefined ? {} : { burstKiB }),
    ...(peakFactor === undefined ? {} : { peakKiB: Math.min((averageKiB ?? 100) * peakFactor, 8_388_608) }),
    ...(framesPerSecond === undefined ? {} : { framesPerSecond }),
  }))
const arrivalsOf = fc.array(
  fc.record({
    gapUs: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 50 }) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 10_000_000 }) },
    ),
    fraction: fc.double({ min: 0, max: 0.9, noNaN: true }),
    bytes: fc.oneof(fc.integer({ min: 60, max: 1514 }), fc.integer({ min: 60, max: MAX_FRAME_BYTES })),
  }),
  { minLength: 30, maxLength: 150, size: 'max' },
)

/**
 * Puts random limits on a port and compares, clock by clock, what goes with what RateLimiter says.
 * @param tryOne has one frame of so many bytes wait unless one does already, polls once, and tells whether it went
 */
function compareWithModel(
  engine: Engine,
  port: number,
  direction: 'fromVm' | 'toVm',
  tryOne: (bytes: number) => boolean,
): void {
  const row = new PortRow(engine.memory, port)
  let clock = START_US
  let refused = 0
  let waiting = 0
  const step = (model: RateLimiter, us: number, bytes: number): void => {
    clock = Math.floor(us)
    setClock(engine, us)
    if (waiting === 0) waiting = bytes
    const goes = model.mayGo(clock)
    expect(tryOne(waiting)).toBe(goes)
    if (!goes) {
      refused++
      return
    }
    model.charge(waiting)
    model.waitsNoMore()
    waiting = 0
  }
  fc.assert(
    fc.property(limitsOf, arrivalsOf, (limits, arrivals) => {
      row.configure(readSettings({ name: 'a' }))
      row.configure(readSettings({ name: 'a', [direction]: limits }))
      const model = new RateLimiter(limits, clock)
      for (const { gapUs, fraction, bytes } of arrivals) step(model, clock + gapUs + fraction, bytes)
      row.configure(readSettings({ name: 'a' }))
      if (waiting > 0) step(new RateLimiter({}, clock), clock, waiting)
    }),
    { numRuns: 80 },
  )
  expect(refused).toBeGreaterThan(200)
}

/** Sends frames of a guest and lets the plane poll once. Returns how many were taken from its ring. */
function sendFrom(engine: Engine, guest: EmbeddedGuest, frames: readonly Uint8Array[]): number {
  for (const data of frames) guest.driver.enqueue(data)
  guest.driver.publish(1)
  engine.plane.poll(0, 64)
  return guest.driver.reapTx()
}

describe('the plane policer', () => {
  it('lets go exactly the frames that RateLimiter lets go when fromVm is limited', () => {
    const engine = newEngine()
    const sender = attach(engine, 'a', { txSlotBytes: 131_072 })
    const receiver = attach(engine, 'b')
    const data = frame(2, 1, MAX_FRAME_BYTES)
    let waits = false
    compareWithModel(engine, 0, 'fromVm', (bytes) => {
      const taken = sendFrom(engine, sender, waits ? [] : [data.subarray(0, bytes)])
      waits = taken === 0
      if (!waits) engine.plane.poll(0, 64)
      receiver.driver.drainRx(false)
      return !waits
    })
  })

  it('lets go exactly the frames that RateLimiter lets go when toVm is limited', () => {
    const engine = newEngine()
    attach(engine, 'a')
    const receiver = attach(engine, 'b')
    const data = frame(2, 1, MAX_FRAME_BYTES)
    let waits = false
    compareWithModel(engine, 1, 'toVm', (bytes) => {
      if (waits) engine.plane.poll(1, 64)
      else ingest(engine, 0, data.subarray(0, bytes))
      waits = receiver.driver.drainRx(false) === 0
      return !waits
    })
  })

  it('limits plain frames between two vifs whose forwarding was cached before', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    b.driver.send(broadcast(2))
    engine.step()
    a.driver.receive()
    const burst = Array.from({ length: 32 }, () => frame(2, 1, 60))
    const delivered = (frames: readonly Uint8Array[]): number => {
      sendFrom(engine, a, frames)
      engine.plane.poll(1, 64)
      return b.driver.drainRx(false)
    }
    setClock(engine, START_US)
    expect(delivered(burst)).toBe(32)
    const from = new PortRow(engine.memory, 0)
    from.configure(readSettings({ name: 'a', fromVm: { framesPerSecond: 100 } }))
    expect(delivered(burst)).toBe(10)
    expect(delivered(burst)).toBe(0)
    setClock(engine, START_US + 50_000)
    expect(delivered([])).toBe(5)
    from.configure(readSettings({ name: 'a' }))
    expect(delivered([])).toBe(49)
    new PortRow(engine.memory, 1).configure(readSettings({ name: 'b', toVm: { framesPerSecond: 200 } }))
    expect(delivered(burst)).toBe(20)
    expect(delivered([])).toBe(0)
    setClock(engine, START_US + 80_000)
    expect(delivered([])).toBe(6)
    expect(dropped(engine, 0, DROP_RATE) + dropped(engine, 1, DROP_RATE)).toBe(0)
  })

  it('keeps the tokens of a bucket when other settings change', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { fromVm: { framesPerSecond: 20 } })
    attach(engine, 'b')
    setClock(engine, START_US)
    const row = new PortRow(engine.memory, 0)
    let taken = 0
    for (let i = 0; i < 5; i++) {
      taken += sendFrom(engine, a, [frame(2, 1, 60)])
      row.configure(readSettings({ name: 'a', fromVm: { framesPerSecond: 20 }, isolated: i % 2 === 0 }))
    }
    expect(taken).toBe(2)
  })

  it('counts a GSO frame as its segments, and pays their debt when they are more than the bucket holds', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', { txSlotBytes: 65536 }, { fromVm: { framesPerSecond: 100 } })
    attach(engine, 'b', { bufferBytes: 65536 })
    const send = (payloadBytes: number): void => {
      const { frame: data, header } = ipFrame(2, 1, { ip: 4, protocol: 'tcp', payloadBytes, gsoSize: 1000 })
      a.driver.send(data, header)
    }
    const taken = (us: number): number => {
      setClock(engine, START_US + us)
      engine.plane.poll(0, 64)
      return a.driver.reapTx()
    }
    send(8000)
    send(30_000)
    send(1000)
    expect(taken(0)).toBe(2)
    // 28 frames of debt and the one that must be there.
    expect(taken(289_999)).toBe(0)
    expect(taken(290_000)).toBe(1)
  })

  it('shares the rate between the transmit rings of a vif, and lets the engine sleep while one is empty', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', { queuePairs: 2 }, { queues: 2, fromVm: { framesPerSecond: 10 } })
    attach(engine, 'b')
    setClock(engine, START_US)
    for (let i = 0; i < 40; i++) for (const queue of [0, 1]) a.driver.enqueue(frame(2, 1, 60), {}, queue)
    for (const ring of [1, 3]) a.driver.publish(ring)
    const taken = [0, 0]
    for (let us = 0; us < 4_000_000; us += 50_000) {
      setClock(engine, START_US + us)
      engine.plane.poll(0, 64)
      for (const queue of [0, 1]) taken[queue] = (taken[queue] ?? 0) + a.driver.reapTx(queue)
    }
    expect(taken[0]).toBeGreaterThan(18)
    expect(taken[1]).toBeGreaterThan(18)
    for (let us = 4_000_000; a.driver.inFlightTx(0) > 0; us += 50_000) {
      setClock(engine, START_US + us)
      engine.plane.poll(0, 64)
      a.driver.reapTx(0)
    }
    a.driver.enqueue(frame(2, 1, 60), {}, 0)
    a.driver.publish(1)
    engine.plane.poll(0, 64)
    expect(engine.plane.armPort(0)).toBe(0)
  })

  it('tells the engine when a frame that waits may go, and nothing when none waits', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { fromVm: { framesPerSecond: 10 } })
    attach(engine, 'b')
    setClock(engine, START_US)
    const globals = new Globals(engine.memory)
    globals.setF64(G_RATE_AT_US, 1e18)
    expect(sendFrom(engine, a, [frame(2, 1, 60)])).toBe(1)
    expect(globals.getF64(G_RATE_AT_US)).toBe(1e18)
    expect(sendFrom(engine, a, [frame(2, 1, 60)])).toBe(0)
    expect(globals.getF64(G_RATE_AT_US)).toBe(START_US + 100_000)
    expect(engine.plane.armPort(0)).toBe(0)
  })

  it.each([
    ['is left out', {}, 1000],
    ['is 0', { stormFps: 0 }, 5000],
  ])('admits as many floods at once as the default allows, or all, when stormFps %s', (_, settings, expected) => {
    const engine = newEngine()
    attach(engine, 'a', {}, settings)
    attach(engine, 'b')
    setClock(engine, START_US)
    for (let n = 0; n < 5000; n++) ingest(engine, 0, broadcast(1))
    expect(counter(engine, 0, C_FLOODS)).toBe(expected)
    expect(dropped(engine, 0, DROP_STORM)).toBe(5000 - expected)
  })

  it('limits broadcast, multicast and unknown unicast together, and nothing else, when stormFps is set', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { stormFps: 30 })
    const b = attach(engine, 'b')
    b.driver.send(broadcast(2))
    engine.step()
    a.driver.receive()
    setClock(engine, START_US)
    const multicast = frame(0, 1, 60)
    multicast.set([1, 0, 0x5e, 0, 0, 1])
    for (const data of [broadcast(1), multicast, frame(9, 1, 60), broadcast(1), multicast, frame(9, 1, 60)])
      ingest(engine, 0, data)
    expect(dropped(engine, 0, DROP_STORM)).toBe(3)
    expect(counter(engine, 0, C_FLOODS)).toBe(3)
    const before = counter(engine, 1, C_EGRESS_FRAMES)
    for (let i = 0; i < 50; i++) ingest(engine, 0, frame(2, 1, 60))
    expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(before + 50)
    setClock(engine, START_US + 1_000_000 / 30 + 1)
    ingest(engine, 0, broadcast(1))
    ingest(engine, 0, broadcast(1))
    expect(dropped(engine, 0, DROP_STORM)).toBe(4)
    ingest(engine, 1, broadcast(2))
    expect(dropped(engine, 1, DROP_STORM)).toBe(0)
  })

  it('learns nothing from a frame that waits', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { fromVm: { framesPerSecond: 1 } })
    attach(engine, 'b')
    setClock(engine, START_US)
    sendFrom(engine, a, [frame(7, 1, 60), frame(7, 3, 60)])
    const floods = counter(engine, 1, C_FLOODS)
    ingest(engine, 1, frame(1, 2, 60))
    expect(counter(engine, 1, C_FLOODS)).toBe(floods)
    ingest(engine, 1, frame(3, 2, 60))
    expect(counter(engine, 1, C_FLOODS)).toBe(floods + 1)
  })
})

describe('readRateLimits', () => {
  it.each([
    [
      { fromVm: { averageKiB: 0 } },
      'port web: fromVm.averageKiB is 0; it must be a whole number from 1 to 8388608',
    ],
    [
      { toVm: { peakKiB: 1.5 } },
      'port web: toVm.peakKiB is 1.5; it must be a whole number from 1 to 8388608',
    ],
    [
      { toVm: { burstKiB: 10 } },
      'port web: toVm.burstKiB needs averageKiB beside it; add it, or use peakKiB',
    ],
    [
      { fromVm: { averageKiB: 10, peakKiB: 9 } },
      'port web: fromVm.peakKiB is 9, less than averageKiB (10); raise it or leave it out',
    ],
    [{ fromVm: { framesPerSecond: -1 } }, 'fromVm.framesPerSecond is -1; it must be a whole number from 1'],
    [{ stormFps: -1 }, 'port web: stormFps is -1; it must be a whole number from 0 to 1000000000'],
  ])('names setting and remedy when given %j', (settings, message) => {
    expect(() => readRateLimits(settings, 'web')).toThrow(message)
  })
})

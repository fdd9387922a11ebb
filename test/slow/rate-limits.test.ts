import { afterEach, describe, expect, it } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import { DROP_RATE } from '../../src/core/layout.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import type { RateLimits } from '../../src/port/rate-limits.js'
import { ipFrame } from '../support/ip-frames.js'
import { attach, broadcast, cleanUp, dropped, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const START_US = 1e12
const MSS_BYTES = 1448
const SEGMENTS = 44
const STEP_US = 400
const RUN_US = 10_000_000
const MEMORY_BYTES = 48 * 2 ** 20
const RATE_KIB = 12_500

const SUPER_FRAME = ipFrame(2, 1, {
  ip: 4,
  protocol: 'tcp',
  payloadBytes: SEGMENTS * MSS_BYTES,
  gsoSize: MSS_BYTES,
})
const FRAME_BYTES = SUPER_FRAME.frame.length

/** Lets one guest send to another as TCP does, on a clock of the test's own, and counts what arrives. */
class Loop {
  readonly #engine: Engine
  readonly #from: EmbeddedGuest
  readonly #to: EmbeddedGuest
  readonly #rttUs: number
  readonly #streams: number
  /** Super-frames in flight that the windows of all streams allow together. */
  #window: number
  #inFlight = 0
  /** Times at which acknowledgements come back. */
  #acks: number[] = []
  #drops = 0
  #calmUntilUs = 0
  frames = 0

  constructor(engine: Engine, from: EmbeddedGuest, to: EmbeddedGuest, streams: number, rttUs: number) {
    this.#engine = engine
    this.#from = from
    this.#to = to
    this.#streams = streams
    this.#rttUs = rttUs
    this.#window = streams
  }

  run(fromUs: number, untilUs: number): void {
    for (let us = fromUs; us < untilUs; us += STEP_US) this.#step(us)
  }

  #step(us: number): void {
    new Globals(this.#engine.memory).nowUs = us
    while ((this.#acks[0] ?? Number.POSITIVE_INFINITY) <= us) {
      this.#acks.shift()
      this.#inFlight--
      this.#window = Math.min(this.#window + this.#streams / this.#window, 64)
    }
    this.#lose(us)
    while (this.#inFlight < Math.floor(this.#window)) {
      if (!this.#from.driver.send(SUPER_FRAME.frame, SUPER_FRAME.header)) break
      this.#inFlight++
    }
    this.#engine.plane.poll(0, 64)
    this.#from.driver.reapTx()
    this.#engine.plane.poll(1, 64)
    for (let got = this.#to.driver.drainRx(false); got > 0; got--) {
      this.frames++
      this.#acks.push(us + this.#rttUs)
    }
  }

  /** What was dropped is noticed at once; one of the streams halves its window, at most once a round trip. */
  #lose(us: number): void {
    const drops = dropped(this.#engine, 0, DROP_RATE) + dropped(this.#engine, 1, DROP_RATE)
    this.#inFlight -= drops - this.#drops
    if (drops > this.#drops && us >= this.#calmUntilUs) {
      this.#window = Math.max(1, this.#window * (1 - 0.5 / this.#streams))
      this.#calmUntilUs = us + this.#rttUs
    }
    this.#drops = drops
  }
}

const LIMITS: readonly (readonly [string, RateLimits])[] = [
  ['average', { averageKiB: RATE_KIB, burstKiB: 1250 }],
  ['average and peak', { averageKiB: RATE_KIB, peakKiB: RATE_KIB, burstKiB: 1250 }],
  ['peak', { peakKiB: RATE_KIB }],
  ['burst of 64 KiB', { averageKiB: RATE_KIB, burstKiB: 64 }],
  ['burst of 1 KiB', { averageKiB: RATE_KIB, burstKiB: 1 }],
  ['frames per second', { framesPerSecond: 8000 }],
]
const CASES = LIMITS.flatMap(([name, limits]) =>
  (['fromVm', 'toVm'] as const).flatMap((direction) =>
    [0, 20_000].flatMap((rttUs) => [1, 8].map((streams) => ({ name, limits, direction, rttUs, streams }))),
  ),
)

describe('a rate limit', () => {
  it.each(
    CASES,
  )('gives $streams windowed streams what $direction asks for when it is $name and the round trip $rttUs us', ({
    limits,
    direction,
    rttUs,
    streams,
  }) => {
    const engine = newEngine()
    const from = attach(
      engine,
      'a',
      { memory: MEMORY_BYTES, txSlotBytes: 65_536 + 64 },
      direction === 'fromVm' ? { fromVm: limits } : {},
    )
    const to = attach(
      engine,
      'b',
      { memory: MEMORY_BYTES, bufferBytes: 65_562 },
      direction === 'toVm' ? { toVm: limits } : {},
    )
    to.driver.send(broadcast(2))
    engine.step()
    from.driver.receive()
    const loop = new Loop(engine, from, to, streams, rttUs)
    const second = START_US + 1_000_000
    loop.run(START_US, second)
    const first = loop.frames
    loop.run(second, second + RUN_US)
    const perSecond = limits.framesPerSecond === undefined ? RATE_KIB * 1024 : limits.framesPerSecond
    const share = (frames: number, us: number): number =>
      (frames * (limits.framesPerSecond === undefined ? FRAME_BYTES : SEGMENTS) * 1e6) / us / perSecond
    expect(share(loop.frames - first, RUN_US)).toBeGreaterThan(0.95)
    expect(share(loop.frames - first, RUN_US)).toBeLessThan(1.01)
    expect(share(first, 1_000_000)).toBeLessThan(1.2)
  })
})

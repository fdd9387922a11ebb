import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LONG_RING, PLAIN_FEATURES, SLOW_FPS } from '../../test/support/long-rings.js'
import { turnUntil as untilTurned } from '../../test/support/step-until.js'
import { cleanUp, newEngine } from '../../test/support/switch.js'
import { readCounters, totalDrops } from '../core/counters.js'
import type { Engine } from '../engine/engine.js'
import { socketPair } from '../sys/unix-socket.js'
import { arrivalGaps } from './generator.js'
import { type EmbeddedRole, EmbeddedWorker } from './worker.js'

const A = '02:00:00:00:00:01'
const B = '02:00:00:00:00:02'
const C = '02:00:00:00:00:03'

describe('arrivalGaps', () => {
  it('arrivalGaps has a mean of 1 for all arrivals', () => {
    for (const arrivals of ['poisson', 'constant', { burst: 32 }] as const) {
      const gaps = arrivalGaps(arrivals, 3)
      expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeCloseTo(1, 9)
    }
  })

  it('arrivalGaps varies as exponential gaps do when arrivals are poisson', () => {
    const gaps = arrivalGaps('poisson', 3)
    const variance = gaps.reduce((sum, gap) => sum + (gap - 1) ** 2, 0) / gaps.length
    expect(variance).toBeGreaterThan(0.95)
    expect(variance).toBeLessThan(1.05)
  })
})

describe('generator and meter', () => {
  let engine: Engine
  const workers: EmbeddedWorker[] = []

  beforeEach(() => {
    engine = newEngine()
  })
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.stop()
    cleanUp()
  })

  const turnUntil = (done: () => boolean): Promise<void> => untilTurned(engine, done)

  async function start(
    name: string,
    mac: string,
    role: EmbeddedRole,
    ringSize = LONG_RING,
  ): Promise<EmbeddedWorker> {
    const [ours, theirs] = socketPair()
    engine.addPort({ kind: 'embedded', name, fd: ours })
    let started: EmbeddedWorker | undefined
    const options = { mac, role, spinUs: 0, ringSize, features: PLAIN_FEATURES }
    const starting = EmbeddedWorker.start(theirs, options).then((worker) => {
      started = worker
      workers.push(worker)
    })
    await turnUntil(() => started !== undefined)
    await starting
    return started as unknown as EmbeddedWorker
  }

  /** Frames that the switch dropped, at the first two ports. */
  const drops = (): number => {
    const memory = new BigUint64Array(engine.memory.u32.buffer)
    return totalDrops(readCounters(memory, 0)) + totalDrops(readCounters(memory, 1))
  }

  const pause = async (generator: EmbeddedWorker): Promise<void> => {
    generator.setRate(0)
    await turnUntil(() => generator.generatorState().rateFps === 0)
  }

  it('generator and meter agree on every frame when nothing is lost', async () => {
    const meter = await start('a', A, { kind: 'meter' })
    const generator = await start('b', B, { kind: 'generator', to: A, frameBytes: 200 })
    generator.setRate(SLOW_FPS)
    await turnUntil(() => generator.counters().txFrames >= 300)
    await pause(generator)
    const { txFrames, txBytes, refused, late } = generator.counters()
    await turnUntil(() => meter.counters().rxFrames - meter.counters().others === txFrames)
    expect(txBytes).toBe(txFrames * 200)
    expect([refused, late]).toEqual([0, 0])
    expect(meter.counters()).toMatchObject({
      lost: 0,
      reordered: 0,
      duplicated: 0,
      malformed: 0,
      lastGapUs: 0,
    })
    expect(meter.delays().count).toBe(txFrames)
    expect(meter.delays().p50Us).toBeGreaterThan(0)
  })

  it('meter counts as lost what the switch counted as dropped when bursts are longer than its ring', async () => {
    const meter = await start('a', A, { kind: 'meter' }, 16)
    const arrivals = { burst: 100 }
    const generator = await start('b', B, { kind: 'generator', to: A, frameBytes: 60, arrivals })
    generator.setRate(2000)
    await turnUntil(() => meter.counters().lost > 200)
    await pause(generator)
    const received = (): number => meter.counters().rxFrames - meter.counters().others
    const settled = (): boolean => received() + drops() === generator.counters().txFrames
    await turnUntil(settled)
    // A last frame arrives for certain, so that no loss lies behind it.
    generator.setRate(Number.POSITIVE_INFINITY, 1)
    const sent = generator.counters().txFrames
    await turnUntil(() => generator.counters().txFrames === sent + 1 && settled())
    expect(meter.counters().lost).toBe(generator.counters().txFrames - received())
    expect(meter.counters()).toMatchObject({ reordered: 0, duplicated: 0 })
    expect(meter.counters().lastGapUs).toBeGreaterThan(0)
  })

  it('meter shows the delay of every frame that was due during a standstill of the switch', async () => {
    const meter = await start('a', A, { kind: 'meter' })
    const generator = await start('b', B, { kind: 'generator', to: A, frameBytes: 60, arrivals: 'constant' })
    generator.setRate(1000)
    await turnUntil(() => meter.delays().count >= 20)
    meter.resetWindow()
    const sent = generator.counters().txFrames
    while (generator.counters().txFrames < sent + 200);
    await turnUntil(() => meter.delays().count >= 200)
    // 200 frames were due meanwhile, a millisecond apart: a closed loop would have seen one of them late.
    const { counts, maxUs } = meter.delays()
    const above = counts.subarray(240).reduce((sum, count) => sum + count, 0)
    expect(maxUs).toBeGreaterThan(150_000)
    expect(above).toBeGreaterThan(150)
  })

  it('generator says refused, not late, when the switch takes nothing', async () => {
    await start('a', A, { kind: 'meter' })
    const generator = await start('b', B, { kind: 'generator', to: A, frameBytes: 60 }, 256)
    generator.setRate(20_000)
    await turnUntil(() => generator.counters().txFrames > 10)
    const { txFrames } = generator.counters()
    while (generator.counters().refused < 1000);
    // The switch took nothing meanwhile: no more was sent than a ring holds.
    expect(generator.counters().txFrames - txFrames).toBeLessThanOrEqual(256)
    await pause(generator)
  })

  it('generator sends exactly as many frames as it may when a burst is ordered', async () => {
    await start('a', A, { kind: 'meter' })
    const generator = await start('b', B, { kind: 'generator', to: A, frameBytes: 60 })
    for (const frames of [1, 100, 1000]) {
      await pause(generator)
      const before = generator.counters().txFrames
      generator.setRate(Number.POSITIVE_INFINITY, frames)
      await turnUntil(() => generator.counters().txFrames >= before + frames)
      expect(generator.counters().txFrames).toBe(before + frames)
    }
  })

  it('generator follows a sequence for each receiver when there are several, in IMIX lengths', async () => {
    const meters = [await start('a', A, { kind: 'meter' }), await start('c', C, { kind: 'meter' })]
    const generator = await start('b', B, { kind: 'generator', to: [A, C], frameBytes: 'imix' })
    generator.setRate(SLOW_FPS)
    await turnUntil(() => generator.counters().txFrames >= 240)
    await pause(generator)
    const { txFrames, txBytes } = generator.counters()
    const received = (): number => meters.reduce((sum, meter) => sum + meter.delays().count, 0)
    await turnUntil(() => received() === txFrames)
    for (const meter of meters) expect(meter.counters()).toMatchObject({ lost: 0, duplicated: 0 })
    expect(Math.abs(meters[0]!.delays().count - meters[1]!.delays().count)).toBeLessThanOrEqual(1)
    expect(txBytes / txFrames).toBeGreaterThan(300)
    expect(txBytes / txFrames).toBeLessThan(420)
  })

  it('meter takes a new generator at an old address for a new sequence', async () => {
    const meter = await start('a', A, { kind: 'meter' })
    for (const name of ['b', 'b2']) {
      const generator = await start(name, B, { kind: 'generator', to: A, frameBytes: 60 })
      generator.setRate(SLOW_FPS)
      const before = meter.delays().count
      await turnUntil(() => meter.delays().count >= before + 50)
      await generator.stop()
    }
    expect(meter.counters()).toMatchObject({ lost: 0, duplicated: 0 })
  })
})

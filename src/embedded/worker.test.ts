import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { turnUntil as untilTurned } from '../../test/support/step-until.js'
import { cleanUp, counter, newEngine } from '../../test/support/switch.js'
import { readCounters, totalDrops } from '../core/counters.js'
import { C_INGRESS_FRAMES } from '../core/layout.js'
import type { Engine } from '../engine/engine.js'
import { socketPair } from '../sys/unix-socket.js'
import { type EmbeddedRole, EmbeddedWorker } from './worker.js'

const A = '02:00:00:00:00:01'
const B = '02:00:00:00:00:02'

describe('EmbeddedWorker', () => {
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

  /** Frames that the switch dropped on their way from or to a port. */
  const drops = (row: number): number =>
    totalDrops(readCounters(new BigUint64Array(engine.memory.u32.buffer), row))

  async function start(
    name: string,
    mac: string,
    role: EmbeddedRole,
    onStopped?: () => Promise<void>,
  ): Promise<EmbeddedWorker> {
    const [ours, theirs] = socketPair()
    engine.addPort({ kind: 'embedded', name, fd: ours })
    let started: EmbeddedWorker | undefined
    const starting = EmbeddedWorker.start(theirs, { mac, role, spinUs: 0 }, onStopped).then((worker) => {
      started = worker
      workers.push(worker)
    })
    await turnUntil(() => started !== undefined)
    await starting
    return started as unknown as EmbeddedWorker
  }

  it('EmbeddedWorker sends and takes frames of its length when it is source and sink', async () => {
    const sink = await start('a', A, { kind: 'sink' })
    const source = await start('b', B, { kind: 'source', to: A, frameBytes: 500 })
    await turnUntil(() => sink.counters().rxFrames > 2000)
    await source.stop()
    const { rxFrames, rxBytes, malformed } = sink.counters()
    expect(rxBytes).toBe(rxFrames * 500)
    expect(malformed).toBe(0)
    expect(source.counters().txFrames).toBeGreaterThanOrEqual(rxFrames)
  })

  it('EmbeddedWorker keeps to a rate when it has one', async () => {
    await start('a', A, { kind: 'sink' })
    const startMs = performance.now()
    const source = await start('b', B, { kind: 'source', to: A, frameBytes: 60, rateFps: 1000 })
    await turnUntil(() => source.counters().txFrames >= 100)
    const sent = source.counters().txFrames
    expect(sent).toBeLessThanOrEqual(performance.now() - startMs + 257)
    expect(counter(engine, 1, C_INGRESS_FRAMES)).toBeGreaterThan(0)
  })

  it('EmbeddedWorker measures round trips to an echo', async () => {
    const echo = await start('a', A, { kind: 'echo' })
    const probe = await start('b', B, { kind: 'round-trip', to: A })
    await turnUntil(() => probe.roundTrips().count >= 50)
    await probe.stop()
    const { count, p50Us, p99Us } = probe.roundTrips()
    const { txFrames, lost } = probe.counters()
    // Each is measured, taken for lost because a busy machine kept it for long, or the last, which is under way.
    expect([count + lost, count + lost + 1]).toContain(txFrames)
    expect([drops(0), drops(1)]).toEqual([0, 0])
    expect(echo.counters().rxFrames).toBeGreaterThanOrEqual(count)
    expect(p50Us).toBeGreaterThan(0)
    expect(p99Us).toBeGreaterThanOrEqual(p50Us)
  })

  it('EmbeddedWorker.stop ends once, keeps what its thread used, and waits for what its owner does', async () => {
    let ends = 0
    const source = await start('b', B, { kind: 'source', to: A, frameBytes: 500 }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      ends++
    })
    await turnUntil(() => source.cpuSeconds() > 0.02)
    await Promise.all([source.stop(), source.stop()])
    expect(ends).toBe(1)
    expect(source.cpuSeconds()).toBeGreaterThan(0.02)
  })

  it('EmbeddedWorker.start rejects in one line when the other end hangs up', async () => {
    const [ours, theirs] = socketPair()
    const { closeFd } = await import('../sys/unix-socket.js')
    closeFd(ours)
    await expect(EmbeddedWorker.start(theirs, { mac: A, role: { kind: 'sink' } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/^embedded guest: socket \d+: the vhost-user backend/),
    })
  })
})

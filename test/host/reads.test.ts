import { setTimeout as sleep } from 'node:timers/promises'
import { MessagePort } from 'node:worker_threads'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { PERIOD_US } from '../../src/control/controller.js'
import { totalDrops } from '../../src/core/counters.js'
import { type EmbeddedRole, EmbeddedWorker } from '../../src/embedded/worker.js'
import { Switch } from '../../src/engine/switch.js'
import { socketPair } from '../../src/sys/unix-socket.js'
import { LONG_RING, PLAIN_FEATURES, SLOW_FPS } from '../support/long-rings.js'
import { EVENT_LIMIT_MS } from '../support/step-until.js'

/** At 100 Hz for ten seconds. */
const READS = 1000
const READ_EVERY_MS = 10
const METER = '02:00:00:00:00:01'
const GENERATOR = '02:00:00:00:00:02'

describe('a switch under load that is read at 100 Hz', () => {
  const workers: EmbeddedWorker[] = []
  let running: Switch | undefined

  afterEach(async () => {
    vi.restoreAllMocks()
    for (const worker of workers.splice(0)) await worker.stop()
    await running?.stop()
  })

  async function attach(
    made: Switch,
    name: string,
    mac: string,
    role: EmbeddedRole,
  ): Promise<EmbeddedWorker> {
    const [ours, theirs] = socketPair()
    await made.addPort({ kind: 'embedded', name, fd: ours })
    const options = { mac, role, spinUs: 0, ringSize: LONG_RING, features: PLAIN_FEATURES }
    const worker = await EmbeddedWorker.start(theirs, options)
    workers.push(worker)
    return worker
  }

  /** Waits for something that the guests do. */
  async function until(hasHappened: () => boolean): Promise<void> {
    for (let waitedMs = 0; !hasHappened() && waitedMs < EVENT_LIMIT_MS; waitedMs += 10) await sleep(10)
    expect(hasHappened()).toBe(true)
  }

  it('loses no frame, decides no earlier than without, and is asked for nothing', async () => {
    const made = await Switch.start({
      memoryBytes: 256 * 2 ** 20,
      policy: { name: 'adaptive' },
      budget: 0.05,
    })
    running = made
    const meter = await attach(made, 'meter', METER, { kind: 'meter' })
    const generator = await attach(made, 'generator', GENERATOR, {
      kind: 'generator',
      to: METER,
      frameBytes: 200,
    })
    generator.setRate(SLOW_FPS)
    await until(() => meter.counters().rxFrames > SLOW_FPS)
    const asked = vi.spyOn(MessagePort.prototype, 'postMessage')
    const requests = () =>
      asked.mock.calls.filter(([message]) => message instanceof Object && 'method' in message)
    const decided = new Set<number>()
    const before = made.counters('generator').counts
    for (let reads = 0; reads < READS; reads++) {
      const { decisions, vifs, policy } = made.tuning()
      for (const { atUs, applied } of decisions) {
        decided.add(atUs)
        expect(applied).toBe(true)
      }
      expect(policy).toEqual({ name: 'adaptive' })
      expect(vifs.map(({ name }) => name)).toEqual(['meter', 'generator'])
      for (const { name } of vifs) {
        expect(totalDrops(made.counters(name))).toBe(0)
        made.delays(name)
      }
      expect(made.fdb()).toContainEqual(expect.objectContaining({ mac: GENERATOR, port: 'generator' }))
      await sleep(READ_EVERY_MS)
    }
    generator.setRate(0)
    await until(() => generator.generatorState().rateFps === 0)
    const { txFrames } = generator.counters()
    await until(() => meter.counters().rxFrames >= txFrames)
    expect(requests()).toEqual([])
    expect(meter.counters()).toMatchObject({
      rxFrames: txFrames,
      lost: 0,
      reordered: 0,
      duplicated: 0,
      others: 0,
    })
    const { counts } = made.counters('generator')
    expect(counts.ingress_frames - before.ingress_frames).toBeGreaterThan(0)
    // Whoever changes the tuning has the controller decide at once; a reader does not: ticks alone decide.
    const times = [...decided].sort((a, b) => a - b)
    expect(times.length).toBeGreaterThan(10)
    for (const [at, us] of times.slice(1).entries())
      expect(us - (times[at] as number)).toBeGreaterThanOrEqual(PERIOD_US)
    await made.tune({ budget: 0.1 })
    expect(requests()).toHaveLength(1)
  })
})

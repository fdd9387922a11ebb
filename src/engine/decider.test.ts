import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { attach, cleanUp, newEngine, tuningOf } from '../../test/support/switch.js'
import { NATURAL_LIMITS } from '../aggregation/policy.js'
import { TICK_US } from '../control/pace.js'
import { TuningLog } from '../control/tuning-log.js'
import { TuningReader } from '../control/tuning-reader.js'
import { TuningSettings } from '../control/tuning-settings.js'
import { Globals } from '../core/globals.js'
import { LinearMemory, MIN_MEMORY_BYTES } from '../core/linear-memory.js'
import { clockStartUs } from '../sys/clock.js'
import { threadId } from '../sys/signal-handler.js'
import { Decider } from './decider.js'

/** Longer than anything here takes. */
const LIMIT_MS = 20_000
const NO_DELAYS = (): readonly number[] => [Number.NaN, Number.NaN, Number.NaN]

afterEach(cleanUp)

describe('Decider', () => {
  const deciders: Decider[] = []
  afterEach(async () => {
    for (const decider of deciders.splice(0)) await decider.close()
  })

  function decider(tuning: SharedArrayBuffer, reader: TuningReader): Decider {
    const memory = new LinearMemory(MIN_MEMORY_BYTES).memory.buffer as unknown as SharedArrayBuffer
    const made = new Decider({ memory, tuning, thread: threadId(), clockStartUs: clockStartUs() })
    deciders.push(made)
    made.startFor(reader)
    return made
  }

  it('decides while the thread that started it is busy, at once when the settings change', () => {
    const settings = new TuningSettings({ policy: { name: 'adaptive' } })
    const reader = new TuningReader(settings.buffer)
    settings.setControlled([0, 1], 0)
    decider(settings.buffer, reader)
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    /** Waits without ever going back to the event loop. */
    const until = (isThere: () => boolean): void => {
      for (let ms = 0; !isThere() && ms < LIMIT_MS; ms++) Atomics.wait(sleeper, 0, 0, 1)
      expect(isThere()).toBe(true)
    }
    until(() => reader.orders()?.version === settings.version)
    expect(reader.orders()?.vifs.map(({ row }) => row)).toEqual([0, 1])
    settings.forget(1)
    settings.setTarget(1, { targetUs: 70 })
    settings.setControlled([1], 0)
    until(() => reader.orders()?.version === settings.version)
    expect(reader.read(1).decisions[0]?.vifs.map(({ vif, figures }) => [vif, figures.targetUs])).toEqual([
      [1, 70],
    ])
  })

  it('does not start for a policy that measures nothing', () => {
    const settings = new TuningSettings({ policy: { name: 'natural' } })
    const reader = new TuningReader(settings.buffer)
    const made = decider(settings.buffer, reader)
    expect(made.runs).toBe(false)
    settings.configure({ policy: { name: 'dim' } })
    made.startFor(reader)
    expect(made.runs).toBe(true)
  })

  it('ends at every moment of its start without taking the process along', async () => {
    const settings = new TuningSettings({ policy: { name: 'adaptive' } })
    const reader = new TuningReader(settings.buffer)
    settings.setControlled([0], 0)
    const startMs = performance.now()
    const first = decider(settings.buffer, reader)
    await expect.poll(() => reader.orders()?.version, { interval: 1 }).toBe(settings.version)
    const loadMs = performance.now() - startMs
    await first.close()
    for (let i = 0; i < 150; i++) {
      const made = decider(settings.buffer, reader)
      await sleep((i / 150) * loadMs)
      await made.close()
      expect(made.runs).toBe(false)
    }
  })

  it('starts again when its thread has ended', async () => {
    const settings = new TuningSettings({ policy: { name: 'adaptive' } })
    const warnings: string[] = []
    const ended = new Promise<void>((resolve) => {
      process.on('warning', function listener({ message }) {
        if (!message.includes('the thread that decides ended')) return
        warnings.push(message)
        if (warnings.length < 2) return
        process.off('warning', listener)
        resolve()
      })
    })
    decider(new SharedArrayBuffer(8), new TuningReader(settings.buffer))
    await ended
    expect(warnings).toHaveLength(2)
  })
})

describe('an engine that another thread decides for', () => {
  function decided() {
    const told: string[] = []
    const engine = newEngine({
      ...{ policy: { name: 'adaptive' }, decides: false },
      onReport: ({ name }, event) => {
        if (event.startsWith('policy')) told.push(`${name} ${event}`)
      },
    })
    attach(engine, 'a')
    attach(engine, 'b', {}, { publish: 'natural' })
    const log = new TuningLog(engine.settings.buffer)
    const limits = { ...NATURAL_LIMITS, holdUs: 40 }
    const decide = (): void => {
      log.ticked(0)
      const vifs = [{ vif: 0, limits, verdict: 'held' as const, figures: {} }]
      const decision = { policy: 'adaptive', restUs: 7, workUs: Number.POSITIVE_INFINITY, figures: {}, vifs }
      log.decided({ atUs: 0, version: engine.settings.version, applied: true, decision }, NO_DELAYS)
    }
    const holdUs = () => tuningOf(engine).vifs[0]?.limits.holdUs
    /** Until so many ticks of the engine have passed, or something is there. */
    const ticks = (count: number, isThere = () => false): void => {
      // A rest ends early; a sleep lasts until the next tick.
      const globals = new Globals(engine.memory)
      const endUs = globals.nowUs + count * TICK_US
      while (globals.nowUs < endUs && !isThere()) engine.step(TICK_US)
    }
    return { engine, told, log, decide, holdUs, ticks }
  }

  it('goes by its decisions', () => {
    const { engine, decide, holdUs } = decided()
    expect(holdUs()).toBe(0)
    decide()
    engine.step()
    expect(holdUs()).toBe(40)
    expect(engine.inForce.restUs).toBe(7)
  })

  it('goes on by the last one for ten ticks, then delays nothing and says so, until it decides again', () => {
    const { engine, told, decide, holdUs, ticks, log } = decided()
    decide()
    ticks(5)
    log.ticked(0)
    ticks(8)
    expect([holdUs(), told]).toEqual([40, []])
    ticks(1000, () => told.length > 0)
    expect(told).toEqual(['a policy-lost'])
    expect([holdUs(), engine.inForce.restUs]).toEqual([0, 0])
    decide()
    ticks(1000, () => told.length > 1)
    expect(told).toEqual(['a policy-lost', 'a policy-back'])
    expect(holdUs()).toBe(40)
  })

  it('blames nobody while a policy is in force that measures nothing', () => {
    const { engine, told, ticks } = decided()
    engine.tune({ policy: { name: 'natural' } })
    ticks(13)
    expect(told).toEqual([])
  })
})

import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { attach, cleanUp, newEngine, ringPort } from '../../test/support/switch.js'
import type { HoldLimits } from '../aggregation/hold-limits.js'
import { Controller } from '../control/controller.js'
import { DecisionInForce } from '../control/in-force.js'
import { TuningReader } from '../control/tuning-reader.js'
import { TuningSettings } from '../control/tuning-settings.js'
import { readCounters } from '../core/counters.js'
import { LinearMemory, MIN_MEMORY_BYTES } from '../core/linear-memory.js'
import type { MemoryViews } from '../core/memory-views.js'
import { instantiatePlane } from '../core/plane.js'
import { readPublication } from '../core/publication.js'
import { planeModule } from '../engine/plane-module.js'
import { seededRandom } from '../stats/random.js'
import { nowUs } from '../sys/clock.js'
import { CountedRings } from './counted-rings.js'
import { Frames } from './frames.js'
import { frameBytes } from './plane-rings.js'
import type { Moved } from './rings.js'

/**
 * The clock stands still until the test moves it. While guests start it goes on with every reading: what their requests cost is
 * real, and a port that has used up its share of time waits for more.
 */
const time = { us: 0, readingUs: 0 }
beforeEach(() => {
  time.us = 1_000_000
  vi.spyOn(performance, 'now').mockImplementation(() => {
    time.us += time.readingUs
    return time.us / 1000
  })
})

const VMS = 3
const RING = 256
const BURST = 64

/** The engine, with guests that are programs of the test. */
function engineSide() {
  const engine = newEngine({ policy: { name: 'natural' }, spinUs: 0 })
  time.readingUs = 100
  const guests = Array.from({ length: VMS }, (_, at) => attach(engine, `g${at}`, { ringSize: RING }))
  time.readingUs = 0
  for (const [at, { driver }] of guests.entries()) {
    driver.send(frameBytes(at, 0xff, 60, { isTcp: false, isUrgent: false }, 0))
    engine.step()
  }
  for (const { driver } of guests) {
    while (driver.receive());
    driver.rx().armCalls()
  }
  return {
    memory: engine.memory as MemoryViews,
    send: (from: number, to: number, bytes: number, urgent: boolean) => {
      guests[from]!.driver.enqueue(frameBytes(from, to, bytes, { isTcp: urgent, isUrgent: urgent }, 0))
      guests[from]!.driver.publish(1)
    },
    turn: () => {
      engine.step()
      for (const { driver } of guests) driver.reapTx()
    },
    take: (vm: number) => {
      const { driver } = guests[vm]!
      while (driver.receive());
      driver.rx().armCalls()
    },
    setLimits: (vm: number, limits: HoldLimits) => ringPort(engine, vm).setHoldLimits(limits),
  }
}

/** The simulator's rings. */
function simulatedSide() {
  const memory = new LinearMemory(MIN_MEMORY_BYTES)
  const frames = new Frames()
  const rings = new CountedRings(memory, instantiatePlane(memory, planeModule()), frames)
  for (let vm = 0; vm < VMS; vm++) rings.add(vm, RING, true)
  const moved: Moved = {
    frames: new Int32Array(4096),
    count: 0,
    work: 0,
    publications: 0,
    calls: 0,
    continues: false,
  }
  const show = () =>
    rings.show(
      () => {},
      () => {},
      time.us * 1000,
    )
  return {
    memory: memory as MemoryViews,
    send: (from: number, to: number, bytes: number, urgent: boolean) => {
      const frame = frames.make(0, from, to, bytes)
      frames.urgent[frame] = urgent ? 1 : 0
      frames.tcp[frame] = urgent ? 1 : 0
      rings.send(from, frame)
    },
    turn: () => {
      for (let isBusy = true; isBusy; ) {
        moved.work = 0
        moved.count = 0
        for (let vm = 0; vm < VMS; vm++)
          if (rings.hasWork(vm)) rings.poll(vm, BURST, nowUs(), moved)
          else rings.pollEmpty(vm, nowUs())
        rings.serveHeld(nowUs(), moved)
        isBusy = moved.work > 0
      }
      show()
    },
    take: (vm: number) => {
      for (let frame = rings.receive(vm); frame >= 0; frame = rings.receive(vm)) frames.release(frame)
      rings.arm(vm)
    },
    setLimits: (vm: number, limits: HoldLimits) => rings.setLimits(vm, limits),
  }
}

type Side = ReturnType<typeof engineSide>

/** A controller over the memory of a side, which is told the same of its time as the other. */
function controlled(side: Side) {
  const settings = new TuningSettings({ policy: { name: 'adaptive' }, budget: 0.05 })
  for (let vm = 0; vm < VMS; vm++) settings.setTarget(vm, { targetUs: 200 + 100 * vm })
  settings.setControlled([0, 1, 2], time.us)
  const controller = new Controller(side.memory, settings.buffer)
  const inForce = new DecisionInForce(settings)
  return {
    tick: (workedUs: number) => {
      if (controller.dueUs(time.us) > 0) return
      controller.run(time.us, { workedUs, spunUs: 0, waitedUs: 0, wakes: Math.round(workedUs) })
      if (inForce.isNew) inForce.take((vm, limits) => side.setLimits(vm, limits))
    },
    decisions: () => new TuningReader(settings.buffer).read().decisions,
  }
}

/** Sends the same to all sides at the same times. */
function drive(sides: readonly Side[], steps: number, everyStep: (step: number) => void): void {
  const random = seededRandom(11)
  const below = (count: number): number => Math.floor(random() * count)
  for (let step = 0; step < steps; step++) {
    time.us += 1 + below(40)
    const from = below(VMS)
    const to = (from + 1 + below(VMS - 1)) % VMS
    const count = random() < 0.7 ? below(4) : 0
    const bytes = 60 + below(900)
    const urgent = random() < 0.1
    const taker = below(2 * VMS)
    for (const side of sides) {
      for (let sent = 0; sent < count; sent++) side.send(from, to, bytes, urgent)
      side.turn()
      if (taker < VMS) side.take(taker)
    }
    everyStep(step)
  }
}

/** What was decided for each VM so far: publications by reason, frames, holds. */
const decided = ({ memory }: Side) =>
  Array.from({ length: VMS }, (_, vm) => {
    const { reasons } = readPublication(memory.u64, vm)
    const { counts } = readCounters(memory.u64, vm)
    return {
      reasons,
      publishes: counts.publishes,
      frames: counts.published_frames,
      calls: counts.calls,
    }
  })

afterEach(() => {
  vi.restoreAllMocks()
  cleanUp()
})

describe('engine and simulator, given the same arrivals', () => {
  it.each([
    ['natural', { holdUs: 0, urgentPublish: false }],
    ['a container of 9 frames or 120 us', { holdUs: 120, maxFrames: 9, urgentPublish: false }],
    ['holds that end for urgent frames and gaps', { holdUs: 150, gapUs: 40, urgentPublish: true }],
    ['a limit of bytes', { holdUs: 300, maxBytes: 4000, urgentPublish: true }],
  ])('publish the same batches for the same reasons: %s', (_, change) => {
    const most = 0x7fffffff
    const limits: HoldLimits = {
      ...{ holdUs: 0, maxFrames: most, maxBytes: most, gapUs: most, urgentPublish: false },
      ...change,
    }
    const sides = [engineSide(), simulatedSide()] as const
    const before = sides.map(decided)
    for (const side of sides) for (let vm = 0; vm < VMS; vm++) side.setLimits(vm, limits)
    const since = (at: number) =>
      decided(sides[at as 0 | 1]).map((now, vm) => {
        const was = before[at]![vm]!
        const reasons = Object.entries(now.reasons).map(([name, count]) => [
          name,
          count - (was.reasons[name] ?? 0),
        ])
        return {
          ...{
            reasons: reasons.filter(([, count]) => count !== 0),
            publishes: now.publishes! - was.publishes!,
          },
          ...{ frames: now.frames! - was.frames!, calls: now.calls! - was.calls! },
        }
      })
    drive(sides, 2000, (step) => {
      if (step % 100 === 0) expect(since(1)).toEqual(since(0))
    })
    expect(since(1)).toEqual(since(0))
    expect(since(1)[0]!.publishes).toBeGreaterThan(100)
  })

  it('decide the same holds and rests under adaptive', () => {
    const sides = [engineSide(), simulatedSide()] as const
    const controllers = sides.map(controlled)
    let workedUs = 0
    drive(sides, 8000, () => {
      workedUs += 2
      for (const controller of controllers) controller.tick(workedUs)
    })
    const [real, simulated] = controllers.map((each) => each.decisions())
    expect(real!.length).toBeGreaterThan(3)
    expect(real!.some(({ vifs }) => vifs.some(({ figures }) => (figures.delayUs ?? 0) > 0))).toBe(true)
    expect(simulated).toEqual(real)
  })
})

import { describe, expect, it } from 'vitest'
import { IDLE, limits, MAX_SPIN_US, made } from '../../test/support/pace.js'
import { MAX_SPIN_TURN_US, Pace, SLEEP, TICK_US, TICKS_PER_PROBING } from './pace.js'
import { LEAST_SPIN_US, PROBE_US, PROBES } from './wake-cost.js'

describe('Pace.slept', () => {
  it('spins longer after each short sleep, up to the bound, and shorter after each long one, down to nothing', () => {
    const { pace } = made()
    const lengths = (toUs: number, times: number): number[] =>
      Array.from({ length: times }, () => {
        pace.slept(0, toUs, TICK_US)
        return pace.spinUs
      })
    expect(lengths(MAX_SPIN_US - 1, 5)).toEqual([2, 6, 14, 20, 20])
    expect(lengths(MAX_SPIN_US, 6)).toEqual([10, 5, 2.5, 1.25, 0, 0])
  })

  it('never spins when the bound is 0', () => {
    const { pace } = made(0)
    pace.slept(0, 0, TICK_US)
    expect(pace.spinUs).toBe(0)
    expect(pace.next(0, false)).toBe(SLEEP)
  })
})

describe('Pace.sleepUs', () => {
  it('probes what a wake-up costs in some sleeps after a tick, where nothing is due sooner', () => {
    const pace = new Pace(limits())
    pace.ticked(0)
    const next = (due = IDLE): number => pace.sleepUs(0, TICK_US, due)
    expect(next({ ...IDLE, heldUs: PROBE_US - 1 })).toBe(PROBE_US - 1)
    pace.slept(0, PROBE_US - 1, PROBE_US - 1)
    for (let round = 0; round < 3; round++) {
      for (let probes = 0; probes < PROBES; probes++) {
        expect(next()).toBe(PROBE_US)
        pace.slept(0, PROBE_US + 30, PROBE_US)
      }
      for (let ticks = 0; ticks < TICKS_PER_PROBING; ticks++) {
        expect(next()).toBe(TICK_US)
        pace.ticked(0)
      }
    }
  })
})

describe('Pace.maxSpinUs', () => {
  const slept = (pace: Pace, lateUs: number): void => {
    for (let ticks = 0; ticks < 10 * TICKS_PER_PROBING; ticks++) {
      pace.ticked(0)
      for (let probes = 0; probes < PROBES; probes++) pace.slept(0, PROBE_US + lateUs, PROBE_US)
    }
    pace.ticked(0)
  }

  it('follows what wake-ups cost when no bound was given', () => {
    const pace = new Pace(limits())
    expect(pace.maxSpinUs).toBe(20)
    slept(pace, 40)
    expect([pace.wakeUs, pace.maxSpinUs]).toEqual([40, 80])
    for (let sleeps = 0; sleeps < 10; sleeps++) pace.slept(0, 79, TICK_US)
    expect(pace.spinUs).toBe(80)
    slept(pace, 15)
    pace.slept(0, 1, TICK_US)
    expect([pace.maxSpinUs, pace.spinUs <= 30]).toEqual([30, true])
  })

  it('is the least one while others want the processor', () => {
    const pace = new Pace(limits())
    slept(pace, 40)
    pace.ticked(0, 0.1)
    expect(pace.maxSpinUs).toBe(LEAST_SPIN_US)
    pace.ticked(0, 0.01)
    expect(pace.maxSpinUs).toBe(80)
  })

  it('is what was given, whatever wake-ups cost', () => {
    for (const given of [0, 35]) {
      const { pace } = made(given)
      slept(pace, 90)
      expect([pace.wakeUs, pace.maxSpinUs]).toEqual([90, given])
    }
  })
})

describe('Pace.spun', () => {
  it('counts a turn that was interrupted as an ordinary one', () => {
    const { pace } = made()
    pace.spun(10, 11)
    pace.spun(20, 9000)
    expect(pace.spunUs).toBe(1 + MAX_SPIN_TURN_US)
  })
})

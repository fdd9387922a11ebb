import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ALLOWANCE_US,
  AwakeRule,
  type AwakeSample,
  type AwakeState,
  LEAST_WAKE_US,
  QUIET_SHARE,
  QUIET_US,
  SETTLE_US,
  WORTH_SHARE,
} from './awake.js'

const STEP_US = 25_000
const PROCESSORS = 2

/**
 * A switch under the rule with a modelled clock: wake-ups come as the test says, and processors that are kept awake burn
 * the part of their time that is idle.
 */
class Model {
  readonly rule: AwakeRule
  readonly states: AwakeState[] = []
  nowUs = 0
  wakes = 0
  burntUs = 0
  wakeUs = 20

  constructor(share: number) {
    this.rule = new AwakeRule(share)
  }

  /** @param wakeShare share of the time that wake-ups would take, at what they cost asleep */
  step(wakeShare: number, idleShare = 1, us = STEP_US): AwakeState {
    this.nowUs += us
    this.wakes += (wakeShare * us) / this.wakeUs
    if (this.rule.state === 'on') this.burntUs += idleShare * PROCESSORS * us
    const { nowUs, wakes, wakeUs, burntUs } = this
    const sample: AwakeSample = { nowUs, wakes, wakeUs, burntUs, processors: PROCESSORS }
    const state = this.rule.decide(sample)
    this.states.push(state)
    return state
  }

  for(us: number, wakeShare: number, idleShare = 1): AwakeState {
    let state: AwakeState = this.rule.state
    for (const endUs = this.nowUs + us; this.nowUs < endUs; ) state = this.step(wakeShare, idleShare)
    return state
  }
}

describe('AwakeRule', () => {
  it('is never on when its share is 0', () => {
    const model = new Model(0)
    expect(model.for(5e6, 0.9)).toBe('off')
    expect(new Set(model.states)).toEqual(new Set(['off']))
  })

  it('is on once wake-ups take their share of the time, and not a bit below', () => {
    const model = new Model(1)
    expect(model.for(1e6, WORTH_SHARE * 0.99)).toBe('quiet')
    expect(model.step(WORTH_SHARE * 1.01)).toBe('on')
  })

  it('stays on while at least half as much crosses, and is off when less does for a while', () => {
    const model = new Model(1)
    model.for(1e6, 0.5)
    expect(model.for(3e6, QUIET_SHARE * 1.01)).toBe('on')
    expect(model.for(QUIET_US - STEP_US, 0)).toBe('on')
    expect(model.step(0)).toBe('quiet')
    expect(model.for(1e6, QUIET_SHARE * 1.01)).toBe('quiet')
  })

  it('stays on over gaps that are shorter', () => {
    const model = new Model(1)
    model.for(1e6, 0.5)
    model.states.length = 0
    for (let gaps = 0; gaps < 20; gaps++) {
      model.for(QUIET_US - 2 * STEP_US, 0)
      model.step(0.5)
    }
    expect(new Set(model.states)).toEqual(new Set(['on']))
  })

  it.each([Number.NaN, 0, LEAST_WAKE_US - 0.1])('is off where a wake-up costs %f us', (wakeUs) => {
    const model = new Model(1)
    model.wakeUs = wakeUs
    for (let steps = 0; steps < 100; steps++) {
      model.wakes += 1000
      model.step(0)
    }
    expect(model.rule.state).toBe('cheap')
  })

  it('goes by what wake-ups cost before, when it is on and they cost little', () => {
    const model = new Model(1)
    model.for(1e6, 0.5)
    model.wakeUs = 1
    model.for(1e6, 0.5)
    expect([model.rule.state, model.rule.asleepUs]).toEqual(['on', 20])
    model.for(QUIET_US, 0)
    model.for(SETTLE_US - 2 * STEP_US, 0)
    expect(model.rule.asleepUs).toBe(20)
    model.step(0)
    expect(model.rule.asleepUs).toBe(1)
  })

  it('burns its share and no more in the long run, after what was saved up', () => {
    const share = 0.1
    const model = new Model(share)
    model.for(60e6, 0.5)
    const allowedUs = share * PROCESSORS * (60e6 + ALLOWANCE_US)
    expect(model.burntUs).toBeLessThanOrEqual(allowedUs + PROCESSORS * STEP_US)
    expect(model.burntUs).toBeGreaterThan(0.8 * allowedUs)
    expect(model.states).toContain('spent')
  })

  it('counts what was burnt, not how long it was on: where nothing is idle it stays on', () => {
    const model = new Model(0.1)
    model.for(60e6, 0.5, 0.05)
    expect(model.states).not.toContain('spent')
    expect(model.rule.state).toBe('on')
  })

  it('does not flap when the share is spent', () => {
    const model = new Model(0.2)
    model.for(120e6, 0.5)
    const changes = model.states.filter((state, at) => at > 0 && state !== model.states[at - 1])
    expect(changes.length).toBeLessThan(60)
  })

  it('begins anew with another share', () => {
    const model = new Model(0.1)
    model.for(60e6, 0.5)
    model.rule.share = 0
    expect(model.for(1e6, 0.5)).toBe('off')
    model.rule.share = 1
    expect(model.for(1e6, 0.5)).toBe('on')
  })

  it('never burns more than its share and what is saved up, whatever crosses', () => {
    const load = fc.record({
      wakeShare: fc.double({ min: 0, max: 1, noNaN: true }),
      us: fc.integer({ min: 1_000, max: 200_000 }),
      idleShare: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.array(load, { maxLength: 300 }),
        (share, loads) => {
          const model = new Model(share)
          for (const { wakeShare, us, idleShare } of loads) model.step(wakeShare, idleShare, us)
          const longestStepUs = 200_000
          const allowedUs = share * PROCESSORS * (model.nowUs + ALLOWANCE_US) + PROCESSORS * longestStepUs
          expect(model.burntUs).toBeLessThanOrEqual(allowedUs)
        },
      ),
    )
  })
})

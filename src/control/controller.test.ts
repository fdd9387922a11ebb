import { describe, expect, it } from 'vitest'
import { LinearMemory } from '../core/linear-memory.js'
import { CALM_PERIOD_US, Controller } from './controller.js'
import { DecisionInForce } from './in-force.js'
import { TuningReader } from './tuning-reader.js'
import { TuningSettings } from './tuning-settings.js'

const BUDGET = 0.5
const MB = 1 << 20

/** A controller without vifs, and its periods: shares of the time that the engine worked and spun. */
function controlled(policy: 'adaptive' | 'natural') {
  const settings = new TuningSettings({ policy: { name: policy }, budget: BUDGET })
  const controller = new Controller(new LinearMemory(64 * MB), settings.buffer)
  const inForce = new DecisionInForce(settings)
  let [now, worked, spun, waited] = [0, 0, 0, 0]
  const period = (work: number, spin: number, us = CALM_PERIOD_US, wait = 0): boolean => {
    now += us
    worked += work * us
    spun += spin * us
    waited += wait * us
    controller.run(now, { workedUs: worked, spunUs: spun, waitedUs: waited, wakes: 0 })
    if (inForce.isNew) inForce.take(() => {})
    return inForce.maySpin(spun)
  }
  period(0, 0)
  const decisions = () => new TuningReader(settings.buffer).read().decisions
  return { settings, decisions, period, mayStillSpin: (moreUs: number) => inForce.maySpin(spun + moreUs) }
}

describe('Controller', () => {
  it('maySpin rations spinning to what the budget leaves beside the work', () => {
    const { period, mayStillSpin } = controlled('adaptive')
    period(0.3, 0)
    // A budget of 0.5 less 0.3 of work: 0.2 of a period.
    expect(mayStillSpin(0.19 * CALM_PERIOD_US)).toBe(true)
    expect(mayStillSpin(0.21 * CALM_PERIOD_US)).toBe(false)
    expect(period(0.3, 0.1)).toBe(true)
    expect(mayStillSpin(0.21 * CALM_PERIOD_US)).toBe(false)
  })

  it('maySpin is false when work, or waiting for the processor beside it, takes all of the budget', () => {
    const { period } = controlled('adaptive')
    expect(period(0.6, 0)).toBe(false)
    expect(period(0.2, 0)).toBe(true)
    expect(period(0.2, 0.2, CALM_PERIOD_US, 0.4)).toBe(false)
  })

  it('run tells the share of time that the engine waited for its processor', () => {
    const { decisions, period } = controlled('adaptive')
    for (let i = 0; i < 100; i++) period(0.3, 0, CALM_PERIOD_US, 0.4)
    const figures = decisions().at(-1)?.figures
    expect(figures?.useShare).toBeCloseTo(0.3, 2)
    expect(figures?.waitShare).toBeCloseTo(0.4, 2)
  })

  it('maySpin stays true under a policy that has no budget', () => {
    const { period } = controlled('natural')
    expect(period(0.3, 0.7)).toBe(true)
  })

  it('run tells the share of time worked, none of it from before the policy was chosen', () => {
    const { settings, decisions, period } = controlled('adaptive')
    period(0.25, 0, 600_000)
    const use = () => decisions().at(-1)?.figures.useShare
    expect(use()).toBeCloseTo(0.25, 1)
    settings.configure({ policy: { name: 'natural' } })
    period(1, 0)
    settings.configure({ policy: { name: 'adaptive' } })
    period(1, 0)
    expect(use()).toBe(0)
  })
})

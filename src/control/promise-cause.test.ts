import { describe, expect, it } from 'vitest'
import { ModelledPromise, type ModelledSecond } from '../../test/support/promise-model.js'
import type { PromiseVerdict } from './promise-verdict.js'

/** One second in which 5 % of 10,000 frames are late by what is given. */
function second(late: { queueUs?: number; holdUs?: number }, more: ModelledSecond = {}): ModelledSecond {
  return {
    load: [
      { frames: 9_500, queueUs: 10, holdUs: 50 },
      { frames: 500, ...late },
    ],
    counted: { publishes: 5_000, calls: 5_000, egress_bursts: 5_000 },
    decided: 'held',
    figures: { useShare: 0.3, waitShare: 0, needShare: 0.2, trim: 1 },
    ...more,
  }
}

function verdictOf(
  each: ModelledSecond,
  change: (model: ModelledPromise) => void = () => {},
): PromiseVerdict {
  const model = new ModelledPromise()
  change(model)
  return model.run(20, each)
}

const LATE_BY_QUEUE = { queueUs: 900 }

describe('causeOf', () => {
  const tight = (model: ModelledPromise): void => {
    model.budget = 0.05
  }
  const TIGHT = {
    decided: 'infeasible-cpu',
    figures: { useShare: 0.2, waitShare: 0, needShare: 0.25, trim: 1.2 },
    vifFigures: { queueP99Us: 150, floorP99Us: 1_300 },
  } as const

  it('causeOf is budget when the targets need more than that and the delay by decision is too long, and says what to ask for', () => {
    const verdict = verdictOf(second({ queueUs: 400, holdUs: 900 }, TIGHT), tight)
    expect(verdict).toMatchObject({ state: 'missed', cause: 'budget', overBudget: true })
    expect(verdict.sentence).toContain('the targets need 0.3 of a processor, the budget is 0.05')
    expect(verdict.advice).toBe('Raise the budget to about 0.33, or the target to about 1300 us.')
  })

  it('causeOf is budget, with nothing to raise it to, when the load needs more than a processor', () => {
    const figures = { useShare: 0.9, waitShare: 0, needShare: 1.4, trim: 1 }
    const { advice } = verdictOf(
      second({ holdUs: 900 }, { ...TIGHT, figures, vifFigures: { queueP99Us: 100 } }),
    )
    expect(advice).toMatch(/^No budget is enough for this load/)
  })

  it('causeOf is not budget when frames are late whatever is decided', () => {
    expect(verdictOf(second(LATE_BY_QUEUE, { ...TIGHT, vifFigures: { queueP99Us: 400 } }), tight).cause).toBe(
      'queueing',
    )
  })

  it('a target that is met beyond the budget says so, and what to ask for to stay within', () => {
    const verdict = verdictOf({ ...second({}), ...TIGHT, load: [{ frames: 500, holdUs: 100 }] }, tight)
    expect(verdict).toMatchObject({ state: 'met', cause: null, overBudget: true })
    expect(verdict.sentence).toContain('beyond the budget: the targets need 0.3 of a processor')
    expect(verdict.advice).toContain('target to about 1300 us')
  })

  it('causeOf is machine when the target is shorter than a few wake-ups and nothing else delays the frames', () => {
    const short = (model: ModelledPromise): void => {
      model.reading = { ...model.reading, targetUs: 30 }
    }
    const each = { load: [{ frames: 10_000, queueUs: 70 }], wakeUs: 25 }
    const verdict = verdictOf(second({}, each), short)
    expect(verdict).toMatchObject({ state: 'missed', cause: 'machine' })
    expect(verdict.advice).toContain('ringferry tune awake')
    expect(verdictOf(second({}, { ...each, load: [{ frames: 10_000, queueUs: 150 }] }), short).cause).toBe(
      'queueing',
    )
  })

  it('causeOf is shared when what others take makes a target infeasible that the budget alone would allow', () => {
    // use and wait together are six times what the model says; without the wait, three times less than the budget.
    const figures = { useShare: 0.1, waitShare: 0.5, needShare: 0.1, trim: 6 }
    const crowded = second(LATE_BY_QUEUE, { decided: 'infeasible-cpu', figures, waitShare: 0.5 })
    const verdict = verdictOf(crowded)
    expect(verdict.cause).toBe('shared')
    expect(verdict.sentence).toContain('it waits for it 50 % of the time')
    expect(verdict.advice).toContain('a processor of its own')
  })

  it('causeOf is shared only when waiting can explain as many late frames', () => {
    expect(verdictOf(second(LATE_BY_QUEUE, { waitShare: 0.03 })).cause).toBe('shared')
    expect(verdictOf(second(LATE_BY_QUEUE, { waitShare: 0.01 })).cause).toBe('queueing')
  })

  it('causeOf is burst when frames come in trains to a switch that has time', () => {
    const trains = { counted: { publishes: 200, egress_bursts: 200, backlogged: 3_000 } }
    const verdict = verdictOf(second(LATE_BY_QUEUE, trains))
    expect(verdict.cause).toBe('burst')
    expect(verdict.sentence).toContain('50 at once in the mean, a steady load would bring 1')
    const figures = { useShare: 0.95, waitShare: 0, needShare: 0.2, trim: 1 }
    expect(verdictOf(second(LATE_BY_QUEUE, { counted: { egress_bursts: 200 }, figures })).cause).toBe(
      'queueing',
    )
  })

  it('causeOf is queueing, not burst, when frames gather because the switch was held up', () => {
    const load = [{ frames: 10_000, queueUs: 9_000 }]
    expect(verdictOf(second({}, { load, counted: { egress_bursts: 200 } })).cause).toBe('queueing')
  })

  it('causeOf is receiver when frames wait for buffers under a steady load', () => {
    const counted = { egress_bursts: 5_000, backlogged: 400 }
    expect(verdictOf(second(LATE_BY_QUEUE, { counted })).cause).toBe('receiver')
    expect(verdictOf(second(LATE_BY_QUEUE, { counted: { ...counted, backlogged: 20 } })).cause).toBe(
      'queueing',
    )
  })

  it('causeOf is the rate limit when the port has one and it holds the frames back', () => {
    const limited = verdictOf(
      second(LATE_BY_QUEUE, { counted: { egress_bursts: 5_000, backlogged: 400 } }),
      (model) => {
        model.reading = { ...model.reading, isRateLimited: true }
      },
    )
    expect(limited).toMatchObject({ cause: 'rate-limit' })
    expect(limited.advice).toContain('toVm')
  })

  it('causeOf is queueing when frames wait before the switch, and says whether it is busy or held up', () => {
    const idle = verdictOf(second(LATE_BY_QUEUE))
    expect(idle.cause).toBe('queueing')
    expect(idle.sentence).toContain('although it works only 30 % of the time: something holds it up')
    const figures = { useShare: 0.97, waitShare: 0, needShare: 0.2, trim: 1 }
    expect(verdictOf(second(LATE_BY_QUEUE, { figures })).sentence).toContain('it works 97 % of the time')
  })

  it('causeOf is hold when frames were published late and nothing else explains it', () => {
    expect(verdictOf(second({ holdUs: 900 })).cause).toBe('hold')
  })
})

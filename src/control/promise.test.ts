import { describe, expect, it } from 'vitest'
import { ModelledPromise, type ModelledSecond } from '../../test/support/promise-model.js'

const WELL: ModelledSecond = { load: [{ frames: 500, queueUs: 20, holdUs: 60 }] }
const LATE: ModelledSecond = { load: [{ frames: 500, queueUs: 900, holdUs: 100 }] }
const NOTHING: ModelledSecond = {}

describe('PromiseJudge', () => {
  it('take says no load, then met, when frames come within the target', () => {
    const model = new ModelledPromise()
    expect(model.run(3, NOTHING)).toMatchObject({ state: 'no-load', sentence: 'no load', advice: '' })
    const met = model.run(20, WELL)
    expect(met).toMatchObject({ state: 'met', missedByUs: null, cause: null, windowS: 10 })
    expect(met.since).toBe('1970-01-01T00:00:04.000Z')
    expect(met.last10s.withinShare).toBe(1)
    expect(met.sentence).toMatch(
      /^met since 1970-01-01T00:00:04\.000Z: p99 of the last 10 s [78]\d(\.\d)? us/,
    )
    expect(model.changes).toEqual([])
  })

  it('take says missed after 5 s beyond the target, met after 10 s within it, each told once', () => {
    const model = new ModelledPromise()
    model.run(20, WELL)
    expect(model.run(5, LATE).state).toBe('met')
    const missed = model.run(1, LATE)
    expect(missed.state).toBe('missed')
    expect(missed.since).toBe('1970-01-01T00:00:21.000Z')
    expect(missed.missedByUs).toBeGreaterThan(760)
    expect(missed.sentence).toMatch(/^missed by \d+ us since 1970-01-01T00:00:21\.000Z because \w/)
    expect(missed.advice).toMatch(/\.$/)
    model.run(60, LATE)
    // It takes 10 s until the last late frame has left the window, and 10 s more.
    expect(model.run(19, WELL)).toMatchObject({ state: 'missed', missedByUs: 0 })
    expect(model.run(1, WELL).state).toBe('met')
    expect(model.changes.map(({ event }) => event)).toEqual(['target-missed', 'target-met'])
  })

  it('take does not change its verdict again and again when delays come and go', () => {
    const model = new ModelledPromise()
    for (let i = 0; i < 20; i++) {
      model.run(7, LATE)
      model.run(8, WELL)
    }
    expect(model.changes.map(({ event }) => event)).toEqual(['target-missed'])
  })

  it('take keeps its verdict while p99 is no farther beyond the target than a histogram is exact', () => {
    const model = new ModelledPromise()
    model.run(20, WELL)
    expect(model.run(60, { load: [{ frames: 500, holdUs: 206 }] }).state).toBe('met')
    expect(model.run(60, { load: [{ frames: 500, holdUs: 240 }] }).state).toBe('missed')
    expect(model.run(60, { load: [{ frames: 500, holdUs: 206 }] }).state).toBe('missed')
  })

  it('take judges a thin load by 5 min, and says how few frames there are when even they are not enough', () => {
    const model = new ModelledPromise()
    const thin = (us: number): ModelledSecond => ({ load: [{ frames: 2, holdUs: us }] })
    expect(model.run(49, thin(900))).toMatchObject({
      state: 'no-load',
      sentence: 'no load: 96 frames in 5 min, a p99 takes 100',
    })
    expect(model.run(10, thin(900))).toMatchObject({ state: 'missed', windowS: 300 })
    expect(model.run(320, thin(50))).toMatchObject({ state: 'met', windowS: 300 })
    expect(model.run(301, NOTHING).state).toBe('no-load')
  })

  it('take says no load when the guest has gone', () => {
    const model = new ModelledPromise()
    model.run(20, LATE)
    model.reading = { ...model.reading, isAttached: false, guest: 'b' }
    expect(model.run(1, NOTHING)).toMatchObject({
      state: 'no-load',
      sentence: 'no load: no guest is attached',
    })
  })

  it.each([
    ['policy', 'policy natural does not hold targets', 'ringferry tune policy adaptive'],
    ['publish', 'the setting publish of the port takes the place of the policy', 'publish'],
    ['dry-run', 'a dry run leaves the limits as they are', 'tune --dry-run'],
  ] as const)('take says that the target is not held, with the p99, by %s', (notHeld, says, todo) => {
    const model = new ModelledPromise()
    model.reading = { ...model.reading, policy: 'natural', notHeld }
    const verdict = model.run(20, LATE)
    expect(verdict).toMatchObject({ state: 'not-held', missedByUs: null, cause: null })
    expect(verdict.sentence).toContain(says)
    expect(verdict.sentence).toMatch(/p99 of the last 10 s \d+ us \(\d+ frames\), target 200 us$/)
    expect(verdict.advice).toContain(todo)
    expect(model.changes).toEqual([])
  })

  it('take begins anew with another target, and tells what becomes of it', () => {
    const model = new ModelledPromise()
    model.run(20, LATE)
    model.reading = { ...model.reading, targetUs: 2_000 }
    expect(model.run(1, LATE)).toMatchObject({ state: 'no-load', last300s: { frames: 0 } })
    expect(model.run(1, LATE)).toMatchObject({ state: 'met', targetUs: 2_000, last10s: { frames: 500 } })
    expect(model.changes.map(({ event }) => event)).toEqual(['target-missed', 'target-met'])
  })

  it('take counts no frame twice, and none of before, when the port is removed and added', () => {
    const model = new ModelledPromise()
    model.run(20, LATE)
    model.addAgain()
    expect(model.run(1, WELL)).toMatchObject({ state: 'no-load', last10s: { frames: 0 } })
    expect(model.run(1, WELL)).toMatchObject({ state: 'met', last10s: { frames: 500 } })
    model.runWithout()
    model.addAgain()
    expect(model.run(1, LATE).last10s.frames).toBe(0)
    expect(model.run(2, LATE)).toMatchObject({ state: 'no-load', last10s: { frames: 1_000 } })
  })

  it('restart forgets the delays of the guest before', () => {
    const model = new ModelledPromise()
    model.run(20, LATE)
    model.restart()
    expect(model.run(2, WELL)).toMatchObject({ state: 'met', last300s: { frames: 500 } })
  })

  it('take says what aggregation brought over the last 10 s', () => {
    const model = new ModelledPromise()
    const second: ModelledSecond = {
      ...WELL,
      counted: { publishes: 50, calls: 25 },
      decided: 'held',
      figures: { useShare: 0.2, waitShare: 0, needShare: 0.1, trim: 1 },
      vifFigures: { publishCostUs: 2 },
    }
    const verdict = model.run(20, second)
    expect(verdict.batchFrames).toBeCloseTo(10, 9)
    expect(verdict.callsSavedShare).toBeCloseTo(0.95, 9)
    expect(verdict.cpuSavedShare).toBeCloseTo((450 * 2) / 1e6, 6)
    expect(new ModelledPromise().run(20, WELL)).toMatchObject({ batchFrames: null, cpuSavedShare: null })
  })
})

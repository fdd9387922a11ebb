import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../stats/random.js'
import { type SearchGoal, type SearchResult, searchBurst, searchRate, type Trial } from './rfc2544-search.js'

const GOAL: SearchGoal = { minFps: 1000, maxFps: 1_000_000, lossRatio: 0, resolution: 0.02, repeats: 2 }

function run(
  goal: SearchGoal,
  device: (rateFps: number) => Partial<Trial>,
): SearchResult & { tried: number[] } {
  const search = searchRate(goal)
  const tried: number[] = []
  for (let step = search.next(); ; ) {
    if (step.done) return { ...step.value, tried }
    expect(tried.length).toBeLessThan(200)
    tried.push(step.value)
    step = search.next({ lossRatio: 0, generatorLimited: false, ...device(step.value) })
  }
}

/** Takes so many frames a second and loses the rest. */
const exact = (capacity: number) => (rate: number) => ({ lossRatio: Math.max(0, 1 - capacity / rate) })

describe('searchRate', () => {
  it.each([
    1_500, 40_000, 123_456, 999_000,
  ])('searchRate finds the threshold of %i frames/s within its resolution when the device is exact', (capacity) => {
    const { rateFps, failedFps, limit, trials, tried } = run(GOAL, exact(capacity))
    expect(rateFps).toBeLessThanOrEqual(capacity)
    expect(failedFps).toBeGreaterThan(capacity)
    expect(rateFps).toBeGreaterThanOrEqual((failedFps as number) * 0.98)
    expect(limit).toBe('device')
    expect(trials).toBe(tried.length)
  })

  it('searchRate allows the loss of its goal when it searches a partial-drop rate', () => {
    const { rateFps } = run({ ...GOAL, lossRatio: 0.1, resolution: 0.001 }, exact(90_000))
    expect(rateFps).toBeGreaterThan(99_800)
    expect(rateFps).toBeLessThanOrEqual(100_000)
  })

  it('searchRate finds the threshold when a third of the trials lose frames by chance', () => {
    const random = seededRandom(7)
    let found = 0
    for (let i = 0; i < 200; i++) {
      const { rateFps } = run({ ...GOAL, repeats: 6 }, (rate) =>
        random() < 1 / 3 ? { lossRatio: 0.001 } : exact(400_000)(rate),
      )
      expect(rateFps).toBeLessThanOrEqual(400_000)
      if (rateFps > 400_000 * 0.96) found++
    }
    // A wrong step at one of about four passing rates: 4 * (1/3)^7 = 0.2 % of the searches.
    expect(found).toBeGreaterThan(190)
  })

  it('searchRate falls short of the threshold under the same noise when nothing is repeated', () => {
    const random = seededRandom(7)
    let found = 0
    for (let i = 0; i < 200; i++) {
      const { rateFps } = run({ ...GOAL, repeats: 0 }, (rate) =>
        random() < 1 / 3 ? { lossRatio: 0.001 } : exact(400_000)(rate),
      )
      if (rateFps > 400_000 * 0.96) found++
    }
    expect(found).toBeLessThan(100)
  })

  it('searchRate ends after one trial when the device loses nothing up to the largest rate', () => {
    expect(run(GOAL, () => ({}))).toEqual({
      ...{ rateFps: 1_000_000, failedFps: undefined, limit: 'range', trials: 1, tried: [1_000_000] },
    })
  })

  it('searchRate says 0 after a bounded number of trials when the device always loses', () => {
    const { rateFps, failedFps, limit, trials } = run(GOAL, () => ({ lossRatio: 0.5 }))
    expect(rateFps).toBe(0)
    expect(failedFps).toBe(1000)
    expect(limit).toBe('device')
    expect(trials).toBeLessThanOrEqual(3 * 12)
  })

  it('searchRate names the generator when the device takes all that is offered', () => {
    const { rateFps, limit } = run(GOAL, (rate) => ({ generatorLimited: rate > 300_000 }))
    expect(limit).toBe('generator')
    expect(rateFps).toBeGreaterThan(300_000 * 0.97)
    expect(rateFps).toBeLessThanOrEqual(300_000)
  })

  it('searchRate names the device when it loses although the generator offered less than asked for', () => {
    const { limit } = run(GOAL, (rate) => ({ ...exact(200_000)(rate), generatorLimited: rate > 300_000 }))
    expect(limit).toBe('device')
  })
})

describe('searchBurst', () => {
  const burst = (room: number, maxFrames = 65_536, resolution = 0) => {
    const search = searchBurst({ maxFrames, resolution, repeats: 1 })
    for (let step = search.next(); ; step = search.next(Math.max(0, step.value - room)))
      if (step.done) return step.value
  }

  it.each([1, 2, 255, 256, 257, 40_000])('searchBurst finds a room of %i frames exactly', (room) => {
    expect(burst(room)).toMatchObject({ frames: room, atLeast: false })
  })

  it('searchBurst says 0 when a single frame is lost', () => {
    expect(burst(0)).toMatchObject({ frames: 0, atLeast: false })
  })

  it('searchBurst says at least when the longest burst passes', () => {
    expect(burst(1e9, 5000)).toMatchObject({ frames: 5000, atLeast: true })
  })

  it('searchBurst stays within its resolution when it has one', () => {
    const { frames } = burst(30_000, 65_536, 0.02) as { frames: number }
    expect(frames).toBeLessThanOrEqual(30_000)
    expect(frames).toBeGreaterThan(30_000 * 0.97)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { control, FRAME_US, host, PUBLISH_US, serviceUs, steady } from '../../test/support/steady-load.js'
import { adaptivePolicy } from './adaptive.js'
import { DIM_PROFILES, dimPolicy } from './dim.js'
import { NO_LIMIT } from './hold-limits.js'
import { fixedPolicy, naturalPolicy, type Policy, perPacketPolicy, type VifSample } from './policy.js'

describe('constant policies', () => {
  it('decide gives the settings when asked for every vif', () => {
    const limits = (policy: Policy) => policy.decide(host([steady(7, 0.1, 0)], 0.5)).vifs[0]!
    expect(limits(perPacketPolicy()).limits).toMatchObject({ holdUs: 0, maxFrames: 1 })
    expect(limits(naturalPolicy()).limits).toMatchObject({ holdUs: 0, maxFrames: NO_LIMIT, gapUs: NO_LIMIT })
    expect(limits(fixedPolicy(80, 32))).toMatchObject({
      vif: 7,
      verdict: 'set',
      limits: { holdUs: 80, maxFrames: 32, urgentPublish: false },
    })
  })
})

describe('dim', () => {
  const top = DIM_PROFILES.length - 1

  it('decide climbs to the longest hold and parks there when the load is open', () => {
    const policy = dimPolicy()
    const profiles: number[] = []
    let holdUs = 8
    for (let period = 0; period < 400; period++) {
      const { limits, figures } = policy.decide(host([steady(0, 0.2, holdUs)], 1)).vifs[0]!
      holdUs = limits.holdUs
      profiles.push(figures.profile!)
    }
    expect(profiles.slice(-200)).toEqual(Array(200).fill(top))
    expect(holdUs).toBe(256)
  })

  it('decide stays parked when bytes move by less than ten per cent and leaves when they move by more', () => {
    const policy = dimPolicy()
    let holdUs = 8
    const decide = (change: Partial<VifSample>) => {
      const decision = policy.decide(host([steady(0, 0.2, holdUs, change)], 1)).vifs[0]!
      holdUs = decision.limits.holdUs
      return decision.figures.profile
    }
    for (let period = 0; period < 400; period++) decide({})
    for (let period = 0; period < 40; period++) expect(decide({ publishedBytes: 27_000 })).toBe(top)
    const after = Array.from({ length: 10 }, () => decide({ publishedBytes: 30_000 }))
    expect(after.some((profile) => profile !== top)).toBe(true)
  })

  it('decide waits for 64 events when traffic is thin', () => {
    const policy = dimPolicy()
    const decide = () =>
      policy.decide(host([steady(0, 0.2, 8, { publications: 10 })], 1)).vifs[0]!.figures.profile
    expect(Array.from({ length: 6 }, decide)).toEqual(Array(6).fill(1))
    expect(decide()).toBe(0)
  })

  it('decide steps to and fro ten times and rests tired for ten measurements when no step changes anything', () => {
    const policy = dimPolicy()
    const sample = steady(0, 0.2, 8, { publications: 200 })
    const profiles = Array.from(
      { length: 60 },
      () => policy.decide(host([sample], 1)).vifs[0]!.figures.profile!,
    )
    // Every step is followed by a period that is not measured.
    expect(profiles.slice(0, 20)).toEqual([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1])
    expect(profiles.slice(20, 30)).toEqual(Array(10).fill(1))
    expect(profiles.slice(30)).toContain(0)
  })
})

describe('adaptive', () => {
  it('decide meets the hold worked by hand when one VM must fit a budget', () => {
    // 0.05 (0.5 + 4 / (1 + 0.05 T)) = 0.1 gives T = 33.3 us.
    const { vifs, figures } = control(adaptivePolicy(), [0.05], 0.1, 400)
    expect(Math.abs(vifs[0]!.limits.holdUs / (100 / 3) - 1)).toBeLessThan(0.1)
    const use = 0.05 * (FRAME_US + PUBLISH_US / (1 + 0.05 * vifs[0]!.limits.holdUs))
    expect(Math.abs(use / 0.1 - 1)).toBeLessThan(0.02)
    expect(figures.restUs).toBe(0)
    expect(vifs[0]!.verdict).toBe('held')
  })

  it('decide meets the budget all the same when gaps end holds that the model knows nothing of', () => {
    const policy = adaptivePolicy()
    let holdUs = 0
    let use = 0
    for (let period = 0; period < 500; period++) {
      // Holds end after two thirds of their time.
      const vif = steady(0, 0.05, (2 * holdUs) / 3)
      use = serviceUs(vif) / 2000
      holdUs = policy.decide(host([vif], 0.1)).vifs[0]!.limits.holdUs
    }
    expect(Math.abs(use / 0.1 - 1)).toBeLessThan(0.04)
    expect(Math.abs(holdUs / 50 - 1)).toBeLessThan(0.1)
  })

  it('decide holds at once after a long idle time when the load comes back', () => {
    const policy = adaptivePolicy()
    expect(control(policy, [0.001], 0.1, 2000).vifs[0]!.limits.holdUs).toBe(0)
    expect(control(policy, [0.05], 0.1, 5).vifs[0]!.limits.holdUs).toBeGreaterThan(20)
  })

  it('decide recovers within 100 ms when overload ends', () => {
    const policy = adaptivePolicy()
    const overload = control(policy, [3], 0.5, 500, { queueP99Us: 2000, totalP99Us: 2100 })
    expect(overload.vifs[0]!.verdict).toBe('infeasible-cpu')
    const { vifs } = control(policy, [0.02], 0.5, 50)
    expect(vifs[0]).toMatchObject({ verdict: 'no-hold', limits: { holdUs: 0 } })
  })

  it('decide keeps a fifth of the target for the hold when queueing takes all of it', () => {
    const { vifs } = control(adaptivePolicy(), [0.5], 0.3, 300, { queueP99Us: 5000, totalP99Us: 5100 })
    expect(vifs[0]!.limits.holdUs).toBeCloseTo(40, 6)
    expect(vifs[0]!.verdict).toBe('infeasible-cpu')
  })

  it('decide follows a target that changes while running', () => {
    const policy = adaptivePolicy()
    const rates = [0.05, 0.05]
    const even = control(policy, rates, 0.2, 300).vifs.map(({ limits }) => limits.holdUs)
    expect(Math.abs(even[0]! / even[1]! - 1)).toBeLessThan(0.11)
    let holds = even
    for (let period = 0; period < 300; period++) {
      const vifs = rates.map((rate, i) => steady(i, rate, holds[i]!, { targetUs: i === 0 ? 100 : 400 }))
      holds = policy.decide(host(vifs, 0.2)).vifs.map(({ limits }) => limits.holdUs)
    }
    expect(holds[1]! / holds[0]!).toBeGreaterThan(3)
  })

  it('decide names by weight when demands are equal and the core is too small', () => {
    const policy = adaptivePolicy()
    const verdicts = () => {
      const vifs = [0, 1].map((i) => steady(i, 0.8, 150, { weight: i === 0 ? 4 : 1 }))
      return policy.decide(host(vifs, 0.7)).vifs.map(({ verdict }) => verdict)
    }
    for (let period = 0; period < 100; period++) verdicts()
    expect(verdicts()).toEqual(['held', 'infeasible-cpu'])
  })

  it('decide leaves gaps and urgent frames an early way out when it holds', () => {
    const { vifs } = control(adaptivePolicy(), [0.3], 0.25, 300)
    const { holdUs, gapUs, urgentPublish, maxFrames } = vifs[0]!.limits
    expect(urgentPublish).toBe(true)
    expect(gapUs).toBeLessThan(holdUs)
    expect(gapUs).toBeCloseTo(6 / 0.3, 0)
    expect(maxFrames).toBeGreaterThan(60)
  })

  it('decide gives finite limits within the target when samples are arbitrary', () => {
    const count = fc.integer({ min: 0, max: 100_000 })
    const time = fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(Number.NaN))
    const sample = fc.record({
      arrivedFrames: count,
      arrivedBursts: count,
      urgentBursts: count,
      publications: count,
      publishedFrames: count,
      sentFrames: count,
      polls: count,
      crowdedPolls: count,
      queueP99Us: time,
      totalP99Us: time,
      holdP99Us: time,
      targetUs: fc.constantFrom(20, 200, 5000),
    })
    fc.assert(
      fc.property(fc.array(fc.array(sample, { maxLength: 3 }), { maxLength: 25 }), (periods) => {
        const policy = adaptivePolicy()
        for (const changes of periods) {
          const vifs = changes.map((change, i) => steady(i, 0.1, 0, change))
          const { vifs: decisions, figures } = policy.decide(host(vifs, 0.3))
          expect(figures.theta).toBeGreaterThanOrEqual(0)
          expect(figures.theta).toBeLessThanOrEqual(1)
          decisions.forEach(({ limits }, i) => {
            expect(limits.holdUs).toBeGreaterThanOrEqual(0)
            expect(limits.holdUs).toBeLessThanOrEqual(changes[i]!.targetUs)
            expect(limits.maxFrames).toBeGreaterThanOrEqual(16)
            expect(limits.gapUs).toBeGreaterThan(0)
          })
        }
      }),
      { numRuns: 60 },
    )
  })
})

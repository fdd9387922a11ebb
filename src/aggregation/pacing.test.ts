import { describe, expect, it } from 'vitest'
import { control, host, steady } from '../../test/support/steady-load.js'
import { adaptivePolicy } from './adaptive.js'
import type { VifSample } from './policy.js'

describe('pacing', () => {
  it('decide spends the delay as rest while the senders have room, and holds what a VM may wait beyond', () => {
    const room = { sendRoom: 100_000 }
    const policy = adaptivePolicy()
    let delays = [0, 0]
    let decision = policy.decide(host([], 0.2))
    for (let period = 0; period < 300; period++) {
      const vifs = delays.map((delay, i) =>
        steady(i, 0.05, delay, { ...room, targetUs: i === 0 ? 100 : 400 }),
      )
      decision = policy.decide(host(vifs, 0.2))
      delays = decision.vifs.map(({ figures }) => figures.delayUs!)
    }
    const [tight, loose] = decision.vifs
    expect(decision.restUs).toBeGreaterThan(10)
    expect(decision.restUs).toBeLessThanOrEqual(tight!.figures.delayUs!)
    expect(tight!.limits.holdUs).toBe(0)
    expect(loose!.limits.holdUs + decision.restUs).toBeCloseTo(loose!.figures.delayUs!, 6)
    expect(loose!.figures.delayUs! / tight!.figures.delayUs!).toBeGreaterThan(3)
  })

  it('decide leaves the delay to holds when a thread that rests would have no time left to', () => {
    const room = { sendRoom: 100_000, targetUs: 400 }
    const decided = (busyUs: number) => {
      const policy = adaptivePolicy()
      let decision = policy.decide(host([], 0.2))
      let delayUs = 0
      for (let period = 0; period < 300; period++) {
        decision = policy.decide(host([steady(0, 2, delayUs, room)], 0.2, { busyUs }))
        delayUs = decision.vifs[0]!.figures.delayUs!
      }
      return { delayUs, restUs: decision.restUs, holdUs: decision.vifs[0]!.limits.holdUs }
    }
    const [half, all] = [decided(1000), decided(2000)]
    // What gathers is more than a burst: the thread works as long as it rests.
    expect(half.restUs / half.delayUs).toBeCloseTo(0.5, 1)
    expect(all.delayUs).toBeGreaterThan(100)
    // A burst of 64 frames at 2 a microsecond.
    expect(all.restUs).toBeLessThanOrEqual(32)
    for (const { delayUs, restUs, holdUs } of [half, all]) expect(holdUs + restUs).toBeCloseTo(delayUs, 6)
  })

  it('decide does not rest when a VM waits for answers', () => {
    const change = { sendRoom: 100_000, urgentBursts: 100 }
    expect(control(adaptivePolicy(), [0.05], 0.1, 300, { sendRoom: 100_000 }).restUs).toBeGreaterThan(10)
    expect(control(adaptivePolicy(), [0.05], 0.1, 300, change).restUs).toBe(0)
  })

  it('decide shortens the rest when senders find their rings full', () => {
    const rest = (change: Partial<VifSample>) => {
      const policy = adaptivePolicy()
      const vif = (delayUs: number) => steady(0, 0.5, delayUs, { sendRoom: 200, polls: 100, ...change })
      let delayUs = 0
      const rests: number[] = []
      for (let period = 0; period < 300; period++) {
        const { restUs, vifs } = policy.decide(host([vif(delayUs)], 0.1))
        delayUs = vifs[0]!.figures.delayUs!
        rests.push(restUs)
      }
      return Math.max(...rests.slice(-20))
    }
    // A quarter of 200 frames at 0.5 a microsecond.
    expect(rest({})).toBeCloseTo(100, 0)
    expect(rest({ crowdedPolls: 30 })).toBeLessThan(30)
  })

  it('decide holds when others keep the thread waiting for its core', () => {
    const policy = adaptivePolicy()
    const decide = (waitUs: number) =>
      policy.decide(host([steady(0, 0.05, 0)], 0.3, { waitUs })).figures.theta
    for (let period = 0; period < 50; period++) expect(decide(0)).toBe(0)
    for (let period = 0; period < 50; period++) decide(600)
    expect(decide(600)).toBeGreaterThan(0)
  })

  it('decide paces a thread that cannot keep its budget while others wait for its core and senders are crowded', () => {
    const policy = adaptivePolicy()
    const crowded = { polls: 100, crowdedPolls: 50, sendRoom: 256, receiveRoom: 16_384 }
    const decide = (waitUs: number, change: Partial<VifSample> = crowded) =>
      policy.decide(host([steady(0, 3, 150, change)], 0.4, { waitUs, busyUs: 1400 }))
    for (let period = 0; period < 100; period++) expect(decide(0).workUs).toBe(Number.POSITIVE_INFINITY)
    for (let period = 0; period < 50; period++) decide(500)
    const { restUs, workUs } = decide(500)
    expect(restUs).toBe(25)
    // Work for a time that makes 0.4 of work and rest together.
    expect(workUs / (workUs + restUs)).toBeCloseTo(0.4, 9)
    // It goes on while they are crowded, although the others do not wait any more, and ends with it.
    for (let period = 0; period < 50; period++) expect(decide(0).workUs).toBe(workUs)
    for (let period = 0; period < 20; period++) decide(0, { polls: 100, sendRoom: 256 })
    expect(decide(0, { polls: 100, sendRoom: 256 }).workUs).toBe(Number.POSITIVE_INFINITY)
  })

  it('decide fills whole rings in place of pacing when they fill within the delay', () => {
    const crowded = { polls: 100, crowdedPolls: 50, sendRoom: 256 }
    const decided = (receiveRoom: number) => {
      const policy = adaptivePolicy()
      const decide = () =>
        policy.decide(
          host([steady(0, 3, 150, { ...crowded, receiveRoom })], 0.4, { waitUs: 500, busyUs: 1400 }),
        )
      for (let period = 0; period < 50; period++) decide()
      const { workUs, vifs } = decide()
      return { isPaced: workUs < 1000, maxFrames: vifs[0]!.limits.maxFrames }
    }
    // 3 a microsecond.
    const { isPaced, maxFrames } = decided(200)
    expect(isPaced).toBe(false)
    expect(maxFrames).toBeGreaterThan(100)
    expect(maxFrames).toBeLessThanOrEqual(200)
    expect(decided(16_384).isPaced).toBe(true)
  })

  it('decide probes every few seconds whether a paced thread still is in the way', () => {
    const policy = adaptivePolicy()
    const change = { polls: 100, crowdedPolls: 50, sendRoom: 256, receiveRoom: 16_384 }
    const isPaced = () =>
      policy.decide(host([steady(0, 3, 150, change)], 0.4, { waitUs: 500, busyUs: 1400 })).workUs < 1000
    const states = Array.from({ length: 4000 }, isPaced)
    const ended = states.filter((paced, at) => at > 0 && states[at - 1] && !paced).length
    expect(ended).toBeGreaterThanOrEqual(2)
    expect(states.filter((paced) => paced).length / states.length).toBeGreaterThan(0.9)
  })
})

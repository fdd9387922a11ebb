/** Counters of vifs under steady loads, as the theory predicts them, and policies that control them. */
import type { HostSample, Policy, VifSample } from '../../src/aggregation/policy.js'

export const PUBLISH_US = 4
export const FRAME_US = 0.5

/** Counters of a vif under a steady load at a hold, as the theory predicts them. */
export function steady(
  vif: number,
  rate: number,
  holdUs: number,
  change: Partial<VifSample> = {},
): VifSample {
  const periodUs = 2000
  const publications = (rate * periodUs) / (1 + rate * holdUs)
  return {
    vif,
    targetUs: 200,
    weight: 1,
    arrivedFrames: rate * periodUs,
    arrivedBytes: 64 * rate * periodUs,
    arrivedBursts: rate * periodUs,
    urgentBursts: 0,
    publications,
    publishedFrames: rate * periodUs,
    publishedBytes: 64 * rate * periodUs,
    // No room for a rest: all delay is hold.
    sentFrames: rate * periodUs,
    sendRoom: 0,
    polls: 0,
    crowdedPolls: 0,
    receiveRoom: 256,
    holdP99Us: holdUs,
    queueP99Us: 10,
    totalP99Us: holdUs + 10,
    ...change,
  }
}

export const serviceUs = ({ publications, publishedFrames }: VifSample) =>
  Math.min(2000, publications * PUBLISH_US + publishedFrames * FRAME_US)

export function host(
  vifs: readonly VifSample[],
  budget: number,
  change: Partial<HostSample> = {},
): HostSample {
  const busyUs = vifs.reduce((sum, vif) => sum + serviceUs(vif), 0)
  return { periodUs: 2000, busyUs: Math.min(2000, busyUs), waitUs: 0, wakes: 0, budget, vifs, ...change }
}

/** Let a policy control steady loads, every period as its last limits make it. */
export function control(
  policy: Policy,
  rates: readonly number[],
  budget: number,
  periods: number,
  change: Partial<VifSample> = {},
) {
  let holds = rates.map(() => 0)
  let decision = policy.decide(
    host(
      rates.map((rate, i) => steady(i, rate, 0, change)),
      budget,
    ),
  )
  for (let period = 0; period < periods; period++) {
    holds = decision.vifs.map(({ limits }) => limits.holdUs)
    decision = policy.decide(
      host(
        rates.map((rate, i) => steady(i, rate, holds[i]!, change)),
        budget,
      ),
    )
  }
  return decision
}

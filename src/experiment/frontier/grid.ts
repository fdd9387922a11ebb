/**
 * What a hold costs and gives, as points of a sweep: fixed holds by their two settings at a load that is carried, the same
 * at more than is carried, and every policy that decides by itself beside them.
 */
import type { PolicyConfig } from '../../aggregation/create.js'
import { pointOf, type SweepPoint } from '../sweep-points.js'

export const VMS = 8
/** Frames a second of each VM: together a third of what one thread carries; and twice what it carries. */
export const CARRIED_FPS = 50_000
const FLOOD_FPS = 1_500_000
/** Settings of `fixed`. */
export const HOLDS_US = [5, 10, 20, 50, 100, 200, 400] as const
export const SIZES = [2, 4, 8, 16, 32, 64, 128] as const
/** What the adaptive policy may use of the thread. */
export const BUDGETS = [0.3, 0.2, 0.15, 0.12, 0.1] as const
export const TARGET_US = 200

export type Load = 'carried' | 'flood'

/** A point's settings: those of `fixed`, or a policy that decides by itself, with its budget. */
export interface FrontierFactors {
  readonly load: Load
  readonly policy: PolicyConfig['name']
  readonly holdUs: number
  readonly maxFrames: number
  readonly budget: number
}

function modelData({ load, policy, holdUs, maxFrames, budget }: FrontierFactors): unknown {
  const rateFps = load === 'carried' ? CARRIED_FPS : FLOOD_FPS
  const decides = policy === 'adaptive' || policy === 'dim'
  return {
    name: 'frontier',
    host: { cores: VMS + 1, ghz: 3 },
    policy: policy === 'fixed' ? { name: policy, holdUs, maxFrames } : policy,
    budget,
    nics: [{ name: 'eth0', gbps: 10 }],
    vms: [
      { name: 'v', count: VMS, targetUs: TARGET_US, cores: Array.from({ length: VMS }, (_, at) => at + 1) },
    ],
    traffic: [{ kind: 'open', from: 'eth0', to: 'v', rateFps, frameBytes: 60 }],
    measureMs: load === 'carried' ? 200 : 20,
    warmUpMs: decides ? 600 : 20,
    replications: { min: 3, max: 3 },
  }
}

/** All points. @param quick a coarse grid, to see that everything works */
export function frontierPoints(seed: number, quick = false): SweepPoint[] {
  const holds = quick ? [20, 200] : HOLDS_US
  const sizes = quick ? [4, 64] : SIZES
  const all: FrontierFactors[] = []
  const none = { holdUs: 0, maxFrames: 0, budget: 0.8 }
  for (const load of ['carried', 'flood'] as const) {
    for (const holdUs of holds)
      for (const maxFrames of sizes) all.push({ load, policy: 'fixed', holdUs, maxFrames, budget: 0.8 })
    for (const policy of ['per-packet', 'natural', 'dim'] as const) all.push({ load, policy, ...none })
    for (const budget of load === 'carried' ? BUDGETS : [0.8])
      all.push({ load, policy: 'adaptive', ...none, budget })
  }
  return all.map((factors) => pointOf(modelData(factors), { ...factors }, seed))
}

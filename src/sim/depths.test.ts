import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { mean } from '../stats/summary.js'
import { MODEL_DEFAULTS, type Model, NIC_DEFAULTS, OPEN_DEFAULTS, VM_DEFAULTS } from './model.js'
import type { Results } from './results.js'
import { runModel } from './run.js'
import { seedModel } from './seed.js'

const plane = planeModule()
/** One run of the controller is not like another: means of some. */
const SEEDS = [5, 6]
const names = ['a', 'b', 'c', 'd']

/** Four VMs on processors of their own, frames from the wire and between them. */
const bridged = (change: Partial<Model>): Model => ({
  ...MODEL_DEFAULTS,
  name: 'bridged',
  host: { ...MODEL_DEFAULTS.host, cores: 3 },
  nics: [{ ...NIC_DEFAULTS, name: 'eth0' }],
  vms: names.map((name, at) => ({ ...VM_DEFAULTS, name, cores: [1 + (at % 2)] })),
  traffic: [
    ...names.map((to) => ({ ...OPEN_DEFAULTS, label: to, from: 'eth0', to, rateFps: 60_000 })),
    {
      ...OPEN_DEFAULTS,
      label: 'a to b',
      from: 'a',
      to: 'b',
      rateFps: 40_000,
      frameBytes: 1000,
      urgentShare: 0.1,
    },
    { ...OPEN_DEFAULTS, label: 'c out', from: 'c', to: 'eth0', rateFps: 30_000, frameBytes: 'imix' as const },
  ],
  measureMs: 30,
  warmUpMs: 20,
  ...change,
})

const { traffic } = bridged({})

const CASES: readonly (readonly [string, Model])[] = [
  ['natural', bridged({})],
  ['per-packet', bridged({ policy: { name: 'per-packet' } })],
  ['fixed', bridged({ policy: { name: 'fixed', holdUs: 80, maxFrames: 8 } })],
  [
    'adaptive with a budget that is too small',
    bridged({ policy: { name: 'adaptive' }, budget: 0.08, warmUpMs: 300, measureMs: 100 }),
  ],
  [
    'TCP through a driver domain',
    {
      ...seedModel({ architecture: 'xen', device: 'paravirtual', place: 'guest', direction: 'receive' }),
      measureMs: 150,
    },
  ],
]

describe('rings real and rings as counts', () => {
  it.each(CASES)('runModel gives the same within 2 % in both depths: %s', (_, model) => {
    const runs = (depth: Model['depth']) =>
      SEEDS.map((seed) => runModel({ ...model, depth }, { seed, plane }))
    const [counts, rings] = [runs('counts'), runs('rings')]
    const near = (name: string, of: (run: Results) => number): void => {
      const [one, other] = [mean(counts.map(of)), mean(rings.map(of))]
      const message = `${name}: ${one} as counts, ${other} as rings`
      expect(Math.abs(one - other), message).toBeLessThanOrEqual(0.02 * Math.abs(other) + 1e-9)
    }
    for (const name of ['fps', 'mbps', 'driverCpu', 'guestCpu', 'callsPerFrame'] as const)
      near(name, (run) => run[name])
    near('frames of a batch', ({ vms }) => mean(vms.map(({ batchFrames }) => batchFrames)))
    near('publications', ({ vms }) => mean(vms.map(({ publications }) => publications)))
    near('delay', (run) => mean(run.traffic.map(({ delay }) => delay.meanUs)))
  })

  it('runModel carries as many frames in both depths, within 2 %, when a receiver takes fewer than come', () => {
    const model = bridged({
      traffic: traffic.map((each, at) => (at === 0 ? { ...each, rateFps: 1_500_000 } : each)),
      measureMs: 20,
    })
    const [counts, rings] = (['counts', 'rings'] as const).map((depth) =>
      runModel({ ...model, depth }, { seed: 5, plane }),
    ) as [Results, Results]
    expect([counts.isSaturated, rings.isSaturated]).toEqual([true, true])
    expect(Math.abs(counts.fps / rings.fps - 1)).toBeLessThan(0.02)
  })
})

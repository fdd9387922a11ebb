import { describe, expect, it } from 'vitest'
import { holdQuantileUs, meanBatch, meanHoldUs, naturalBatch } from '../aggregation/theory.js'
import { planeModule } from '../engine/plane-module.js'
import { MODEL_DEFAULTS, type Model, NIC_DEFAULTS, OPEN_DEFAULTS, VM_DEFAULTS } from './model.js'
import type { Results } from './results.js'
import { runModel } from './run.js'
import { stepsOf } from './steps.js'

const plane = planeModule()
/** Nothing costs anything. */
const FREE = Object.fromEntries(stepsOf(MODEL_DEFAULTS).map(({ name }) => [name, 0]))

/** One VM behind a NIC that is never the limit, Poisson arrivals; nothing costs but what is said. */
function run(rateFps: number, change: Partial<Model>): Results {
  const model: Model = {
    ...MODEL_DEFAULTS,
    name: 'theory',
    costs: FREE,
    nics: [{ ...NIC_DEFAULTS, name: 'nic', gbps: 400, moderationUs: 0, wireUs: 0, ringFrames: 8192 }],
    vms: [{ ...VM_DEFAULTS, name: 'vm', cores: [1], ringFrames: 8192 }],
    traffic: [{ ...OPEN_DEFAULTS, label: 'load', from: 'nic', to: 'vm', rateFps, frameBytes: 60 }],
    ...change,
  }
  return runModel({ ...model, host: { ...model.host, ghz: 1, wakeUs: 0 } }, { seed: 1, plane })
}

describe('the simulator and the theory of aggregation', () => {
  it.each([
    [50_000, 100, 1000],
    [50_000, 100, 4],
    [300_000, 60, 16],
    [2_000, 50, 8],
  ])('runModel has the batch and the hold of the exact formulas when frames come at random: %d a second, %d us, %d frames', (rateFps, holdUs, maxFrames) => {
    const measureMs = 2e7 / rateFps + 200
    const { vms } = run(rateFps, { policy: { name: 'fixed', holdUs, maxFrames }, measureMs })
    const rate = rateFps / 1e6
    const { batchFrames, holdMeanUs, holdP99Us } = vms[0]!
    expect(Math.abs(batchFrames / meanBatch(rate, holdUs, maxFrames) - 1)).toBeLessThan(0.025)
    expect(Math.abs(holdMeanUs / meanHoldUs(rate, holdUs, maxFrames) - 1)).toBeLessThan(0.04)
    // The middle of a bucket is within 3.2 % of what lies in it.
    expect(Math.abs(holdP99Us / holdQuantileUs(rate, holdUs, 0.99, maxFrames) - 1)).toBeLessThan(0.035)
  })

  it('runModel clocks itself to the batch of natural batching when publications cost most', () => {
    // 0.4 us a frame of 1 us between them, 4 us a publication.
    const { vms, driverCpu } = run(1e6, { costs: { ...FREE, publication: 4000, 'plane, frame': 400 } })
    expect(Math.abs(vms[0]!.batchFrames / naturalBatch(1, 4, 0.4) - 1)).toBeLessThan(0.02)
    expect(driverCpu).toBeGreaterThan(0.99)
  })

  it('runModel carries exactly line rate when nothing costs anything', () => {
    const nics = [{ ...NIC_DEFAULTS, name: 'nic', gbps: 10, ringFrames: 8192 }]
    // 60 bytes and what Ethernet adds: 84 bytes.
    const rateFps = 1e10 / (8 * 84)
    const traffic = [{ ...OPEN_DEFAULTS, label: 'load', from: 'nic', to: 'vm', rateFps, frameBytes: 60 }].map(
      (each) => ({ ...each, arrivals: { kind: 'constant' } as const }),
    )
    const {
      traffic: carried,
      measuredS,
      bottleneck,
      drops,
    } = run(rateFps, {
      ...{ nics, traffic, measureMs: 10, warmUpMs: 2 },
    })
    // A frame may be under way at either end.
    expect(Math.abs(carried[0]!.frames - rateFps * measuredS)).toBeLessThan(64)
    expect([bottleneck, drops]).toEqual(['nic nic', 0])
  })
})

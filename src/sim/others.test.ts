import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { ModelError } from './check.js'
import { HOST_DEFAULTS, MODEL_DEFAULTS, type Model, OPEN_DEFAULTS, VM_DEFAULTS } from './model.js'
import { runModel } from './run.js'

const plane = planeModule()
const PER_S = 50
const MEAN_US = 800

/** Two VMs on two processors, the switch beside the receiver. */
const model = (othersPerS: number): Model => ({
  ...MODEL_DEFAULTS,
  name: 'others',
  host: { ...HOST_DEFAULTS, cores: 2, othersPerS, othersUs: MEAN_US },
  nics: [],
  vms: ['a', 'b'].map((name, at) => ({ ...VM_DEFAULTS, name, cores: [at] })),
  traffic: [{ ...OPEN_DEFAULTS, label: 'frames', from: 'b', to: 'a', rateFps: 5000 }],
  measureMs: 8000,
})

describe('threads that the model does not name', () => {
  it('runModel delays as many frames beyond a time as stretches of both processors cover', () => {
    const { traffic, hostCpu } = runModel(model(PER_S), { seed: 1, plane })
    const quiet = runModel(model(0), { seed: 1, plane })
    expect(quiet.traffic[0]!.delay.p999Us).toBeLessThan(100)
    expect(hostCpu - quiet.hostCpu).toBeCloseTo((2 * PER_S * MEAN_US) / 1e6, 1)
    // P(D > d) = 2 r m exp(-d / m), of which the 99th percentile follows.
    const p99Us = MEAN_US * Math.log((2 * PER_S * MEAN_US) / 1e6 / 0.01)
    expect(traffic[0]!.delay.p99Us / p99Us).toBeGreaterThan(0.75)
    expect(traffic[0]!.delay.p99Us / p99Us).toBeLessThan(1.25)
    expect(traffic[0]!.lossRatio).toBe(0)
  })

  it('checkModel refuses stretches that leave nothing of a processor', () => {
    expect(() => runModel(model(2000), { seed: 1, plane })).toThrow(ModelError)
    expect(() => runModel(model(2000), { seed: 1, plane })).toThrow(
      'host.othersPerS: 2000 stretches of 800 us a second take 160 % of each processor',
    )
  })
})

import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { MODEL_DEFAULTS, type Model, NIC_DEFAULTS, OPEN_DEFAULTS, VM_DEFAULTS } from './model.js'
import { runModel } from './run.js'

const plane = planeModule()
const VMS = 64

/** Frames a second, batch and p99 in the switch when a NIC brings many VMs more than one thread carries. */
function flood(policy: Model['policy']) {
  const names = Array.from({ length: VMS }, (_, at) => `v${at}`)
  const { vms, driverCpu } = runModel(
    {
      ...MODEL_DEFAULTS,
      name: 'flood',
      policy,
      host: { ...MODEL_DEFAULTS.host, cores: VMS + 1 },
      nics: [{ ...NIC_DEFAULTS, name: 'nic', gbps: 10 }],
      vms: names.map((name, at) => ({ ...VM_DEFAULTS, name, targetUs: 200, cores: [at + 1] })),
      traffic: names.map((to) => ({
        ...OPEN_DEFAULTS,
        ...{ label: to, from: 'nic', to, rateFps: 8e6 / VMS, frameBytes: 60 },
      })),
      warmUpMs: 600,
      measureMs: 20,
    },
    { seed: 1, plane },
  )
  return {
    driverCpu,
    fps: vms.reduce((all, { toVmFps }) => all + toVmFps, 0),
    p99Us: Math.max(...vms.map(({ totalP99Us }) => totalP99Us)),
  }
}

describe('a thread with more work than time', () => {
  it('runModel carries half as much again under adaptive as under natural batching, within the target, when bursts are spread over many VMs', () => {
    const [natural, adaptive] = [flood({ name: 'natural' }), flood({ name: 'adaptive' })]
    expect(natural.driverCpu).toBeGreaterThan(0.99)
    expect(adaptive.fps / natural.fps).toBeGreaterThan(1.5)
    expect(adaptive.p99Us).toBeLessThan(200 * 1.05)
  })
})

import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { checkModel } from './check.js'
import { MODEL_DEFAULTS, type Model, NIC_DEFAULTS, OPEN_DEFAULTS, VM_DEFAULTS } from './model.js'
import { runModel } from './run.js'

const plane = planeModule()
const THREADS = 3
const VMS = 6
const names = Array.from({ length: VMS }, (_, at) => `v${at}`)

/** More than one thread carries goes to VMs that have processors of their own. */
function model(of: Partial<Model>): Model {
  return {
    ...MODEL_DEFAULTS,
    ...{ name: 'threads', host: { ...MODEL_DEFAULTS.host, cores: THREADS + VMS } },
    policy: { name: 'per-packet' },
    nics: [{ ...NIC_DEFAULTS, name: 'eth0', gbps: 100, queues: THREADS }],
    vms: names.map((name, at) => ({ ...VM_DEFAULTS, name, cores: [THREADS + at], ringFrames: 1024 })),
    traffic: names.map((to) => ({ ...OPEN_DEFAULTS, label: to, from: 'eth0', to, rateFps: 700_000 })),
    ...{ measureMs: 10, warmUpMs: 5 },
    ...of,
  }
}

const run = (of: Partial<Model>) => runModel(model(of), { seed: 1, plane })

describe('threads of the driver domain', () => {
  it('runModel carries so many times more as there are threads when the driver domain is used up', () => {
    const costs = { 'plane, frame': 2000 }
    const one = run({ driverThreads: 1, costs })
    const three = run({ driverThreads: THREADS, costs })
    expect([one.bottleneck, three.bottleneck]).toEqual(['driver domain', 'driver domain'])
    expect(three.fps / one.fps).toBeGreaterThan(THREADS * 0.95)
    expect(three.fps / one.fps).toBeLessThan(THREADS * 1.05)
    expect(three.driverCpu).toBeGreaterThan(THREADS * 0.95)
  })

  it.each([
    'counts',
    'rings',
  ] as const)('runModel loses no frame of any VM when threads have time, %s', (depth) => {
    const traffic = names.flatMap((vm) => [
      { ...OPEN_DEFAULTS, label: `to ${vm}`, from: 'eth0', to: vm, rateFps: 20_000 },
      { ...OPEN_DEFAULTS, label: `from ${vm}`, from: vm, to: 'eth0', rateFps: 20_000 },
    ])
    const results = run({ depth, driverThreads: 2, traffic, policy: { name: 'natural' } })
    expect(results.drops).toBe(0)
    for (const { lossRatio, frames } of results.traffic) {
      expect(lossRatio).toBe(0)
      expect(frames).toBeGreaterThan(100)
    }
    for (const { publications, totalP99Us } of results.vms) {
      expect(publications).toBeGreaterThan(0)
      expect(totalP99Us).toBeGreaterThan(0)
    }
  })

  it('runModel gives each VM its controller when adaptive serves it on two threads', () => {
    const traffic = names.map((to) => ({ ...OPEN_DEFAULTS, label: to, from: 'eth0', to, rateFps: 50_000 }))
    const results = run({
      ...{ driverThreads: 2, traffic, policy: { name: 'adaptive' }, budget: 0.05 },
      ...{ warmUpMs: 250, measureMs: 50 },
    })
    for (const { why } of results.vms) {
      const rateFps = Number(/rateFps (\d+)/.exec(why)?.[1])
      expect(rateFps).toBeGreaterThan(45_000)
      expect(rateFps).toBeLessThan(55_000)
    }
  })

  it('checkModel refuses frames between VMs of two threads, and fewer queues than threads', () => {
    const across = [{ ...OPEN_DEFAULTS, label: 'across', from: 'v0', to: 'v1', rateFps: 1000 }]
    expect(() => checkModel(model({ driverThreads: 2, traffic: across }))).toThrow(/different threads/)
    expect(() => checkModel(model({ driverThreads: 1, traffic: across }))).not.toThrow()
    expect(() => checkModel(model({ driverThreads: THREADS + 1 }))).toThrow(/"eth0" has 3; .* has 4 threads/)
  })
})

describe('processor time of the driver domain', () => {
  it('runModel counts no time as spinning that others had its processor', () => {
    const results = run({
      ...{ policy: { name: 'natural' }, nics: [], host: { ...MODEL_DEFAULTS.host, cores: 2 } },
      vms: ['a', 'b'].map((name) => ({ ...VM_DEFAULTS, name })),
      traffic: [{ ...OPEN_DEFAULTS, label: 'a to b', from: 'a', to: 'b', rateFps: 200_000 }],
      ...{ warmUpMs: 20, measureMs: 100 },
    })
    // At least what the plane takes for a frame: 140 cycles at 2.6 GHz.
    expect(results.driverCpu).toBeGreaterThan((results.fps * 140) / 2.6e9)
    expect(results.hostCpu).toBeLessThan(2.001)
  })
})

describe('Vm.computes', () => {
  it('runModel keeps a processor that share busy, and gives way to frames, when a VM computes', () => {
    const computing = (computes: number) =>
      run({
        policy: { name: 'natural' },
        vms: model({}).vms.map((vm) => ({ ...vm, computes })),
        traffic: names.map((to) => ({ ...OPEN_DEFAULTS, label: to, from: 'eth0', to, rateFps: 10_000 })),
      })
    const [idle, half, full] = [computing(0), computing(0.5), computing(1)]
    expect(half.vms[0]!.cpu - idle.vms[0]!.cpu).toBeGreaterThan(0.4)
    expect(half.vms[0]!.cpu - idle.vms[0]!.cpu).toBeLessThan(0.6)
    expect(full.vms[0]!.cpu).toBeGreaterThan(0.98)
    for (const { lossRatio } of full.traffic) expect(lossRatio).toBe(0)
  })
})

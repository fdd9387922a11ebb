import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { MODEL_DEFAULTS, type Model, NIC_DEFAULTS, OPEN_DEFAULTS, VM_DEFAULTS } from './model.js'
import { runModel } from './run.js'
import { seedModel } from './seed.js'

const plane = planeModule()

/** A NIC whose peer sends to two VMs. */
const model: Model = {
  ...MODEL_DEFAULTS,
  name: 'test',
  nics: [{ ...NIC_DEFAULTS, name: 'eth0' }],
  vms: ['a', 'b'].map((name) => ({ ...VM_DEFAULTS, name, cores: [1] })),
  traffic: ['a', 'b'].map((to) => ({ ...OPEN_DEFAULTS, label: to, from: 'eth0', to, rateFps: 50_000 })),
}

describe('runModel', () => {
  it('runModel gives the same results, bit by bit, when model and seed are the same', () => {
    const [one, same, other] = [1, 1, 2].map((seed) => JSON.stringify(runModel(model, { seed, plane })))
    expect(same).toBe(one)
    expect(other).not.toBe(one)
  })

  it('runModel carries all that is offered when nothing is used up', () => {
    const { traffic, vms, bottleneck, isSaturated } = runModel(model, { seed: 1, plane })
    for (const { fps, offeredFps, lossRatio, delay } of traffic) {
      expect(lossRatio).toBe(0)
      expect(Math.abs(fps / offeredFps - 1)).toBeLessThan(0.01)
      expect(delay.p99Us).toBeGreaterThan(delay.p50Us)
    }
    for (const vm of vms) expect(vm.holdP99Us).toBe(0)
    expect([bottleneck, isSaturated]).toEqual(['load', false])
  })

  it('runModel counts no time of others as spinning when a VM shares the processor of the switch', () => {
    const shared = {
      ...model,
      vms: model.vms.map((vm) => ({ ...vm, cores: [0] })),
      traffic: model.traffic.map((each) => ({ ...each, rateFps: 80_000 })),
    }
    const at = (ghz: number) =>
      runModel({ ...shared, host: { ...shared.host, ghz } }, { seed: 1, plane }).driverCpu
    // Half the speed takes twice the time, less what larger batches save.
    expect(at(2)).toBeGreaterThan(0.05)
    expect(at(2) / at(4)).toBeGreaterThan(1.4)
    expect(at(2) / at(4)).toBeLessThan(2.1)
  })

  it('runModel counts the rest of the engine as time that frames have waited', () => {
    const scarce: Model = { ...model, policy: { name: 'adaptive' }, budget: 0.05, warmUpMs: 400 }
    const { vms, traffic } = runModel(scarce, { seed: 1, plane })
    for (const [at, { totalP99Us }] of vms.entries()) {
      expect(totalP99Us).toBeGreaterThan(30)
      // The plane does not know when a frame came: its bound is not below what most of them waited there.
      expect(totalP99Us).toBeGreaterThan(traffic[at]!.delay.p50Us)
    }
  })

  it('runModel says what is used up when more is offered than the processor carries', () => {
    const traffic = model.traffic.map((each) => ({ ...each, rateFps: 800_000 }))
    const { bottleneck, isSaturated, drops } = runModel(
      { ...model, traffic, measureMs: 30 },
      { seed: 1, plane },
    )
    expect([bottleneck, isSaturated]).toEqual(['processor 1', true])
    expect(drops).toBeGreaterThan(1000)
  })

  it('runModel reaches line rate, and no more, when everything else is free', () => {
    const free = seedModel({
      architecture: 'native',
      device: 'paravirtual',
      place: 'native',
      direction: 'receive',
    })
    const { mbps, bottleneck } = runModel({ ...free, host: { ...free.host, ghz: 100 } }, { seed: 1, plane })
    expect(mbps / (4000 * (1448 / 1538))).toBeCloseTo(1, 2)
    expect(bottleneck).toBe('nic eth0')
  })

  it.each([
    [{ traffic: [] }, 'traffic: there is none: nothing would happen'],
    [{ budget: 2 }, 'budget: is 2; it must be from 0.01 to 1'],
    [{ costs: { kik: 3 } }, 'costs: there is no step "kik" (did you mean "kick"?)'],
    [{ costs: { 'plane, poll': -3 } }, 'costs: "plane, poll" is -3; cycles are 0 or more'],
    [
      { traffic: [{ ...model.traffic[0]!, rateFps: 2e7 }] },
      /traffic\[0\].rateFps: 14.08 Gb\/s are offered by "eth0"/,
    ],
    [{ traffic: [{ ...model.traffic[0]!, to: 'c' }] }, /traffic\[0\].to: there is no VM or NIC "c"/],
  ] as const)('runModel refuses what cannot be: %j', (change, message) => {
    expect(() => runModel({ ...model, ...change } as Model, { seed: 1, plane })).toThrow(message)
  })
})

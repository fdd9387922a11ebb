import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { runModel } from '../sim/run.js'
import { parseModel } from './model-file.js'
import { MODELLED_WORKLOADS, modelWorkload } from './workload-traffic.js'

const RATED = ['udp-stream', 'frames']
const modelOf = (run: string, settings = '{}', more = 'peer: eth0') =>
  parseModel(
    `nics: [{ name: eth0, gbps: 10 }]
vms: [{ name: v, count: 2 }]
traffic:
  - { kind: workload, run: ${run}, vm: v, ${more}, settings: ${settings} }
  - { kind: open, from: eth0, to: v1, rateFps: 1000 }
measureMs: 20
warmUpMs: 5
`,
    'm.yaml',
  )

describe("the lab's workloads as models", () => {
  it.each(MODELLED_WORKLOADS)('a model runs workload %s with the defaults of the lab', async (run) => {
    // As fast as possible is line rate, which leaves nothing for others.
    const { model } = await modelOf(run, RATED.includes(run) ? '{ rateFps: 20000 }' : '{}')
    const { traffic, vms } = runModel(model, { seed: 1, plane: planeModule() })
    const own = traffic.filter(({ label }) => label.startsWith(run))
    if (run === 'idle') expect(own).toEqual([])
    else if (run === 'cpu-hog') for (const { cpu } of vms) expect(cpu).toBeGreaterThan(0.4)
    else {
      expect(own.length).toBeGreaterThanOrEqual(2)
      for (const { frames } of own) expect(frames).toBeGreaterThan(0)
    }
  })

  it('modelWorkload takes directions, sizes and rates from the settings', async () => {
    const { model } = await modelOf('udp-stream', '{ frameBytes: 500, rateFps: 3000, direction: from_vm }')
    expect(model.traffic[0]).toMatchObject({ kind: 'open', from: 'v1', to: 'eth0', frameBytes: 500 })
    const web = (await modelOf('web', '{ fileKb: 100, connections: 4 }')).model.traffic[0]
    expect(web).toMatchObject({ kind: 'requests', connections: 4, answerBytes: 102_400, to: 'v1' })
    expect(modelWorkload('file', { readShare: 1 }, ['v', 'eth0'])).toMatchObject({
      traffic: [{ connections: 4 }],
    })
    expect((await modelOf('cpu-hog')).model.vms.map(({ computes }) => computes)).toEqual([1, 1])
  })

  it('modelWorkload has frames arrive as the lab sends them: regular bursts, in turn to further VMs', () => {
    const settings = { rateFps: 30_000, arrivals: 'burst', burstFrames: 8, frameBytes: 'imix', also: ['w'] }
    const each = {
      from: 'eth0',
      arrivals: { kind: 'bursts', frames: 8 },
      frameBytes: 'imix',
      rateFps: 15_000,
    }
    expect(modelWorkload('frames', settings, ['v', 'eth0'])).toMatchObject({
      traffic: [
        { ...each, to: 'v' },
        { ...each, to: 'w' },
      ],
    })
  })

  it('a model runs bursts at regular times, as many frames each as the settings say', async () => {
    const { model } = await modelOf('frames', '{ rateFps: 40000, arrivals: burst, burstFrames: 8 }')
    const { traffic } = runModel(model, { seed: 1, plane: planeModule() })
    // 20 ms of them: a hundred bursts, whatever the chance.
    for (const { frames, label } of traffic) if (label.startsWith('frames')) expect(frames).toBe(800)
  })

  it('modelWorkload sends frames as fast as possible without chance, and shares that among receivers', () => {
    const made = modelWorkload('frames', { also: ['w'] }, ['v', 'eth0'])
    const each = { kind: 'open', from: 'eth0', arrivals: { kind: 'constant' }, load: 0.5 }
    expect(made).toMatchObject({
      traffic: [
        { ...each, to: 'v' },
        { ...each, to: 'w' },
      ],
    })
  })

  it.each([
    [
      'wbe',
      '{}',
      'peer: eth0',
      'm.yaml:4:5: traffic[0].run: there is no workload "wbe" (did you mean "web"?)',
    ],
    ['rfc2544', '{}', 'peer: eth0', 'the workload "rfc2544" is not modelled; there are: bulk'],
    ['web', '{ fileKb: 11 }', 'peer: eth0', 'traffic[0].settings: '],
    ['web', '{ keepAlive: false }', 'peer: eth0', 'settings.keepAlive: false is not modelled'],
    ['request-response', '{ mode: crr }', 'peer: eth0', 'settings.mode: crr is not modelled'],
    ['bulk', '{}', 'label: x', 'traffic[0].peer is missing: who bulk of "v" talks to'],
    ['bulk', '{}', 'peer: eth9', 'm.yaml:4:5: traffic[0].from: there is no VM or NIC "eth9"'],
  ])('a model says in one line what is wrong: %s %s', async (run, settings, more, message) => {
    await expect(modelOf(run, settings, more)).rejects.toThrow(message)
  })
})

import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { HOST_DEFAULTS } from '../sim/model.js'
import { type Evaluation, evaluate } from './evaluate.js'
import { planPage } from './page.js'
import { plan } from './plan.js'
import { modelOf, QUESTION_DEFAULTS, type Question } from './question.js'
import { alternativeWords, answer, cautions } from './words.js'
import { parseWorkload } from './workload.js'

const plane = planeModule()

function ask(workload: string, change: Partial<Question> = {}): Question {
  return { ...QUESTION_DEFAULTS, nicGbps: 10, vms: 2, workload: parseWorkload(workload), ...change }
}

function evaluated(question: Question): Evaluation {
  return evaluate(question, question.vms, { seed: 1, replications: 2, plane })
}

describe('evaluate', () => {
  it('evaluate says that all fit, and what each gets, when nothing is used up', () => {
    const one = evaluated(ask('udp:64B@20k/s', { cores: 4 }))
    expect(one).toMatchObject({ fits: true, bottleneck: 'load' })
    expect(one.carried!.estimate / 20_000).toBeCloseTo(1, 1)
    expect(one.p99Us!.estimate).toBeLessThan(500)
  })

  it('evaluate names the NIC when its line rate is used up', () => {
    expect(evaluated(ask('send@600Mb/s', { nicGbps: 1 }))).toMatchObject({
      ...{ fits: false, shortage: 'throughput', bottleneck: 'nic nic1' },
    })
    expect(evaluated(ask('udp:1500B@50k/s', { nicGbps: 1 }))).toMatchObject({
      ...{ fits: false, shortage: 'line rate' },
    })
  })

  it('evaluate names a processor when that is used up', () => {
    const one = evaluated(ask('udp:64B@600k/s', { cores: 1 }))
    expect(one).toMatchObject({ fits: false, shortage: 'throughput' })
    expect(one.bottleneck).toMatch(/^processor 0|driver domain$/)
  })

  it('evaluate says that the delay is missed when the target is below what the machine can', () => {
    expect(evaluated(ask('udp:64B@20k/s', { cores: 4, targetUs: 1 }))).toMatchObject({
      ...{ fits: false, shortage: 'delay' },
    })
  })
})

describe('plan', () => {
  const question = ask('streaming@200Mb/s', { nicGbps: 1, cores: 4 })
  const whole = plan(question, { find: 'vms', seed: 1, plane })

  it('plan finds as many VMs as the line rate carries, and twice as many with two NICs', () => {
    expect(whole).toMatchObject({ capacity: { vms: 4, isMost: false }, asked: { vms: 2, fits: true } })
    const [core, , nics] = whole.capacity!.alternatives
    expect(core!.vms).toBe(4)
    expect(nics!.vms).toBe(8)
    expect(answer(whole).join(' ')).toMatch(
      /^2 VMs fit: each sends streams of 200 Mb\/s together, paced; the switch has nothing for the VMs. Up to 4 VMs fit\. With one more, /,
    )
    expect(alternativeWords(whole.capacity!)[2]).toBe('With one NIC more (2): 8 VMs, 4 more.')
  })

  it('planPage shows the answer, a curve and what was asked', () => {
    const page = planPage(whole, true, 'ringferry plan --nic 1g')
    expect(page).toContain('Up to 4 VMs fit.')
    expect(page).toContain('With one NIC more (2): 8 VMs, 4 more.')
    expect(page.match(/<svg/g)).toHaveLength(2)
    expect(page).toContain('<code>ringferry plan --nic 1g</code>')
  })

  it('plan gives the same for the same seed', () => {
    expect(JSON.stringify(plan(question, { find: 'vms', seed: 1, plane }))).toBe(JSON.stringify(whole))
  })

  it('plan finds the least target that is kept, and that it is kept', () => {
    const tight = ask('udp:64B@20k/s', { cores: 4 })
    const { found } = plan(tight, { find: 'target', seed: 1, plane })
    expect(evaluated({ ...tight, targetUs: found! }).fits).toBe(true)
    expect(evaluated({ ...tight, targetUs: found! / 1.3 }).fits).toBe(false)
  })

  it('modelOf takes the calibrated costs of steps that the architecture has', () => {
    const calibrated = ask('udp', { costs: { 'wake-up': 9000, 'stack receive': 700 } })
    expect(modelOf(calibrated, 1).costs).toEqual({ 'wake-up': 9000, 'stack receive': 700 })
    // Where a VM has a function of the NIC there is no switch that wakes up.
    expect(modelOf({ ...calibrated, device: 'direct' }, 1).costs).toEqual({ 'stack receive': 700 })
  })

  it('modelOf takes the whole host of a calibrated model, but for what the question asks', () => {
    const host = { ...HOST_DEFAULTS, ghz: 9, wakeUs: 3, othersPerS: 12, othersUs: 900, llcMb: 8 }
    const asked = ask('udp', { host, cores: 4, ghz: 3 })
    expect(modelOf(asked, 1).host).toEqual({ ...host, cores: 4, ghz: 3 })
    expect(cautions(asked, true)).toContain(
      'Threads beside switch and guests take 1.08 % of each processor, 900 us at a time, as the model says: p99 has them in it.',
    )
  })

  it('cautions tell where a question lies outside what its model has seen', () => {
    const ranges = {
      vms: [2, 4] as [number, number],
      rateFps: [1000, 300_000] as [number, number],
      frameBytes: [60, 1514] as [number, number],
      policies: ['natural'],
    }
    const inside = { ...ask('udp@10k/s', { vms: 2 }), policy: { name: 'natural' } as const }
    const known = { run: 'mine', guests: 'uml', ranges }
    expect(cautions({ ...inside, calibrated: known }, true)).toEqual([
      'Costs of NIC drivers are assumed: a run of the lab has no NIC.',
    ])
    const outside = { ...ask('udp@100k/s', { vms: 5 }), policy: { name: 'dim' } as const }
    expect(cautions({ ...outside, calibrated: { ...known, guests: 'embedded' } }, true)).toEqual([
      '5 VMs: the model was calibrated with 4 VMs at most (mine).',
      '500000 frames/s: the model was calibrated with 300000 at most (mine).',
      'Policy dim: the model was calibrated under natural (mine).',
      'Costs of guests are those of programs on a ring: a kernel with a network stack takes more.',
      'Costs of NIC drivers are assumed: a run of the lab has no NIC.',
    ])
  })

  it('cautions tell what was not calibrated', () => {
    expect(cautions(ask('web'), true)).toEqual([])
    const wide = ask('web', { nicGbps: 40, cores: 16, device: 'direct', architecture: 'xen' })
    expect(cautions(wide, false)).toHaveLength(5)
  })
})

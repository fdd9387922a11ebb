import { describe, expect, it } from 'vitest'
import { missedPromise, promiseOf, tuningAnswer, vifTuningOf } from '../../test/support/api-answers.js'
import type { PolicyName } from '../aggregation/create.js'
import { VERDICT_NAMES, type Verdict } from '../aggregation/policy.js'
import { widthOf } from './text-width.js'
import { explainTuning } from './tune-explain.js'

const FIGURES = {
  targetUs: 200,
  queueP99Us: 80,
  delayUs: 95,
  restUs: 50,
  predictedBatch: 8.31,
  rateFps: 95_200,
  needShare: 0.44,
  fairShare: 0.02,
  floorP99Us: 1_300,
}

function explained(verdict: Verdict, policy: PolicyName = 'adaptive', columns = 1_000): string {
  const vif = vifTuningOf('g1', { decision: { verdict, figures: FIGURES } })
  const tuning = tuningAnswer([vif], { policy: { name: policy } })
  return explainTuning({ tuning, promises: [promiseOf('g1')] }, 'g1', columns)
}

describe('explainTuning', () => {
  it.each([
    ['held', 'The switch rests 50 us between two polls and holds its batches 45 us: the target of 200 us'],
    [
      'no-hold',
      'Nothing is held and every burst is published at once: the switch uses 0.31 of its processor',
    ],
    ['infeasible-cpu', 'goes beyond its budget of 0.5: the vif needs 0.44 of a processor'],
    ['infeasible-queue', 'Holding less would not help: frames wait 80 us before the switch comes to them'],
  ] as const)('explainTuning says in a sentence that %s was decided', (verdict, words) => {
    expect(explained(verdict)).toContain(words)
  })

  it.each([
    ['natural', 'Frames are published at the end of every burst, whatever the target'],
    ['per-packet', 'Every frame is published by itself'],
    ['fixed', 'Batches are held up to 45 us or 64 frames'],
  ] as const)('explainTuning says what policy %s does without deciding', (policy, words) => {
    expect(explained('set', policy)).toContain(words)
  })

  it('explainTuning says that nothing was decided yet', () => {
    const tuning = tuningAnswer([vifTuningOf('g1', { published: {} })])
    const text = explainTuning({ tuning, promises: [] }, 'g1', 80)
    expect(text).toContain('Nothing was decided for g1 yet.')
    expect(text).toContain('Nothing was published yet.')
  })

  it('explainTuning has the verdict and why batches ended', () => {
    const tuning = tuningAnswer([vifTuningOf('g1')])
    const text = explainTuning({ tuning, promises: [missedPromise('g1')] }, 'g1', 1_000)
    expect(text).toMatch(/^Its target: missed by 1110 us .* Raise the budget to about 0\.35/m)
    expect(text).toContain('a batch was held as long as decided (54.0 %), or a frame must not wait (40.0 %)')
  })

  it('explainTuning keeps figures for who asks for them, and fits 80 columns', () => {
    for (const verdict of VERDICT_NAMES) {
      const lines = explained(verdict, 'adaptive', 80).split('\n')
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(80)
      expect(lines.join()).not.toMatch(/theta|trim/)
    }
    const why = 'hold 45 us; held: delayed; theta 0.79'
    const decision = { atUs: 19_099_000, applied: true, figures: {}, vifs: [{ name: 'g1', why }] }
    const tuning = tuningAnswer([vifTuningOf('g1')], { decisions: [decision] })
    expect(explainTuning({ tuning, promises: [] }, 'g1', 80, true)).toContain(`19.099 s: ${why}`)
  })

  it('explainTuning throws NOT_FOUND with a suggestion when there is no such vif', () => {
    const tuning = tuningAnswer([vifTuningOf('guest1')])
    expect(() => explainTuning({ tuning, promises: [] }, 'guest2', 80)).toThrow(/did you mean "guest1"/)
  })
})

import { describe, expect, it } from 'vitest'
import { missedPromise, promiseOf, tuningAnswer, vifTuningOf } from '../../test/support/api-answers.js'
import { widthOf } from './text-width.js'
import { shareText, showTuning } from './tune-show.js'

const NAMES = ['g1', 'database-server-01', 'a-name-of-thirty-two-letters-012']

function shown(promises = NAMES.map((name) => promiseOf(name))) {
  return { tuning: tuningAnswer(promises.map(({ name }) => vifTuningOf(name))), promises }
}

const notHeld = (name: string) =>
  promiseOf(name, {
    state: 'not-held',
    sentence:
      'policy natural does not hold targets; p99 of the last 10 s 184 us (12000 frames), target 200 us',
    advice: 'To have targets held: ringferry tune policy adaptive.',
  })

describe('showTuning', () => {
  it.each([80, 200])('showTuning has no line longer than %d columns, whatever it has to say', (columns) => {
    const huge = promiseOf('h', {
      targetUs: 1e8,
      last10s: { frames: 2e8, p50Us: 123_456, p99Us: 9_999, withinShare: 0.99999 },
      batchFrames: 255.7,
      callsSavedShare: 1,
      cpuSavedShare: 12.345,
    })
    const promises = [...NAMES.map(missedPromise), huge, ...NAMES.map(notHeld)]
    for (const verbose of [false, true])
      for (const line of showTuning(shown(promises), columns, verbose).split('\n'))
        expect(widthOf(line)).toBeLessThanOrEqual(columns)
  })

  it('showTuning shows delay, batches and what is saved of each vif', () => {
    const line = showTuning(shown([promiseOf('g1')]), 80)
      .split('\n')
      .find((each) => each.startsWith('g1'))
    expect(line?.split(/ {2,}/)).toEqual([
      'g1',
      '200 us',
      '25.5 us',
      '184 us',
      '99.7 %',
      '8.3',
      '90 %',
      '0.12',
      'met',
    ])
  })

  it('showTuning says below the table why a target is missed and what to do', () => {
    const text = showTuning(shown([promiseOf('g1'), missedPromise('g2')]), 200)
    expect(text).toMatch(/^g2: missed by 1110 us since .* because it is infeasible within the budget/m)
    expect(text).toMatch(/^ {4}Raise the budget to about 0\.35, or the target to about 1400 us\.$/m)
    expect(text).not.toMatch(/^g1: /m)
  })

  it('showTuning says once, for all, that the policy holds no targets', () => {
    const text = showTuning(shown(['g1', 'g2'].map(notHeld)), 200)
    expect(text.match(/does not hold targets/g)).toHaveLength(1)
    expect(text).toMatch(/^Policy natural does not hold targets\. To have targets held/m)
  })

  it('showTuning keeps the figures of the model for who asks for them', () => {
    expect(showTuning(shown(), 80)).not.toMatch(/theta|trim|weight/)
    expect(showTuning(shown(), 80, true)).toMatch(/engine: theta 0\.79/)
    expect(showTuning(shown([]), 80)).toContain('there are no vifs')
  })
})

describe('shareText', () => {
  it.each([
    [null, '-'],
    [1, '100 %'],
    [0.99999, '99.9 %'],
    [0.9971, '99.7 %'],
    [0.5, '50.0 %'],
    [0, '0 %'],
  ] as const)('shareText of %d is %s, and never 100 %% of less than all', (share, text) => {
    expect(shareText(share)).toBe(text)
  })
})

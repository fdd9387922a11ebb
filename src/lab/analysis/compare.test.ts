import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../stats/random.js'
import type { MetricName } from '../record/metrics.js'
import type { LabRecord, Measurement } from '../record/record.js'
import type { StoredRun } from '../run/store.js'
import { compareRuns } from './compare.js'
import { benjaminiHochberg, meanPermutationP, relabellings, smallestP } from './compare-chance.js'

type Values = Readonly<Record<string, readonly number[]>>

/** A run whose cells {c: name} have these values, one a round. */
function run(values: Values, metric: MetricName = 'mbps', more: readonly LabRecord[] = []): StoredRun {
  const measurements = Object.entries(values).flatMap(([cell, list]) =>
    list.map(
      (value, round): Measurement => ({
        ...{ type: 'measurement', cell: `c=${cell}`, factors: { c: cell }, round, startedAt: '', tookS: 1 },
        workloads: [{ label: 'w', workload: 'w', vm: 'a', settings: {}, metrics: { [metric]: value } }],
        ...{ metrics: {}, cpu: { seconds: 1, guests: {}, driverDomain: 0, busy: 0, steal: 0 }, switch: {} },
        noise: { verdict: 'quiet', reasons: [], busyRatio: 0, stealRatio: 0, mhz: null },
      }),
    ),
  )
  return {
    ...{ folder: 'f', wholeBytes: 0, tornBytes: 0, records: [...measurements, ...more] },
    header: {
      ...{ type: 'run', version: 1, run: 'r', study: { primary: { metric } }, studyHash: '', seed: 1 },
      ...{ quick: false, guests: 'netns', startedAt: '', machine: {} },
      planned: Object.keys(values).map((cell) => ({ cell: `c=${cell}`, factors: { c: cell } })),
    },
  }
}

function verdicts(a: StoredRun, b: StoredRun, options = {}) {
  return Object.fromEntries(
    compareRuns(a, b, options).cells.map(({ factors, verdict }) => [factors.c, verdict]),
  )
}

const STEADY = [100, 101, 99, 100.5, 99.5]
const SLOW = STEADY.map((value) => value * 0.8)

describe('meanPermutationP', () => {
  it('meanPermutationP counts all relabellings when sets are small', () => {
    expect(relabellings(4, 4)).toBe(70)
    expect(meanPermutationP([1, 2, 3, 4], [5, 6, 7, 8], 1)).toBeCloseTo(2 / 70, 12)
    expect(meanPermutationP([1, 2, 3], [4, 5, 6, 7], 1)).toBeCloseTo(2 / 35, 12)
    expect(meanPermutationP([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], 1)).toBe(1)
    expect(smallestP(3, 3)).toBeCloseTo(0.1, 12)
    expect(meanPermutationP([], [1], 1)).toBe(1)
  })

  it('meanPermutationP draws relabellings when there are too many, close to the exact share', () => {
    const a = Array.from({ length: 12 }, (_, i) => i)
    const b = Array.from({ length: 12 }, (_, i) => i + 30)
    expect(meanPermutationP(a, b, 1)).toBeLessThan(0.001)
    expect(meanPermutationP(a, a, 1)).toBe(1)
  })

  it('meanPermutationP rejects at most as often as its level when there is no difference', () => {
    const random = seededRandom(5)
    let rejected = 0
    for (let i = 0; i < 2000; i++) {
      const draw = () => Array.from({ length: 5 }, () => random() ** 3)
      if (meanPermutationP(draw(), draw(), i) <= 0.05) rejected++
    }
    // 12 of 252 relabellings: 4.8 %; three standard deviations of 2000 tries are 1.4 %.
    expect(rejected / 2000).toBeGreaterThan(0.03)
    expect(rejected / 2000).toBeLessThan(0.064)
  })
})

describe('benjaminiHochberg', () => {
  it('benjaminiHochberg gives the adjusted values of the step-up rule', () => {
    expect(benjaminiHochberg([0.01, 0.04, 0.03, 0.005])).toEqual([0.02, 0.04, 0.04, 0.02])
    expect(benjaminiHochberg([0.9])).toEqual([0.9])
    expect(benjaminiHochberg([])).toEqual([])
  })
})

describe('compareRuns', () => {
  it.each([
    1, 3, 5,
  ])('compareRuns calls equal runs the same, and usable, when they have %d rounds', (rounds) => {
    const one = run({ x: STEADY.slice(0, rounds) })
    expect(compareRuns(one, one)).toMatchObject({
      regression: false,
      usable: true,
      cells: [{ verdict: 'same' }],
    })
  })

  it('compareRuns is not usable when nothing could be decided', () => {
    const few = STEADY.slice(0, 3)
    const slow = SLOW.slice(0, 3)
    expect(compareRuns(run({ x: few }), run({ x: slow }))).toMatchObject({ usable: false, regression: false })
    expect(compareRuns(run({ x: few }), run({ y: few }))).toMatchObject({ usable: false })
  })

  it('compareRuns judges by the direction that is good for the metric', () => {
    const [a, b] = [
      { x: STEADY, y: STEADY },
      { x: SLOW, y: STEADY },
    ]
    expect(verdicts(run(a), run(b))).toEqual({ x: 'worse', y: 'same' })
    expect(verdicts(run(b), run(a))).toEqual({ x: 'better', y: 'same' })
    expect(verdicts(run(a, 'p99Us'), run(b, 'p99Us'))).toEqual({ x: 'better', y: 'same' })
    expect(verdicts(run(a, 'offeredFps'), run(b, 'offeredFps'))).toEqual({ x: 'changed', y: 'same' })
    expect(compareRuns(run(a), run(b)).regression).toBe(true)
    expect(compareRuns(run(b), run(a)).regression).toBe(false)
  })

  it('compareRuns ignores differences below the least effect, however sure they are', () => {
    const b = { x: STEADY.map((value) => value * 0.97) }
    expect(verdicts(run({ x: STEADY }), run(b))).toEqual({ x: 'same' })
    expect(verdicts(run({ x: STEADY }), run(b), { minEffect: 0.02 })).toEqual({ x: 'worse' })
  })

  it('compareRuns decides nothing when rounds are too few', () => {
    const comparison = compareRuns(run({ x: STEADY.slice(0, 3) }), run({ x: SLOW.slice(0, 3) }))
    expect(comparison.cells[0]?.verdict).toBe('undecided')
    expect([comparison.usable, comparison.regression]).toEqual([false, false])
  })

  it('compareRuns tells cells that B lost from those that it never planned', () => {
    const failure: LabRecord = {
      type: 'failure',
      ...{ cell: 'c=y', factors: { c: 'y' }, round: 0, at: '', reason: 'it died' },
      impossible: false,
    }
    const a = run({ x: STEADY, y: STEADY, z: STEADY })
    const b = run({ x: STEADY, y: [] }, 'mbps', [failure])
    expect(verdicts(a, b)).toEqual({ x: 'same', y: 'lost', z: 'missing' })
    expect(compareRuns(a, b).regression).toBe(true)
  })

  it('compareRuns accuses an innocent run in at most about one of forty comparisons of 12 cells', () => {
    const random = seededRandom(11)
    const values = (): Values =>
      Object.fromEntries(
        Array.from({ length: 12 }, (_, cell) => [
          `c${cell}`,
          Array.from({ length: 5 }, () => 100 * (0.7 + 0.6 * random())),
        ]),
      )
    let accused = 0
    for (let seed = 0; seed < 300; seed++) if (compareRuns(run(values()), run(values())).regression) accused++
    // The false discovery rate of 5 % counts both directions; without the correction it would be one in four.
    expect(accused / 300).toBeLessThan(0.06)
  })

  it('compareRuns finds one slow cell among twelve', () => {
    const steady = Object.fromEntries(
      Array.from({ length: 12 }, (_, cell) => [`c${cell}`, [...STEADY, 100.2]]),
    )
    const b = run({ ...steady, c3: [...SLOW, 80] })
    const found = compareRuns(run(steady), b).cells.filter(({ verdict }) => verdict !== 'same')
    expect(found.map(({ cell, verdict }) => [cell, verdict])).toEqual([['c=c3', 'worse']])
  })
})

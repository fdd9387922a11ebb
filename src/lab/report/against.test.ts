import { describe, expect, it } from 'vitest'
import {
  FINISHED,
  syntheticHeader,
  syntheticMeasurement,
  syntheticStudy,
} from '../../../test/host/support/lab-records.js'
import type { Factors, LabRecord } from '../record/record.js'
import { renderMarkdown } from './markdown.js'
import { buildReport } from './report.js'

const FIGURE = {
  figure: 'against',
  title: 'Against the best',
  factor: 'switch',
  one: 'ringferry',
  columns: [
    { value: { metric: 'mbps' }, aim: { atLeast: 1.1 } },
    { value: { metric: 'hostCpuPerGbS' }, aim: { atMost: 0.7 } },
  ],
  only: { load: ['receive', 'transmit'] },
} as const

interface Run {
  readonly factors: Factors
  readonly mbps: readonly number[]
  readonly cpu: readonly number[]
}

const run = (factors: Factors, mbps: readonly number[], cpu: readonly number[]): Run => ({
  factors,
  mbps,
  cpu,
})

function reportOf(runs: readonly Run[], planned: readonly Factors[] = runs.map(({ factors }) => factors)) {
  const study = syntheticStudy({ report: [FIGURE] as never })
  const records = runs.flatMap(({ factors, mbps, cpu }) =>
    mbps.map((value, round) =>
      syntheticMeasurement(factors, round, [{ metrics: { mbps: value } }], {
        metrics: { hostCpuPerGbS: cpu[round] as number },
      }),
    ),
  )
  const all: LabRecord[] = [syntheticHeader(study, planned), ...records, FINISHED]
  return buildReport(all, study)
}

const receive = (name: string): Factors => ({ switch: name, load: 'receive' })

describe('figure against', () => {
  it('compares each place with the other that is best there by the first column, in all columns', () => {
    const { figures } = reportOf([
      run(receive('ringferry'), [600, 606, 594], [2, 2.02, 1.98]),
      run(receive('bridge'), [500, 505, 495], [4, 4.04, 3.96]),
      // Cheaper, and slower: not what is compared with.
      run(receive('ovs'), [400, 404, 396], [1, 1.01, 0.99]),
      run({ switch: 'ringferry', load: 'transmit' }, [100, 100, 100], [3, 3, 3]),
      run({ switch: 'bridge', load: 'transmit' }, [50, 50, 50], [3, 3, 3]),
      run({ switch: 'ovs', load: 'transmit' }, [100, 100, 100], [4, 4, 4]),
      // Another load, which the figure leaves out.
      run({ switch: 'ringferry', load: 'idle' }, [1, 1, 1], [1, 1, 1]),
      run({ switch: 'bridge', load: 'idle' }, [9, 9, 9], [1, 1, 1]),
    ])
    const { table, entries } = figures[0]!
    expect(table.head).toEqual([
      ...['load', 'best other switch'],
      ...['throughput (Mb/s): ringferry', 'the best other', 'ratio', 'aim'],
      ...['host processor time a gigabyte (s): ringferry', 'the best other', 'ratio', 'aim'],
    ])
    const [first, second] = table.rows as [string[], string[]]
    expect([first[0], first[1], first[2], first[3], first[5]]).toEqual([
      'receive',
      'bridge',
      '600',
      '500',
      'at least 1.1: met',
    ])
    expect(first[9]).toBe('at most 0.7: met')
    expect([second[0], second[1], second[5], second[9]]).toEqual([
      'transmit',
      'ovs',
      'at least 1.1: missed',
      'at most 0.7: missed',
    ])
    expect(table.rows).toHaveLength(2)
    const [speed, cost] = entries
    expect(speed!.estimate!.value).toBeCloseTo(1.2, 6)
    expect(speed!.estimate!.low).toBeLessThan(1.2)
    expect(speed!.estimate!.high).toBeGreaterThan(1.2)
    expect(cost!.estimate!.value).toBeCloseTo(0.5, 6)
    expect(speed!.at).toEqual({ load: 'receive', 'best other': 'bridge' })
  })

  it('keeps places apart that differ in another factor', () => {
    const at = (name: string, awake: boolean): Factors => ({ switch: name, load: 'receive', awake })
    const { figures } = reportOf([
      run(at('ringferry', false), [4, 4], [1, 1]),
      run(at('ringferry', true), [6, 6], [1, 1]),
      run(at('bridge', false), [2, 2], [1, 1]),
      run(at('bridge', true), [12, 12], [1, 1]),
    ])
    const ratios = figures[0]!.entries.filter(({ measure }) => measure.label.startsWith('throughput'))
    expect(ratios.map(({ at: place, estimate }) => [place.awake, estimate!.value])).toEqual([
      ['false', expect.closeTo(2)],
      ['true', expect.closeTo(0.5)],
    ])
  })

  it('leaves out places with nothing to compare, and says so', () => {
    const planned = [receive('ringferry'), receive('bridge')]
    const report = reportOf([run(receive('ringferry'), [4, 4], [1, 1])], planned)
    expect(report.figures[0]!.table.rows).toEqual([])
    expect(renderMarkdown(report)).toContain('1 of 1 places have nothing to be compared.')
    expect(report.headline).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import {
  FINISHED,
  syntheticHeader,
  syntheticMeasurement,
  syntheticStudy,
} from '../../../test/host/support/lab-records.js'
import { compareRuns } from '../analysis/compare.js'
import type { StoredRun } from '../run/store.js'
import { changeText, comparePage, outcomeText } from './compare-page.js'

const native = { place: 'native' }
const guest = { place: 'guest' }

function stored(run: string, kernel: string, values: { native: number[]; guest: number[] }): StoredRun {
  const header = syntheticHeader(syntheticStudy(), [native, guest], { run, machine: { kernel, cores: 2 } })
  const measured = (factors: typeof native, all: number[]) =>
    all.map((mbps, round) => syntheticMeasurement(factors, round, [{ metrics: { mbps } }]))
  const records = [...measured(native, values.native), ...measured(guest, values.guest), FINISHED]
  return { folder: `/runs/${run}`, header, records, tornBytes: 0, wholeBytes: 0 }
}

describe('comparePage', () => {
  const a = stored('before', '6.1.0', {
    native: [100, 101, 99, 100, 101, 99],
    guest: [50, 51, 49, 50, 51, 49],
  })
  const b = stored('after', '6.2.0', {
    native: [100, 99, 101, 100, 99, 101],
    guest: [30, 31, 29, 30, 31, 29],
  })
  const comparison = compareRuns(a, b)
  const page = comparePage(a, b, comparison, 'ringferry lab compare <a> b')

  it('comparePage opens with the outcome and has both runs in a chart and a table', () => {
    expect(outcomeText(comparison)).toBe('regression: 1 same, 1 worse')
    expect(page).toContain('<p class="answer">Regression: 1 same, 1 worse.</p>')
    expect(page.match(/<svg /g)).toHaveLength(1)
    expect(page).toContain('A: before')
    expect(page).toMatch(
      /place=guest<\/td><td class="number">50 \([\d.]+ to [\d.]+\)<\/td><td class="number">30 /,
    )
    expect(page).toContain('−40 %')
    expect(page).not.toContain('<a> b')
  })

  it('comparePage lists what differs between the runs first', () => {
    const runs = page.slice(page.indexOf('What differs comes first'))
    expect(runs).toMatch(/kernel<\/td><td[^>]*>6\.1\.0<\/td><td[^>]*>6\.2\.0<\/td><td[^>]*>differs/)
    expect(runs.indexOf('>kernel<')).toBeLessThan(runs.indexOf('>cores<'))
  })

  it('changeText has a sign, and a dash where there is no change to tell', () => {
    expect([0.123, -0.4, 0, null, Number.POSITIVE_INFINITY].map(changeText)).toEqual([
      ...['+12 %', '−40 %', '+0 %', '–', '–'],
    ])
  })
})

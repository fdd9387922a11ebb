import { describe, expect, it } from 'vitest'
import {
  FINISHED,
  syntheticHeader,
  syntheticMeasurement,
  syntheticStudy,
} from '../../../test/host/support/lab-records.js'
import { figureText } from './answer.js'
import { renderHtml } from './html.js'
import { renderMarkdown } from './markdown.js'
import { buildReport } from './report.js'

describe('figureText', () => {
  it.each([
    [{ value: 0.5613, low: 0.4499, high: 0.6941, n: 3 }, 'percent', '', '56 % [45, 69]'],
    [{ value: 0.1249, low: 0.1192, high: 0.131, n: 3 }, 'percent', '', '12.5 % [11.9, 13.1]'],
    [{ value: 8.24, low: 7.11, high: 9.31, n: 3 }, 'times', '', '8.2 times [7.1, 9.3]'],
    [
      { value: 323_456, low: 1000, high: 645_000, n: 3 },
      'number',
      'frames/s',
      '320\u202f000 [0, 650\u202f000]',
    ],
    [{ value: 0.01312, low: 0.012, high: 0.0142, n: 3 }, 'number', '1/frame', '0.0131 [0.012, 0.0142]'],
    [{ value: 214.4, n: 1 }, 'plain', 'us', '214 us [one run]'],
    [{ value: 1, n: 3 }, 'percent', '', '100 %'],
    [{ value: 7, low: 7, high: 7, n: 3 }, 'plain', 'us', '7 us [7, 7]'],
    [{ value: 0, low: 0, high: 0, n: 3 }, 'plain', 'us', '0 us [0, 0]'],
  ] as const)('figureText writes %j as %s with the digits that its interval bears', (estimate, as, unit, text) => {
    expect(figureText(estimate, as, unit)).toBe(text)
  })
})

describe('answerOf', () => {
  const native = { place: 'native', direction: 'to_vm' }
  const guest = { place: 'guest', direction: 'to_vm' }
  const share = { metric: 'mbps', where: guest, relativeTo: { place: 'native' }, as: 'percent' } as const
  const study = syntheticStudy({
    answer: [
      {
        text: 'A guest keeps {share} of {place}.',
        values: { share, place: { metric: 'mbps', where: native } },
      },
    ],
  })
  const measured = (factors: typeof native, values: readonly number[]) =>
    values.map((mbps, round) => syntheticMeasurement(factors, round, [{ metrics: { mbps } }]))
  const report = (planned: (typeof native)[], ...cells: ReturnType<typeof measured>[]) =>
    buildReport([syntheticHeader(study, planned), ...cells.flat(), FINISHED], study)

  it('answerOf puts the figures of the run into the sentences, which open every form of the report', () => {
    const made = report([native, guest], measured(native, [100, 101, 99]), measured(guest, [50, 50, 50]))
    expect(made.answer).toEqual(['A guest keeps 50 % [48.8, 51.3] of 100 Mb/s [98, 102].'])
    expect(renderHtml(made)).toContain(`<p class="answer">${made.answer[0]}</p>`)
    expect(renderMarkdown(made)).toContain('A guest keeps 50 %')
  })

  it('answerOf says what was not measured, and leaves out what was not planned', () => {
    const failed = report([native, guest], measured(native, [100, 101, 99]))
    expect(failed.answer[0]).toContain('A guest keeps (not measured) of 100 Mb/s')
    expect(report([native], measured(native, [100, 101, 99])).answer).toEqual([])
  })
})

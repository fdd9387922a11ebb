import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  FINISHED,
  fullSyntheticRun,
  syntheticFailure,
  syntheticHeader,
  syntheticMeasurement,
  syntheticStudy,
} from '../../../test/host/support/lab-records.js'
import { escapeText } from '../../plot/element.js'
import { cellName, type LabRecord, recordSchema } from '../record/record.js'
import { readChosenLoads } from '../study/colocate.js'
import { renderHtml } from './html.js'
import { renderJson } from './json.js'
import { escapeMarkdown, renderMarkdown } from './markdown.js'
import { buildReport } from './report.js'
import { writeReport } from './write.js'

const native = { place: 'native', direction: 'to_vm' }
const guest = { place: 'guest', direction: 'to_vm' }
const measure = (factors: typeof native, values: readonly number[]) =>
  values.map((mbps, round) => syntheticMeasurement(factors, round, [{ metrics: { mbps } }]))

function runOf(records: readonly LabRecord[], changes: Parameters<typeof syntheticStudy>[0] = {}) {
  const study = syntheticStudy(changes)
  return buildReport([syntheticHeader(study, [native, guest]), ...records], study)
}

describe('buildReport', () => {
  it('buildReport gives the known mean, interval and runs when rounds are 1 to 5', () => {
    const report = runOf([...measure(native, [1, 2, 3, 4, 5]), ...measure(guest, [7, 7, 7]), FINISHED])
    const [first, second] = report.figures[0]!.entries
    expect(first).toMatchObject({ at: native, runs: [1, 2, 3, 4, 5] })
    expect(first!.estimate).toMatchObject({ value: 3, median: 3, n: 5 })
    expect(first!.estimate!.low).toBeCloseTo(3 - 1.9633, 3)
    expect(first!.estimate!.high).toBeCloseTo(3 + 1.9633, 3)
    expect(second!.estimate).toMatchObject({ value: 7, low: 7, high: 7, n: 3 })
    expect(report.headline).toHaveLength(2)
    expect(report.complete).toBe(true)
    expect(report.imprecise).toEqual(['place=native,direction=to_vm'])
  })

  it('buildReport gives no interval and says so when a cell has one round', () => {
    const report = runOf([...measure(native, [100]), ...measure(guest, [90]), FINISHED], {
      rounds: { min: 1 },
    })
    const [entry] = report.figures[0]!.entries
    expect(entry!.estimate).toMatchObject({ value: 100, n: 1 })
    expect(entry!.estimate).not.toHaveProperty('low')
    expect(report.figures[0]!.notes.join()).toContain('Every figure here rests on one run')
    expect(renderMarkdown(report)).toContain('none (one run)')
    expect(JSON.parse(renderJson(report)).figures[0].entries[0]).toMatchObject({
      value: 100,
      low: null,
      n: 1,
    })
  })

  it('buildReport gives ratios with the noise of both when cells are relative to another', () => {
    const figure = {
      figure: 'bars',
      title: 'Share',
      value: { metric: 'mbps' },
      x: 'place',
      relativeTo: { place: 'native' },
    } as const
    const report = runOf([...measure(native, [100, 110, 105]), ...measure(guest, [50, 55, 52.5]), FINISHED], {
      report: [figure],
    })
    const [reference, ratio] = report.figures[0]!.entries
    expect(reference!.estimate).toEqual({ value: 1, n: 3 })
    expect(ratio!.estimate!.value).toBeCloseTo(0.5, 12)
    expect(ratio!.estimate!.low).toBeLessThan(0.48)
    expect(ratio!.estimate!.high).toBeGreaterThan(0.52)
    expect(report.headline.map(({ at }) => at.place)).toEqual(['guest'])
  })

  it('buildReport lists what failed and what was not measured when a run is interrupted', () => {
    const report = runOf([
      ...measure(native, [1, 2]),
      syntheticFailure(guest, 0, 'linux.uml is missing', true),
      { type: 'interrupted', at: 'now', detail: 'SIGINT' },
    ])
    expect(report.complete).toBe(false)
    expect(report.status).toContain('INCOMPLETE: the run was interrupted (SIGINT)')
    expect(report.status).toContain('1 of 2 planned cells were not measured, 1 has fewer rounds')
    expect(report.missing).toEqual([
      {
        cell: 'place=native,direction=to_vm',
        rounds: 2,
        wanted: 3,
        reason: 'the run ended before it was measured',
      },
      { cell: 'place=guest,direction=to_vm', rounds: 0, wanted: 3, reason: 'linux.uml is missing' },
    ])
    expect(report.figures[0]!.table.rows[1]).toEqual(['guest', 'to_vm', 'not measured', '–', '0'])
    expect(renderHtml(report)).toContain('impossible here: linux.uml is missing')
    expect(runOf([]).status).toContain('2 of 2 planned cells were not measured')
    expect(renderMarkdown(runOf([]))).toContain('No figure could be made')
  })

  it('buildReport states the noise floor when there is an A/A pair', () => {
    const twins = [101, 99, 100].map((mbps, round) =>
      syntheticMeasurement(native, round, [{ metrics: { mbps } }], { twin: true }),
    )
    const report = runOf([...measure(native, [100, 100, 100]), ...twins, FINISHED], {
      aa: { place: 'native' },
    })
    const [result] = report.noise.twins
    expect(result!.ratio.value).toBeCloseTo(1, 3)
    expect(result!.floor).toBeCloseTo((4.3027 * 0.01) / Math.sqrt(3), 3)
    expect(result!.biased).toBe(false)
    expect(renderMarkdown(report)).toContain('Effects below 2.5 % are hidden in this noise')
    expect(report.figures[0]!.entries[0]!.estimate!.n).toBe(3)
  })

  it('buildReport lays percentiles on their side for a cdf', () => {
    const percentiles: [number, number][] = [
      ...([
        [50, 10],
        [99, 200],
        [100, 900],
      ] as [number, number][]),
    ]
    const measured = syntheticMeasurement(native, 0, [
      { label: 'frames', metrics: {}, series: { percentiles } },
    ])
    const figure = { figure: 'cdf', title: 'Delay', of: 'frames', series: 'place' } as const
    const [cdf] = runOf([measured, FINISHED], { report: [figure] }).figures
    expect(cdf!.table.rows).toEqual([
      ['10', '50'],
      ['200', '99'],
    ])
    expect(cdf!.table.head[0]).toBe('delay (us)')
  })

  it('buildReport says whether processors were kept awake', () => {
    const [one] = measure(native, [1])
    const words = (...awake: unknown[]): string => {
      const [first, second] = awake.map((state) => ({ ...one!, switch: { awake: state } }))
      const other = second ? [{ ...second, cell: cellName(guest), factors: guest }] : []
      return renderMarkdown(runOf([first!, ...other, FINISHED]))
    }
    expect(words({ cpus: [0] })).toContain('kept awake in all cells')
    expect(words(false)).toContain('left to sleep in all cells')
    expect(words(false, { cpus: [0] })).toContain('kept awake in 1 of 2 cells')
  })

  it('buildReport takes the windows of a quick run when it was one', () => {
    const study = syntheticStudy({ quick: { window: { measureS: 0.5 }, rounds: { min: 1 } } })
    const report = buildReport(
      [syntheticHeader(study, [native], { quick: true }), ...measure(native, [1]), FINISHED],
      study,
    )
    expect(report.window).toEqual({ warmUpS: 1, measureS: 0.5 })
    expect(report.rounds).toEqual({ min: 1, max: 8, halfWidth: 0.2 })
    expect(report.complete).toBe(true)
    expect(report.commands.measured).toBe('ringferry lab run synthetic --quick --guests uml --seed 7')
    expect(() => buildReport([], study)).toThrow('no header')
  })
})

describe('figures', () => {
  const { study, records } = fullSyntheticRun()
  const report = buildReport(records, study)
  const figure = (title: string) => report.figures.find((each) => each.title.startsWith(title))!

  it('the synthetic run is made of valid records', () => {
    for (const record of records) recordSchema.parse(record)
  })

  it('matrix holds both entries of a pair, turned over where less is better', () => {
    const entry = (victim: string, aggressor: string) =>
      figure('What neighbours').entries.find(({ at }) => at.victim === victim && at.aggressor === aggressor)!
        .estimate!
    expect(entry('bulk', 'web').value).toBeCloseTo(0.7, 6)
    expect(entry('web', 'bulk').value).toBeCloseTo(0.7, 6)
    expect(entry('bulk', 'bulk').value).toBeCloseTo((0.55 + 0.6) / 2, 2)
    // Delay of probes beside bulk: their performance is 0.8 of that alone (first of the pair is bulk, two steps on).
    expect(entry('probes', 'bulk').value).toBeCloseTo(0.8, 6)
    expect(figure('What neighbours').pictures).toHaveLength(2)
    expect(figure('What neighbours').notes.join(' ')).toContain('turned over')
  })

  it('lines give the sum over workloads and the knee', () => {
    expect(figure('Throughput of all').entries[2]!.estimate!.value).toBeCloseTo(6900, 6)
    expect(figure('Throughput of all').notes[0]).toContain('The knee is at vms 4')
  })

  it('clusters choose one candidate of each kind', () => {
    expect(Object.keys(report.chosen).map((name) => name.replace(/-\d$/, ''))).toEqual([
      'web',
      'bulk',
      'probes',
    ])
    expect(Object.values(report.chosen)[0]).toMatchObject({ run: 'web', vm: '$vm', peer: '$peer' })
    expect(figure('Candidates').notes[0]).toContain('k = 3')
    expect(report.answer.at(-1)).toMatch(
      /^3 of \d+ candidates stand for all: web\S*, bulk\S* and probes\S*\. \d+ % of the others lie within half the median distance/,
    )
  })

  it('frontier names the points that none other beats', () => {
    expect(figure('Delay against').notes[0]).toContain('natural, adaptive')
  })

  it('bars drop categories that have no such value and keep those that failed', () => {
    expect(new Set(figure('Throughput').entries.map(({ at }) => at.place))).toEqual(
      new Set(['native', 'driver', 'guest', 'guest-to-guest']),
    )
    expect(figure('Throughput').entries.filter(({ estimate }) => !estimate)).toHaveLength(1)
  })
})

describe('rendering', () => {
  it('every form is whole when nothing was measured', () => {
    const { study, records } = fullSyntheticRun()
    const report = buildReport(records.slice(0, 1), study)
    expect(report.figures).toHaveLength(8)
    expect(report.headline).toEqual([])
    expect(report.missing).toHaveLength(38)
    for (const text of [renderHtml(report), renderMarkdown(report), renderJson(report)]) {
      expect(text).not.toMatch(/NaN|undefined|Infinity/)
      expect(text).toContain('38 of 38 planned cells were not measured')
    }
  })

  it('no form shows a number that is none when everything was measured once', () => {
    const { study, records } = fullSyntheticRun()
    const once = records.filter((record) => !('round' in record) || record.round === 0)
    const report = buildReport(once, study)
    for (const text of [renderHtml(report), renderMarkdown(report), renderJson(report)])
      expect(text).not.toMatch(/NaN|undefined|Infinity/)
    expect(
      report.figures.flatMap(({ entries }) => entries).filter(({ estimate }) => estimate?.low !== undefined),
    ).toEqual([])
    expect(report.noise.twins[0]).not.toHaveProperty('floor')
  })

  it('no form lets hostile names through when they hold markup', () => {
    const hostile = '<script>alert(1)</script>"\'&--><img src=x onerror=y>|`[l](http://e)'
    const factors = { place: hostile, direction: 'to_vm' }
    const study = syntheticStudy({ title: hostile, question: hostile, notConclude: [hostile] })
    const header = syntheticHeader(study, [factors], { run: hostile, machine: { cpuModel: hostile } })
    const measurement = syntheticMeasurement(factors, 0, [
      { metrics: { mbps: 5 }, workload: hostile, settings: { a: hostile } },
    ])
    const report = buildReport([header, measurement, syntheticFailure(factors, 1, hostile)], study)
    const html = renderHtml(report)
    expect(html).not.toMatch(/<script|<img/i)
    expect(html).toContain(escapeText(hostile))
    const markdown = renderMarkdown(report)
    expect(markdown).not.toMatch(/<script|<img/i)
    expect(markdown.indexOf('-->')).toBe(markdown.indexOf('again. -->') + 7)
    expect(markdown).toContain('\\|\\`\\[l\\]')
    for (const line of markdown.split('\n').filter((each) => each.startsWith('| '))) {
      expect(line.replace(/\\\|/g, '').endsWith(' |')).toBe(true)
    }
    expect(JSON.parse(renderJson(report)).study.title).toBe(hostile)
    expect(escapeMarkdown('1. a\n\nb')).toBe('1. a b'.replace('1.', '\\1.'))
  })

  it('renderHtml has every section, picture and table and asks for nothing from outside', () => {
    const { study, records } = fullSyntheticRun()
    const html = renderHtml(buildReport(records, study))
    const headings = [...html.matchAll(/<h2>([^<]*)<\/h2>/g)].map(([, title]) => title)
    expect(headings).toEqual([
      ...['Short answer', 'Question', 'What you may not conclude', 'Figures', 'What was measured, and how'],
      ...['Noise', 'Failures and what is missing', 'Machine and provenance'],
    ])
    expect(html.match(/<svg /g)).toHaveLength(8)
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!)
    expect(new Set(ids).size).toBe(ids.length)
    expect(html).not.toMatch(/(src|href)="(?!#|data:)/)
    expect(html).not.toMatch(/@import|url\((?!#)/)
  })

  it('writeReport leaves all files when the run has a choice, and the same ones when called again', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-report-'))
    try {
      const [run, out] = [join(folder, 'run'), join(folder, 'out')]
      const { records } = fullSyntheticRun()
      mkdirSync(run)
      writeFileSync(join(run, 'run.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
      const { chosen, markdown } = writeReport(run, out)
      expect(readdirSync(out).sort()).toEqual([
        'chosen.json',
        'report',
        'report.html',
        'report.json',
        'report.md',
      ])
      const page = readFileSync(join(out, 'report.html'), 'utf8')
      const attached = (name: string): Buffer =>
        Buffer.from(new RegExp(`download="${name}" href="data:[^,]*,([^"]*)"`).exec(page)![1]!, 'base64')
      expect(gunzipSync(attached('run.jsonl.gz')).toString()).toBe(
        readFileSync(join(run, 'run.jsonl'), 'utf8'),
      )
      expect(attached('figures.csv').toString()).toMatch(/^run,cell,/)
      expect(attached('figure-1.svg').toString()).toBe(readFileSync(join(out, 'report/figure-1.svg'), 'utf8'))
      expect(attached('figure-1.csv').toString().split('\r\n').length).toBeGreaterThan(2)
      const text = readFileSync(markdown, 'utf8')
      const pictures = [...text.matchAll(/!\[[^\]]*\]\(report\/([^)]+)\)/g)].map(([, file]) => file!)
      expect(pictures.sort()).toEqual(readdirSync(join(out, 'report')).sort())
      expect(text.startsWith('<!-- Generated by: ringferry lab report synthetic-20260102-030405')).toBe(true)
      expect(Object.keys(readChosenLoads(run))).toHaveLength(3)
      expect(chosen).toBe(join(out, 'chosen.json'))
      writeReport(run, out)
      expect(readFileSync(markdown, 'utf8')).toBe(text)
      expect(() => writeReport(join(folder, 'none'))).toThrow('no run of the lab')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

import { describe, expect, it } from 'vitest'
import { RingferryError } from '../../errors/errors.js'
import { WORKLOADS } from '../workload/registry.js'
import { expandStudy } from './expand.js'
import { parseStudy } from './load.js'

const workloads = new Map(WORKLOADS.map((workload) => [workload.name, workload]))

/** A study of two loads under two policies, with one thing changed. */
function mistakeOf(change: {
  readonly report?: string
  readonly primary?: string
  readonly aa?: string
  readonly answer?: string
}): string {
  const { report = '{ figure: table, title: T, columns: [{ metric: mbps }] }', primary = 'mbps' } = change
  const text = `name: s
title: t
question: q
method: m
notConclude: [n]
primary: { metric: ${primary} }
${change.aa === undefined ? '' : `aa: ${change.aa}`}
cells:
  - factors: { load: [bulk], policy: [natural, dim] }
    bed: { switch: { policy: $policy }, vms: [{ name: a, kind: netns }, { name: b, kind: netns }] }
    workloads: [{ run: bulk, vm: a, peer: b }]
  - factors: { load: [probes], policy: [natural, dim] }
    bed: { switch: { policy: $policy }, vms: [{ name: a, kind: netns }, { name: b, kind: netns }] }
    workloads: [{ run: latency, label: probes, vm: each, peer: b, each: a }]
${change.answer === undefined ? '' : `answer: [${change.answer}]`}
report:
  - ${report}
`
  try {
    expandStudy(parseStudy(text, 's.yaml'), { workloads, guests: 'netns' })
    return ''
  } catch (error) {
    expect(error).toBeInstanceOf(RingferryError)
    expect((error as RingferryError).code).toBe('CONFIG')
    return (error as Error).message
  }
}

const bars = (more: string): string =>
  `{ figure: bars, title: T, value: { metric: mbps }, x: policy, ${more} }`
const against = (more: string, metric = 'mbps'): string =>
  `{ figure: against, title: T, factor: policy, one: dim, columns: [{ value: { metric: ${metric} } }], ${more} }`
const points = 'x: { metric: mbps }, y: { metric: p99Us }'

describe('checkFigures', () => {
  it.each([
    [{ report: bars('series: load, where: { load: bulk }') }],
    [{ report: bars('series: load, relativeTo: { policy: natural }') }],
    [{ report: `{ figure: frontier, title: T, ${points}, label: policy, mark: { policy: dim } }` }],
    [
      {
        report:
          '{ figure: series, title: T, of: probes, name: percentiles, series: policy, xLabel: x, yLabel: y }',
      },
    ],
    [
      {
        report: '{ figure: table, title: T, columns: [{ metric: hostCpu }, { metric: p99Us, of: probes }] }',
      },
    ],
    [{ report: '{ figure: clusters, title: T, features: [meanFrameBytes, mbps] }' }],
    [{ primary: 'callsPerFrame', aa: '{ load: bulk, policy: dim }' }],
    [{ report: against('only: { load: [bulk] }') }],
  ])('finds nothing wrong in %j', (change) => {
    expect(mistakeOf(change)).toBe('')
  })

  it.each([
    [
      { report: against('only: { load: [bulk, web] }') },
      /^s\.yaml:\d+:\d+: no cell has load=web; there are bulk, probes$/,
    ],
    [{ report: against('').replace('factor: policy', 'factor: size') }, /no cell has a factor "size"/],
    [{ report: against('').replace('one: dim', 'one: none') }, /no cell has policy=none/],
    [{ report: against('only: { policy: [dim] }') }, /no cell has another policy than dim/],
    [{ report: against('only: { load: [bulk] }', 'p99Us') }, /no workload of these cells gives p99Us/],
    [
      { report: bars('series: speed') },
      /^s\.yaml:\d+:\d+: no cell has a factor "speed"; there are load, policy$/,
    ],
    [{ report: bars('series: load').replace('x: policy', 'x: polcy') }, /no cell has a factor "polcy"/],
    [{ report: bars('where: { load: web }') }, /no cell has load=web; there are bulk, probes/],
    [{ report: bars('where: { size: 3 }') }, /no cell has a factor "size"/],
    [{ report: bars('relativeTo: { policy: none }') }, /no cell has policy=none; there are natural, dim/],
    [
      { report: bars('where: { load: probes }') },
      /no workload of these cells gives mbps; there are lossRatio, /,
    ],
    [
      { report: bars('series: load').replace('mbps', 'readMbps') },
      /no workload of these cells gives readMbps/,
    ],
    [{ report: bars('series: load').replace('mbps', 'mbps, of: blk') }, /"blk"; there are bulk, probes/],
    [
      { report: bars('series: load').replace('mbps', 'hostCpu, of: bulk') },
      /no workload "bulk" gives hostCpu; there are mbps/,
    ],
    [{ report: `{ figure: frontier, title: T, ${points}, label: plicy }` }, /no cell has a factor "plicy"/],
    [
      { report: `{ figure: frontier, title: T, ${points}, label: policy, mark: { policy: x } }` },
      /no cell has policy=x/,
    ],
    [
      {
        report:
          '{ figure: series, title: T, of: bulk, name: percentiles, series: policy, xLabel: x, yLabel: y }',
      },
      /"bulk" has no series percentiles; there are mbps/,
    ],
    [
      { report: '{ figure: table, title: T, columns: [{ metric: mbps }, { metric: downtimeMs }] }' },
      /no workload of these cells gives downtimeMs/,
    ],
    [
      { report: '{ figure: matrix, title: T, values: { bulk: mbps } }' },
      /no victim is a load or workload "bulk"/,
    ],
    [{ report: '{ figure: clusters, title: T, features: [mbps, migrationS] }' }, /gives migrationS/],
    [{ primary: 'ndrFps' }, /^s\.yaml:6:\d+: no workload of these cells gives ndrFps/],
    [{ aa: '{ load: bulk, policy: adaptive }' }, /no cell has policy=adaptive; there are natural, dim/],
  ])('says where, and what there is, when %j shows nothing', (change, message) => {
    expect(mistakeOf(change)).toMatch(message)
  })
})

describe('checkFigures of an answer', () => {
  const bulk = 'where: { load: bulk, policy: dim }'
  const answer = (value: string, text = 'It is {a}.'): string =>
    mistakeOf({ answer: `{ text: "${text}", values: { a: ${value} } }` })

  it('checkFigures takes a sentence whose values are each of one cell', () => {
    expect(answer(`{ metric: mbps, ${bulk}, relativeTo: { policy: natural }, as: percent }`)).toBe('')
  })

  it('checkFigures says which name, cell or metric of a sentence is not there', () => {
    expect(answer('{ metric: mbps, where: { load: bulk } }')).toMatch(/2 cells have these factors; name one/)
    expect(answer(`{ metric: p99Us, ${bulk} }`)).toMatch(/gives p99Us/)
    expect(answer(`{ metric: mbps, ${bulk} }`, 'It is {b}.')).toMatch(/no value is called "b"; there are a/)
    expect(answer(`{ metric: mbps, ${bulk} }`, 'It is.')).toMatch(/the sentence has no \{a\}/)
    expect(answer(`{ metric: mbps, ${bulk}, relativeTo: { policy: none } }`)).toMatch(
      /no cell has policy=none/,
    )
  })
})

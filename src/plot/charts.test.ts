import { expect, test } from 'vitest'
import { barChart } from './bar-chart.js'
import { clusterChart } from './cluster-chart.js'
import { escapeText } from './element.js'
import { frontierChart } from './frontier-chart.js'
import { lineChart } from './line-chart.js'
import { matrixChart } from './matrix-chart.js'
import { paretoFront } from './pareto.js'
import { seriesChart } from './series-chart.js'
import { tableHtml } from './table-html.js'

const HOSTILE = `<script>"x" & 'y'</script>\u0001\ud800`
const SAFE = '&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;\ufffd\ufffd'
const x = { label: HOSTILE }
const frame = {
  id: 'a',
  title: HOSTILE,
  subtitle: HOSTILE,
  description: HOSTILE,
  x,
  y: { label: HOSTILE, unit: HOSTILE },
}

test('escapeText replaces markup and characters that XML does not allow', () => {
  expect(escapeText(HOSTILE)).toBe(SAFE)
})

test.each([
  barChart({
    ...frame,
    categories: [HOSTILE],
    series: [{ label: HOSTILE, values: [1] }],
    reference: { value: 1, label: HOSTILE },
  }),
  lineChart({
    ...frame,
    series: [{ label: HOSTILE, points: [{ x: 1, y: 1 }] }],
    target: { value: 1, label: HOSTILE },
    steps: [{ x: 1, label: HOSTILE }],
  }),
  seriesChart({ ...frame, series: [{ label: HOSTILE, points: [{ x: 1, y: 1 }] }] }),
  frontierChart({
    ...frame,
    points: [{ label: HOSTILE, x: 1, y: 1, marked: true }],
    markedLabel: HOSTILE,
    size: { label: HOSTILE },
  }),
  matrixChart({ ...frame, columns: [HOSTILE], rows: [HOSTILE], entries: [[1]], entryLabel: HOSTILE }),
  clusterChart({
    ...frame,
    points: [{ label: HOSTILE, x: 1, y: 1, cluster: 0 }],
    clusterLabels: { 0: HOSTILE },
  }),
])('chart %# escapes every text it is given', ({ svg, table }) => {
  expect(svg).not.toContain('<script')
  expect(svg).toContain(`<desc id="a-desc">${SAFE}`)
  expect(svg.replace(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&')
  expect(tableHtml(table, HOSTILE)).not.toContain('<script')
})

test('barChart gives its figures as a table when some are absent, one-sided or published', () => {
  const { table } = barChart({
    ...{ title: 't', x: { label: 'where' }, y: { label: 'rate', unit: 'Mb/s' }, categories: ['a', 'b', 'c'] },
    series: [
      {
        label: 'ours',
        values: [{ value: 941.26, low: 930, high: 950 }, Number.NaN],
        published: [1, null, { value: 12345, low: 1 }],
      },
    ],
  })
  expect(table.head).toEqual(['where', 'ours', 'ours, published'])
  expect(table.rows).toEqual([
    ['a', '941.3 (930 to 950)', '1'],
    ['b', '–', '–'],
    ['c', '–', '12\u202f345 (1 to ?)'],
  ])
})

test('barChart draws a bar as long as its figure says', () => {
  const values = [10, 20, 40]
  const { svg } = barChart({
    ...{ title: 't', x: { label: 'x' }, y: { label: 'y' }, categories: ['a', 'b', 'c'] },
    series: [{ label: '', values }],
  })
  const heights = [...svg.matchAll(/<rect x="[^"]+" y="[^"]+" width="[^"]+" height="([^"]+)"/g)].map(
    ([, h]) => Number(h),
  )
  expect(heights).toHaveLength(3)
  expect(heights[1]! / heights[0]!).toBeCloseTo(2, 3)
  expect(heights[2]! / heights[0]!).toBeCloseTo(4, 3)
})

test('lineChart joins the series by x in its table and leaves out points without x', () => {
  const { table, svg } = lineChart({
    ...{ title: 't', x: { label: 'VMs', scale: 'log' }, y: { label: 'rate', scale: 'log' } },
    series: [
      {
        label: 'a',
        points: [
          { x: 4, y: 2 },
          { x: 1, y: { value: 1, low: 0.5, high: 2 } },
          { x: Number.NaN, y: 1 },
        ],
      },
      {
        label: 'b',
        points: [
          { x: 4, y: 0 },
          { x: 2, y: null },
        ],
      },
    ],
  })
  expect(table.rows).toEqual([
    ['1', '1 (0.5 to 2)', '–'],
    ['2', '–', '–'],
    ['4', '2', '0'],
  ])
  expect(svg).toContain('Not drawn, because a log axis cannot show them: 1 figure')
})

test('seriesChart sums up its lines in the table when there are too many points for one', () => {
  const points = Array.from({ length: 1001 }, (_, at) => ({ x: at, y: at * 2 }))
  const { table } = seriesChart({
    title: 't',
    x: { label: 's' },
    y: { label: 'y' },
    series: [{ label: 'a', points }],
  })
  expect(table.rows).toEqual([['a', '1001', '0', '1000', '0', '1000', '2000']])
})

test('seriesChart keeps least and largest of every column when it thins a dense line', () => {
  const points = Array.from({ length: 50_000 }, (_, at) => ({ x: at, y: at === 31_234 ? 100 : 0 }))
  const { svg } = seriesChart({
    title: 't',
    x: { label: 's' },
    y: { label: 'y' },
    series: [{ label: '', points }],
  })
  expect(svg.length).toBeLessThan(60_000)
  const line = /<path d="(M[^"]+L[^"]+)" fill="none"/.exec(svg)![1]!
  const ys = new Set([...line.matchAll(/,([\d.]+)/g)].map(([, y]) => y))
  expect(ys.size).toBe(2)
})

test('paretoFront keeps what no other point beats, and equal points', () => {
  const points = [
    { x: 1, y: 1 },
    { x: 2, y: 3 },
    { x: 2, y: 2 },
    { x: 3, y: 3 },
    { x: 1, y: 1 },
    { x: 4, y: 5 },
  ]
  expect(paretoFront(points, { x: 'lower', y: 'higher' })).toEqual([
    points[0],
    points[4],
    points[1],
    points[5],
  ])
  expect(paretoFront(points, { x: 'higher', y: 'higher' })).toEqual([points[5]])
})

test('frontierChart names the front and the choice in table and description', () => {
  const { svg, table } = frontierChart({
    ...{ title: 't', x: { label: 'delay', better: 'lower' }, y: { label: 'rate', better: 'higher' } },
    points: [
      { label: 'a', x: 1, y: 1 },
      { label: 'b', x: 2, y: 5, marked: true },
      { label: 'c', x: 3, y: 4 },
      { label: 'd', x: null, y: 9 },
    ],
  })
  expect(table.rows.map((row) => row.at(-2))).toEqual(['yes', 'yes', 'no', 'no'])
  expect(svg).toContain('on the Pareto front: a and b. chosen: b.')
})

test('matrixChart colours by distance from the centre and sets clear differences in bold', () => {
  const { svg, table } = matrixChart({
    ...{ title: 't', x: { label: 'aggressor' }, y: { label: 'victim' }, entryLabel: 'ratio' },
    columns: ['a', 'b', 'c'],
    rows: ['r'],
    entries: [
      [
        { value: 0.5, low: 0.4, high: 0.6 },
        { value: 1, low: 0.9, high: 1.1 },
      ],
    ],
  })
  expect(svg).toContain('font-weight="600" fill="var(--plot-ink, #1f2328)">0.50<')
  expect(svg).not.toContain('font-weight="600" fill="var(--plot-ink, #1f2328)">1.00<')
  expect(svg).toMatch(/fill="var\(--plot-low, #[0-9a-f]+\)" fill-opacity="0.57"/)
  expect(table.rows).toEqual([['r', '0.5 (0.4 to 0.6)', '1 (0.9 to 1.1)', '–']])
})

test('clusterChart marks medoids in the table and tells clusters apart', () => {
  const { table } = clusterChart({
    ...{ title: 't', x: { label: 'c1' }, y: { label: 'c2' }, clusterLabels: { 5: 'bulk' } },
    points: [
      { label: 'web', x: 1, y: 2, cluster: 5, medoid: true },
      { label: 'rr', x: -1.5, y: 0, cluster: 2 },
    ],
  })
  expect(table.rows).toEqual([
    ['web', '1', '2', 'bulk', 'yes'],
    ['rr', '−1.5', '0', 'cluster 2', 'no'],
  ])
})

test('barChart draws a dot a run, hollow where the machine was not quiet, and tells unpublished from unmeasured', () => {
  const input = {
    ...{
      id: 'b',
      title: 'T',
      x: { label: 'place' },
      y: { label: 'throughput' },
      categories: ['a', 'b', 'c'],
    },
    series: [
      {
        label: 's',
        values: [5, 7, undefined],
        runs: [[{ value: 4 }, { value: 6, noisy: true }], [{ value: 7 }], []],
        published: [5, undefined, undefined],
      },
    ],
  }
  const { svg } = barChart(input)
  const [legend, drawing] = [2, 3]
  expect(svg.match(/<circle /g)).toHaveLength(legend + drawing)
  expect(svg).toContain('a run, machine not quiet')
  expect(svg.match(/>–</g)).toHaveLength(1 + 2)
  const { published: _, ...without } = input.series[0]!
  expect(barChart({ ...input, series: [without] }).svg).not.toContain('published')
})

test('lineChart draws the runs of a point beside each other', () => {
  const runs = [{ value: 1 }, { value: 3 }]
  const { svg } = lineChart({
    ...{ id: 'l', title: 'T', x: { label: 'vms' }, y: { label: 'throughput' } },
    series: [{ label: '', points: [{ x: 1, y: 2, runs }] }],
  })
  const places = [...svg.matchAll(/<circle cx="([\d.]+)" cy="[\d.]+" r="2.4"/g)].map(([, cx]) => Number(cx))
  expect(places.slice(1)).toHaveLength(2)
  expect(places[2]! - places[1]!).toBeCloseTo(8, 1)
})

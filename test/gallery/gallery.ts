/**
 * The gallery: every kind of chart with ordinary and with odd data. The snapshots in docs/gallery/ and its page are
 * made from these cases alone. All figures are invented, to show forms; none was measured.
 */
import { barChart } from '../../src/plot/bar-chart.js'
import type { Amount, Chart } from '../../src/plot/chart.js'
import { clusterChart } from '../../src/plot/cluster-chart.js'
import { escapeText } from '../../src/plot/element.js'
import { frontierChart } from '../../src/plot/frontier-chart.js'
import { lineChart } from '../../src/plot/line-chart.js'
import { matrixChart } from '../../src/plot/matrix-chart.js'
import { seriesChart } from '../../src/plot/series-chart.js'
import { tableHtml } from '../../src/plot/table-html.js'
import { PLOT_CSS } from '../../src/plot/theme.js'

export interface GalleryCase {
  /** Name of its file, without `.svg`, and prefix of its ids. */
  readonly name: string
  readonly chart: Chart
}

const THROUGHPUT = { label: 'throughput', unit: 'Mb/s', better: 'higher' } as const
const DELAY = { label: 'p99 delay', unit: 'us', better: 'lower' } as const
const around = (value: number, part: number): Amount => ({
  value,
  low: value * (1 - part),
  high: value * (1 + part),
})
const WORKLOADS = [
  'tcp-transmit',
  'tcp-receive',
  'udp-64',
  'tcp-rr',
  'web',
  'media',
  'file-read',
  'migration',
]
const range = (count: number) => Array.from({ length: count }, (_, at) => at)

function barCases(): Record<string, (id: string) => Chart> {
  return {
    'bar-grouped': (id) =>
      barChart({
        ...{
          id,
          title: 'Native, driver domain, guest',
          subtitle: 'Ratio of native; hollow: figures published by others',
        },
        x: { label: 'where' },
        y: { label: 'share of native', better: 'higher' },
        categories: ['native', 'driver domain', 'guest, paravirtual'],
        series: [
          {
            label: 'transmit',
            values: [around(1, 0.02), around(0.94, 0.04), around(0.71, 0.08)],
            published: [1, 0.97, 0.26],
          },
          {
            label: 'receive',
            values: [around(1, 0.03), around(0.9, 0.05), around(0.64, 0.06)],
            published: [1, 0.82, 0.24],
          },
        ],
        reference: { value: 1, label: 'native' },
      }),
    'bar-single': (id) =>
      barChart({
        ...{ id, title: 'One bar, no interval', x: { label: 'policy' }, y: THROUGHPUT },
        categories: ['adaptive'],
        series: [{ label: '', values: [941] }],
      }),
    'bar-odd': (id) =>
      barChart({
        ...{
          id,
          title: 'Absent, zero, negative and one-sided figures',
          x: { label: 'case' },
          y: { label: 'change', unit: '%' },
        },
        categories: ['absent', 'zero', 'negative', 'one-sided', 'not finite'],
        series: [
          { label: 'a', values: [null, 0, -12, { value: 20, high: 31 }, Number.NaN] },
          {
            label: 'b',
            values: [14, { value: 0, low: -4, high: 4 }, around(-7, 0.4), { value: 9, low: 3 }, 5],
          },
        ],
      }),
    'bar-many': (id) =>
      barChart({
        ...{ id, title: 'Twenty categories with long names', x: { label: 'workload' }, y: THROUGHPUT },
        categories: range(20).map((at) => `${WORKLOADS[at % 8]} with ${at + 1} connections on two NICs`),
        series: [
          { label: 'Ringferry', values: range(20).map((at) => around(900 - at * 37, 0.06)) },
          { label: 'Linux bridge + TAP', values: range(20).map((at) => around(700 - at * 21, 0.09)) },
        ],
        reference: { value: 800, label: 'line rate of the slowest peer' },
      }),
    'bar-log': (id) =>
      barChart({
        ...{ id, title: 'Eight series on a log axis', x: { label: 'load' }, y: { ...DELAY, scale: 'log' } },
        categories: ['10 %', '90 %'],
        series: WORKLOADS.map((label, at) => ({
          label,
          values: [around(12 * 1.7 ** at, 0.2), at === 3 ? 0 : 90 * 2.2 ** at],
        })),
      }),
    'bar-empty': (id) =>
      barChart({
        id,
        title: 'No figures at all',
        x: { label: 'policy' },
        y: THROUGHPUT,
        categories: [],
        series: [],
      }),
  }
}

function lineCases(): Record<string, (id: string) => Chart> {
  const vms = [1, 2, 4, 8, 16]
  return {
    'line-band': (id) =>
      lineChart({
        ...{ id, title: 'Throughput by number of VMs', subtitle: 'Bands: 95 % interval of the mean' },
        ...{ x: { label: 'VMs', scale: 'log' }, y: { ...THROUGHPUT, from: 0 }, spread: 'band' },
        series: [
          {
            label: 'aggregate',
            points: vms.map((x) => ({ x, y: around(940 * (1 - 0.5 ** x) + 200, 0.05) })),
          },
          {
            label: 'per VM',
            points: vms.map((x) => ({ x, y: around((940 * (1 - 0.5 ** x) + 200) / x, 0.12) })),
          },
        ],
        target: { value: 1000, label: 'link' },
      }),
    'line-steps': (id) =>
      lineChart({
        ...{
          id,
          title: 'Hold time while the load changes',
          x: { label: 'time', unit: 's' },
          y: { ...DELAY, from: 0 },
        },
        series: [
          {
            label: 'adaptive',
            points: range(13).map((x) => ({ x: x * 5, y: x === 7 ? null : around(40 + (x % 5) * 9, 0.15) })),
          },
          { label: 'fixed', points: range(13).map((x) => ({ x: x * 5, y: around(90 - x, 0.05) })) },
        ],
        target: { value: 60, label: 'target of the tuner' },
        steps: [
          { x: 15, label: 'load doubled' },
          { x: 20, label: 'second guest starts' },
          { x: 35, label: 'guest killed' },
        ],
      }),
    'line-many': (id) =>
      lineChart({
        ...{
          id,
          title: 'Ten series, log axes, a figure of zero',
          x: { label: 'frame', unit: 'bytes', scale: 'log' },
        },
        y: { label: 'frames delivered', unit: 'frames/s', scale: 'log', better: 'higher' },
        series: range(10).map((at) => ({
          label: `series number ${at + 1}`,
          points: [64, 256, 1024, 1500].map((x) => ({
            x,
            y: at === 4 && x === 64 ? 0 : (2e6 / x) * 1.6 ** at,
          })),
        })),
      }),
    'line-one-point': (id) =>
      lineChart({
        ...{ id, title: 'One point', x: { label: 'VMs' }, y: THROUGHPUT },
        series: [{ label: 'aggregate', points: [{ x: 4, y: around(812, 0.04) }] }],
      }),
  }
}

function seriesCases(): Record<string, (id: string) => Chart> {
  const percents = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99]
  return {
    'series-percentiles': (id) =>
      seriesChart({
        ...{ id, title: 'Delay by percentile', x: { label: 'percentile', unit: '%', scale: 'percentile' } },
        y: { label: 'delay', unit: 'us', scale: 'log', better: 'lower' },
        series: ['immediate', 'fixed 50 us', 'adaptive'].map((label, at) => ({
          label,
          points: percents.map((x) => ({ x, y: (12 + at * 9) * (1 - x / 100) ** -(0.3 + at * 0.05) })),
        })),
      }),
    'series-time': (id) =>
      seriesChart({
        ...{
          id,
          title: 'Frames a burst, 4000 samples',
          x: { label: 'time', unit: 's' },
          y: { label: 'frames a burst' },
        },
        series: [
          {
            label: 'port 1',
            points: range(4000).map((at) => ({
              x: at / 100,
              y: 20 + 14 * Math.sin(at / 170) + ((at * 7919) % 101) / 12,
            })),
          },
          {
            label: 'port 2',
            points: range(4000).map((at) => ({
              x: at / 100,
              y: at > 1800 && at < 2200 ? null : 8 + ((at * 104_729) % 97) / 30,
            })),
          },
        ],
        steps: [{ x: 20, label: 'vif detached' }],
      }),
  }
}

function frontierCases(): Record<string, (id: string) => Chart> {
  return {
    frontier: (id) =>
      frontierChart({
        ...{
          id,
          title: 'Delay against throughput, by policy',
          subtitle: '8 VMs, bulk TCP and request-response',
        },
        ...{
          x: DELAY,
          y: THROUGHPUT,
          size: { label: 'driver domain processor use', unit: 'cores' },
          markedLabel: "tuner's choice",
        },
        points: [
          { label: 'immediate', x: around(31, 0.1), y: around(420, 0.03), size: 0.95 },
          { label: 'fixed 20 us', x: around(48, 0.08), y: around(690, 0.03), size: 0.8 },
          { label: 'fixed 50 us', x: around(83, 0.06), y: around(850, 0.02), size: 0.62 },
          { label: 'fixed 100 us', x: around(140, 0.05), y: around(870, 0.02), size: 0.55 },
          { label: 'fixed 200 us', x: around(251, 0.05), y: around(840, 0.03), size: 0.5 },
          { label: 'dim', x: around(120, 0.1), y: around(700, 0.04), size: 0.7 },
          { label: 'adaptive', x: around(61, 0.07), y: around(845, 0.02), size: 0.6, marked: true },
        ],
      }),
    'frontier-crowded': (id) =>
      frontierChart({
        ...{
          id,
          title: 'Twenty alternatives close together, two not measured',
          x: { ...DELAY, scale: 'log' },
          y: THROUGHPUT,
        },
        points: range(20).map((at) => ({
          label: `policy ${at} with a hold of ${at * 10} us and ${at} frames`,
          x: at === 13 ? null : at === 17 ? 0 : 40 + ((at * 37) % 23),
          y: at === 12 ? Number.NaN : 500 + ((at * 53) % 31) * 4,
          marked: at === 9,
        })),
      }),
    'frontier-one': (id) =>
      frontierChart({
        id,
        title: 'One alternative',
        x: DELAY,
        y: THROUGHPUT,
        points: [{ label: 'immediate', x: 31, y: 420 }],
      }),
  }
}

function matrixCases(): Record<string, (id: string) => Chart> {
  const entry = (row: number, column: number): Amount => {
    if ((row * 5 + column) % 17 === 6) return null
    const value = 1.08 - ((row * 31 + column * 17) % 23) / 28
    return around(value, ((row + column) % 4) * 0.04)
  }
  return {
    matrix: (id) =>
      matrixChart({
        ...{
          id,
          title: 'Interference: victim by aggressor',
          subtitle: 'Throughput beside the aggressor, as a share of alone',
        },
        ...{ x: { label: 'aggressor' }, y: { label: 'victim' }, columns: WORKLOADS, rows: WORKLOADS },
        entries: WORKLOADS.map((_, row) => WORKLOADS.map((__, column) => entry(row, column))),
        entryLabel: 'throughput, together / alone',
      }),
    'matrix-delay': (id) =>
      matrixChart({
        ...{
          id,
          title: 'p99 delay ratio, extremes',
          x: { label: 'aggressor' },
          y: { label: 'victim' },
          better: 'lower',
        },
        columns: ['idle', 'web', 'bulk'],
        rows: ['tcp-rr', 'media'],
        entries: [
          [1, around(2.4, 0.2), around(18.7, 0.3)],
          [around(0.93, 0.02), undefined, 1234.5],
        ],
        entryLabel: 'p99 delay, together / alone',
      }),
    'matrix-large': (id) =>
      matrixChart({
        ...{
          id,
          title: 'Twenty by twenty',
          x: { label: 'aggressor' },
          y: { label: 'victim' },
          entryLabel: 'throughput ratio',
        },
        columns: range(20).map((at) => `${WORKLOADS[at % 8]} number ${at}, long name`),
        rows: range(20).map((at) => `${WORKLOADS[at % 8]} number ${at}, long name`),
        entries: range(20).map((row) => range(20).map((column) => entry(row, column))),
      }),
  }
}

function clusterCases(): Record<string, (id: string) => Chart> {
  const centres = [
    [-2, 1],
    [2.2, 1.6],
    [0.5, -2.1],
  ] as const
  return {
    cluster: (id) =>
      clusterChart({
        ...{
          id,
          title: 'Workloads by principal component',
          subtitle: 'First two of six; 81 % of the variance',
        },
        ...{ x: { label: 'component 1', unit: '52 %' }, y: { label: 'component 2', unit: '29 %' } },
        points: range(18).map((at) => {
          const [x, y] = centres[at % 3]!
          const turn = at * 2.4
          const out = at < 3 ? 0 : 0.5 + (at % 5) * 0.18
          return {
            label: `${WORKLOADS[at % 8]}-${at}`,
            x: x + out * Math.cos(turn),
            y: y + out * Math.sin(turn),
            cluster: at % 3,
            medoid: at < 3,
          }
        }),
        clusterLabels: { 0: 'bulk', 1: 'request-response', 2: 'paced' },
      }),
    'cluster-odd': (id) =>
      clusterChart({
        ...{ id, title: '<b>Text & "markup" of others</b>', x: { label: '<x>' }, y: { label: "it's & y" } },
        points: [
          { label: '<script>alert(1)</script>', x: 1, y: 1, cluster: 7, medoid: true },
          { label: 'same place', x: 1, y: 1, cluster: 7 },
          { label: 'nowhere', x: Number.NaN, y: 2, cluster: 9 },
        ],
      }),
  }
}

/** All cases, drawn. */
export function drawGallery(): GalleryCase[] {
  const all = {
    ...barCases(),
    ...lineCases(),
    ...seriesCases(),
    ...frontierCases(),
    ...matrixCases(),
    ...clusterCases(),
  }
  return Object.entries(all).map(([name, draw]) => ({ name, chart: draw(name) }))
}

/** The page of the gallery: each chart with its table, in one HTML file that needs no other. */
export function galleryPage(cases: readonly GalleryCase[]): string {
  const parts = cases.map(
    ({ name, chart }) => `<section>
<h2>${escapeText(name)}</h2>
<div class="plot-frame">
${chart.svg}
</div>
<details><summary>The same figures as a table</summary><div class="plot-frame">${tableHtml(chart.table)}</div></details>
</section>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Charts of the lab's reports</title>
<!-- Generated by node tools/gallery.mjs from test/gallery/gallery.ts. Do not edit. -->
<style>
${PLOT_CSS}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:var(--plot-ink);background:var(--plot-surface)}
h2{font:600 1rem/1.5 ui-monospace,monospace;color:var(--plot-muted)}
table{border-collapse:collapse;font-size:.85rem}
th,td{border:1px solid var(--plot-grid);padding:.2rem .5rem;text-align:left}
</style>
<h1>Charts of the lab's reports</h1>
<p>Every chart of <code>src/plot</code> with ordinary and with odd data. The figures are invented: they show forms, not results.</p>
${parts.join('\n')}
</html>
`
}

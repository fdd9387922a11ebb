/** A plan as one HTML page: the answer, curves over the number of VMs, what more would give. Pure. */
import { renderPage } from '../lab/report/html.js'
import type { Block, Section } from '../lab/report/sections.js'
import type { Chart, LineChartInput } from '../plot/chart.js'
import { lineChart } from '../plot/line-chart.js'
import type { Interval } from '../stats/interval.js'
import type { Evaluation } from './evaluate.js'
import { FIGURE_HEAD, figureRow } from './evaluation-table.js'
import type { Plan } from './plan.js'
import { alternativeWords, answer, cautions, digits } from './words.js'

interface Curve {
  readonly id: string
  readonly title: string
  readonly label: string
  readonly unit: string
  readonly series: readonly (readonly [string, (one: Evaluation) => Interval | null])[]
  /** From the figure's unit to the chart's. */
  readonly factor?: number
  readonly better?: 'higher' | 'lower'
}

const CURVES: readonly Curve[] = [
  {
    ...{
      id: 'throughput',
      title: 'Throughput of all VMs',
      label: 'throughput',
      unit: 'Mb/s',
      better: 'higher',
    },
    series: [['all VMs', ({ mbps }) => mbps]],
  },
  {
    ...{
      id: 'delay',
      title: 'Delay in the switch',
      label: 'from arrival to publication',
      unit: 'us',
      better: 'lower',
    },
    series: [
      ['p99', ({ p99Us }) => p99Us],
      ['hold, mean', ({ holdMeanUs }) => holdMeanUs],
    ],
  },
  {
    ...{ id: 'processors', title: 'Processors', label: 'of one processor', unit: '%', factor: 100 },
    series: [
      ['switch', ({ cpuOfSwitch }) => cpuOfSwitch],
      ['a VM', ({ cpuOfVm }) => cpuOfVm],
    ],
  },
]

function draw({ id, title, label, unit, series, factor = 1, better }: Curve, plan: Plan): Chart | undefined {
  const curve = plan.capacity?.curve ?? []
  const amount = (interval: Interval | null): LineChartInput['series'][number]['points'][number]['y'] =>
    interval && {
      value: interval.estimate * factor,
      low: interval.low * factor,
      high: interval.high * factor,
    }
  const drawn = series
    .map(([name, of]) => ({ label: name, points: curve.map((one) => ({ x: one.vms, y: amount(of(one)) })) }))
    .filter(({ points }) => points.some(({ y }) => y !== null))
  if (drawn.length === 0) return undefined
  const { targetUs } = plan.question
  return lineChart({
    ...{ id, title, series: drawn },
    x: { label: 'VMs', from: 0 },
    y: { label, unit, better, from: 0 },
    ...(id === 'delay' ? { target: { value: targetUs, label: `target ${digits(targetUs)} us` } } : {}),
  })
}

function curveSections(plan: Plan): Section[] {
  return CURVES.flatMap((curve): Section[] => {
    const chart = draw(curve, plan)
    if (!chart) return []
    const { id, title } = curve
    const blocks: Block[] = [
      { kind: 'picture', picture: { title, svg: chart.svg }, id, table: chart.table },
      { kind: 'details', table: chart.table, caption: `${title}: figures` },
    ]
    return [{ id: `figure-${id}`, title, level: 3, blocks }]
  })
}

/** @param command that makes the page again */
export function planPage(plan: Plan, isCalibrated: boolean, command: string): string {
  const { question, capacity, asked } = plan
  const { cores, ghz, nics, nicGbps, workload, policy, architecture, device, budget, targetUs } = question
  const facts: [string, string][] = [
    ['processors', `${cores} of ${ghz} GHz`],
    ['NICs', `${nics} of ${nicGbps} Gb/s`],
    ['each VM', `${workload.does} (${workload.text})`],
    ['target', `${digits(targetUs)} us at the 99th percentile, from arrival at the switch to publication`],
    ['policy', `${policy.name}, at most ${budget} of a processor for the switch`],
    ['architecture', `${architecture}, ${device} device`],
  ]
  const text = (words: string, strong = false): Block => ({ kind: 'text', text: words, strong })
  const rows = (capacity?.curve ?? [asked]).map(figureRow)
  return renderPage({
    title: 'How many VMs fit',
    lead: `${workload.text}, ${cores} processors, ${nics} x ${nicGbps} Gb/s`,
    generator: command,
    sections: [
      {
        ...{ id: 'answer', title: 'Short answer', level: 2 },
        blocks: [
          ...answer(plan).map((words): Block => ({ kind: 'answer', text: words })),
          ...cautions(question, isCalibrated).map((words) => text(words, true)),
        ],
      },
      ...(capacity
        ? [
            {
              ...{ id: 'more', title: 'What more would give', level: 2 as const },
              blocks: [{ kind: 'list' as const, items: alternativeWords(capacity) }],
            },
          ]
        : []),
      {
        ...{ id: 'figures', title: 'Figures', level: 2 },
        blocks: [
          text(
            'Simulated. Whiskers and brackets are 95 % intervals of replications with seeds of their own.',
          ),
          {
            kind: 'table',
            table: { head: FIGURE_HEAD, rows },
            caption: 'By number of VMs',
          },
        ],
      },
      ...curveSections(plan),
      {
        ...{ id: 'question', title: 'What was asked', level: 2 },
        blocks: [{ kind: 'table', table: { head: ['what', 'value'], rows: facts }, caption: 'The machine' }],
      },
    ],
    footer: ['Made by ', command, '.'],
  })
}

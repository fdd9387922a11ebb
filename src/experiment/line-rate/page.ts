/** The line-rate report as sections: answer, tables, charts. Pure. */
import type { Block, Section } from '../../lab/report/sections.js'
import { listed } from '../../lab/report/wording.js'
import type { ChartTable } from '../../plot/chart.js'
import { lineChart } from '../../plot/line-chart.js'
import type { Interval } from '../../stats/interval.js'
import { pictureSection } from '../page.js'
import { answerOf } from './answer.js'
import { REPLICATIONS } from './grid.js'
import { leastFilling, most, type Outcome, type Outcomes } from './outcome.js'

/** Beyond it the axis is logarithmic. */
const MOST_LINEAR_GBPS = 40

const amount = ({ estimate, low, high }: Interval) => ({ value: estimate, low, high })
const text = (words: string): Block => ({ kind: 'text', text: words })

/** "from 4 VMs", or the largest share. */
function reached(outcomes: readonly Outcome[]): string {
  const vms = leastFilling(outcomes, 'vms')
  if (vms !== undefined) return vms === 1 ? 'from 1 VM' : `from ${vms} VMs`
  const best = most(outcomes)
  return best ? `${Number((best.share * 100).toPrecision(2))} %` : '–'
}

function reachTable(outcomes: Outcomes, frameBytes: number): ChartTable {
  const rates = outcomes.values('gbps')
  const row = (name: string, direction: 'receive' | 'transmit', policy: Outcome['policy']): string[] => [
    name,
    ...rates.map((gbps) => reached(outcomes.of({ direction, threads: 1, frameBytes, gbps, policy }))),
  ]
  return {
    head: ['policy', ...rates.map((gbps) => `${gbps} Gb/s`)],
    rows: [
      ...outcomes.policies.map((policy) => row(policy, 'receive', policy)),
      row('from VMs to the wire, natural', 'transmit', 'natural'),
    ],
  }
}

/** Carried against the number of VMs, a line a policy. */
function vmChart(outcomes: Outcomes, frameBytes: number, gbps: number): Section {
  const id = `vms-${gbps}g-${frameBytes}`
  const title = `${gbps} Gb/s, frames of ${frameBytes} bytes`
  const chart = lineChart({
    ...{ id, title, subtitle: 'to VMs, one thread of the driver domain' },
    x: { label: 'VMs', scale: 'log', from: 1 },
    // Where a thread carries a small part of the line, the part is what is to be seen.
    y: {
      ...{ label: 'carried, on the wire', unit: 'Gb/s', better: 'higher' },
      ...(gbps > MOST_LINEAR_GBPS ? { scale: 'log', from: 1 } : { from: 0 }),
    },
    series: outcomes.policies.map((policy) => ({
      label: policy,
      points: outcomes
        .of({ direction: 'receive', threads: 1, frameBytes, gbps, policy })
        .map(({ vms, wireGbps }) => ({ x: vms, y: amount(wireGbps) })),
    })),
    target: { value: gbps, label: 'line rate' },
  })
  return pictureSection(id, title, chart)
}

/** Carried against the number of threads. */
function threadChart(outcomes: Outcomes, frameBytes: number, gbps: number): Section {
  const id = `threads-${gbps}g-${frameBytes}`
  const vms = outcomes.values('vms').at(-1)
  const title = `${gbps} Gb/s, frames of ${frameBytes} bytes, more threads`
  const policies = outcomes.policies.filter((policy) =>
    outcomes.all.some((one) => one.policy === policy && one.threads > 1),
  )
  const chart = lineChart({
    ...{ id, title, subtitle: `to ${vms} VMs` },
    x: { label: 'threads of the driver domain', scale: 'log', from: 1 },
    y: { label: 'carried, on the wire', unit: 'Gb/s', better: 'higher', from: 0 },
    series: policies.map((policy) => ({
      label: policy,
      points: outcomes
        .of({ direction: 'receive', frameBytes, gbps, policy, vms })
        .sort((a, b) => a.threads - b.threads)
        .map(({ threads, wireGbps }) => ({ x: threads, y: amount(wireGbps) })),
    })),
    target: { value: gbps, label: 'line rate' },
  })
  return pictureSection(id, title, chart)
}

const MODEL = [
  'Simulated, not measured: the driver domain is this project’s (plane, policies and controller as they are), the costs of NIC drivers, wake-ups and guests are assumed ("ringferry sim steps").',
  'Every thread of the driver domain and every VM has a processor of 3 GHz to itself; memory bandwidth and caches are not modelled, so many threads look better here than they would be.',
  'Frames come at random (Poisson) at line rate, spread evenly over the VMs; where a wire carries more than 8 million frames a second and thread, so many are offered. Two VMs of different threads cannot talk past the NIC.',
  'A NIC counts as filled from 97 % of its line rate on. Sizes are with checksum; 1518 bytes carry an IP packet of 1500.',
  'Budget 0.8 of the thread, target 500 us; fixed holds 100 us or 64 frames.',
  `${REPLICATIONS} runs a point, each with a seed of its own, of 40 000 frames or more; bars are 95 % intervals of their mean, often smaller than the mark.`,
  'Policies that measure (adaptive, dim) run for 600 ms before anything counts, so that their decisions have settled.',
]

/** All sections of the report. */
export function lineRateSections(outcomes: Outcomes): Section[] {
  const sizes = outcomes.values('frameBytes')
  const rates = outcomes.values('gbps').filter((gbps) => gbps >= 10)
  const shown = [rates[0], rates.at(-1)].filter(
    (gbps, at, all) => gbps !== undefined && all.indexOf(gbps) === at,
  )
  return [
    {
      ...{ id: 'answer', title: 'Short answer', level: 2 },
      blocks: answerOf(outcomes).map((words): Block => ({ kind: 'answer', text: words })),
    },
    { ...{ id: 'model', title: 'What was simulated', level: 2 }, blocks: [{ kind: 'list', items: MODEL }] },
    {
      ...{ id: 'reach', title: 'Where line rate is reached', level: 2 },
      blocks: [
        text(
          `The least number of VMs with which one thread fills the NIC, of ${listed(outcomes.values('vms').map(String))}; else the largest share of line rate that it carries.`,
        ),
        ...sizes.map(
          (frameBytes): Block => ({
            kind: 'table',
            table: reachTable(outcomes, frameBytes),
            caption: `Frames of ${frameBytes} bytes, to VMs`,
          }),
        ),
      ],
    },
    { ...{ id: 'figures', title: 'Figures', level: 2 }, blocks: [text('All points are in report.json.')] },
    ...shown.flatMap((gbps) => sizes.map((frameBytes) => vmChart(outcomes, frameBytes, gbps!))),
    ...sizes.map((frameBytes) => threadChart(outcomes, frameBytes, shown.at(-1)!)),
  ]
}

/** The frontier as sections: answer, the two frontiers, the surface with the analytic model over it. Pure. */
import type { Block, Section } from '../../lab/report/sections.js'
import { frontierChart } from '../../plot/frontier-chart.js'
import { lineChart } from '../../plot/line-chart.js'
import { matrixChart } from '../../plot/matrix-chart.js'
import { pictureSection } from '../page.js'
import { frontierAnswer } from './answer.js'
import { CARRIED_FPS, type Load, VMS } from './grid.js'
import { type MeasuredPoint, measuredSections } from './measured.js'
import { type FrontierPoint, type Hold, nameOf, predictedHold, ratioOf } from './outcome.js'

const MEGA = 1e6
const FIGURES: readonly (readonly [keyof Hold, string, string])[] = [
  ['batchFrames', 'frames of a batch', 'frames'],
  ['meanUs', 'mean hold', 'us'],
  ['p99Us', 'p99 of the hold', 'us'],
]
/** Sizes whose lines are drawn: more cannot be told apart. */
const DRAWN_SIZES = [4, 16, 128]

const of = (points: readonly FrontierPoint[], load: Load): FrontierPoint[] =>
  points.filter((point) => point.load === load)

function frontier(points: readonly FrontierPoint[], load: Load): Section {
  const id = `frontier-${load}`
  const title =
    load === 'carried'
      ? `Delay and cost, ${VMS} VMs with ${CARRIED_FPS} frames/s each`
      : `Delay and throughput, ${VMS} VMs, more offered than is carried`
  const chart = frontierChart({
    ...{ id, title, width: 1000, markedLabel: 'decided by a policy' },
    x: { label: 'p99 from arrival to publication', unit: 'us', scale: 'log', better: 'lower' },
    y:
      load === 'carried'
        ? { label: 'frames a processor would carry', unit: 'million/s', better: 'higher' }
        : { label: 'carried', unit: 'million frames/s', better: 'higher' },
    points: of(points, load).map((point) => ({
      label: nameOf(point),
      x: point.p99Us,
      y: (load === 'carried' ? point.fpsPerProcessor : point.carriedFps.estimate) / MEGA,
      marked: point.policy !== 'fixed',
    })),
  })
  return pictureSection(id, title, chart)
}

const rising = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b)

/** Simulated points and the model's lines. */
function overlay(fixed: readonly FrontierPoint[], [figure, label, unit]: (typeof FIGURES)[number]): Section {
  const title = `${label[0]!.toUpperCase()}${label.slice(1)}: simulated, and the analytic model`
  const id = `surface-${figure}`
  const sizes = rising(fixed.map(({ maxFrames }) => maxFrames)).filter((size) => DRAWN_SIZES.includes(size))
  const chart = lineChart({
    ...{ id, title },
    x: { label: 'hold', unit: 'us', scale: 'log' },
    y: { label, unit, from: 0 },
    series: (sizes.length > 0 ? sizes : rising(fixed.map(({ maxFrames }) => maxFrames))).flatMap((size) => {
      const points = fixed.filter(({ maxFrames }) => maxFrames === size)
      return [
        {
          label: `${size} frames, simulated`,
          points: points.map((point) => ({ x: point.holdUs, y: point.hold[figure] })),
        },
        {
          label: `${size} frames, model`,
          points: points.map((point) => ({ x: point.holdUs, y: predictedHold(point)[figure] })),
        },
      ]
    }),
  })
  return pictureSection(id, title, chart)
}

/** The whole surface as ratios. */
function ratios(fixed: readonly FrontierPoint[], [figure, label]: (typeof FIGURES)[number]): Section {
  const [holds, sizes] = [
    rising(fixed.map(({ holdUs }) => holdUs)),
    rising(fixed.map((each) => each.maxFrames)),
  ]
  const title = `${label[0]!.toUpperCase()}${label.slice(1)}, simulated over the analytic model`
  const id = `ratio-${figure}`
  const chart = matrixChart({
    ...{ id, title, better: 'lower' },
    x: { label: 'most frames of a batch' },
    y: { label: 'hold, us' },
    columns: sizes.map(String),
    rows: holds.map(String),
    entries: holds.map((hold) =>
      sizes.map((size) => {
        const point = fixed.find(({ holdUs, maxFrames }) => holdUs === hold && maxFrames === size)
        return point && ratioOf(point, figure)
      }),
    ),
    entryLabel: `${label}, simulated / model`,
  })
  return pictureSection(id, title, chart)
}

const MODEL = [
  `One thread of this project's driver domain, a processor of 3 GHz for it and for each of ${VMS} VMs, a NIC of 10 Gb/s, 64-byte frames at random times (Poisson).`,
  'Simulated, not measured: plane, policies and controller are the engine’s own; costs of NIC drivers, wake-ups and guests are assumed.',
  'Fixed settings are called by hold and most frames. Budgets of adaptive are shares of the thread’s processor.',
  'The analytic model (docs/theory.md) knows arrivals, hold and size; it knows no wake-up, no burst and no other VM.',
  'Under more than is carried a p99 counts from the thread’s last poll of the NIC: what waits in the NIC’s ring is not in it.',
]

/** All sections of the report. @param measured points of a run of the lab, if one was given */
export function frontierSections(
  points: readonly FrontierPoint[],
  measured: readonly MeasuredPoint[],
): Section[] {
  const fixed = of(points, 'carried').filter(({ policy }) => policy === 'fixed')
  return [
    {
      ...{ id: 'answer', title: 'Short answer', level: 2 },
      blocks: frontierAnswer(points).map((text): Block => ({ kind: 'answer', text })),
    },
    { ...{ id: 'model', title: 'What was simulated', level: 2 }, blocks: [{ kind: 'list', items: MODEL }] },
    {
      ...{ id: 'figures', title: 'Figures', level: 2 },
      blocks: [
        { kind: 'text', text: 'Every chart has its figures under it; all points are in report.json.' },
      ],
    },
    frontier(points, 'carried'),
    frontier(points, 'flood'),
    ...FIGURES.map((figure) => overlay(fixed, figure)),
    ...FIGURES.map((figure) => ratios(fixed, figure)),
    ...measuredSections(measured),
  ]
}

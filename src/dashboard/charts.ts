/** Drawings of the delays of one port: how they are spread, and what they cost. */
import { h, type JSX } from 'preact'
import { type Bar, framesBeyond, logBars } from './delay-histogram.js'
import { delay, delayMark, percent, short } from './format.js'
import { type chosenPoint, frontierOf, type Point } from './frontier.js'
import { DataTable, useWidth } from './parts.js'
import { linearTicks, logTicks } from './scales.js'

const HEIGHT = 220
const LEFT = 52
const RIGHT = 20
const TOP = 22
const BOTTOM = 30
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM
/** A budget so many times beyond what is used is out of the picture. */
const FAR = 4

/** A mark of the lower axis. */
const bottomMark = (x: number, text: string): JSX.Element =>
  h('text', { key: `x${text}`, class: 'tick', x, y: HEIGHT - BOTTOM + 17, 'text-anchor': 'middle' }, text)
/** A mark of the left axis with its line. */
const leftMark = (y: number, width: number, text: string): JSX.Element =>
  h(
    'g',
    { key: `y${text}` },
    h('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
    h('text', { class: 'tick', x: LEFT - 7, y: y + 4, 'text-anchor': 'end' }, text),
  )

interface DelayChartProps {
  readonly name: string
  readonly bars: readonly Bar[]
  readonly targetUs: number
}

/** Frames by delay on a logarithmic axis, those beyond the target in another colour. */
export function DelayChart({ name, bars, targetUs }: DelayChartProps): JSX.Element {
  const [box, width] = useWidth(420)
  const shown = logBars(bars)
  const frames = shown.reduce((all, each) => all + each.frames, 0)
  const late = framesBeyond(bars, targetUs)
  const low = Math.min(shown[0]?.fromUs ?? 10, targetUs / 2)
  const high = Math.max(shown.at(-1)?.toUs ?? 1000, targetUs * 2)
  const ticks = linearTicks(Math.max(1, ...shown.map((each) => each.frames)), 4)
  const top = ticks.at(-1) as number
  const plotWidth = width - LEFT - RIGHT
  const x = (us: number): number => LEFT + (Math.log(us / low) / Math.log(high / low)) * plotWidth
  const y = (value: number): number => TOP + (1 - value / top) * PLOT_HEIGHT
  const at = x(targetUs)
  const isRight = at > width / 2
  const summary =
    frames === 0
      ? `${name}: no frames in the last 10 s`
      : `${name}: ${short(frames)} frames in the last 10 s, ${percent(1 - late / frames)} within the target of ${delay(targetUs)}`
  return h(
    'div',
    { class: 'drawing', ref: box },
    h(
      'svg',
      { role: 'img', 'aria-label': summary, width, height: HEIGHT, id: 'delay-histogram' },
      ticks.map((tick) => leftMark(y(tick), width, short(tick))),
      logTicks(low, high, Math.floor(plotWidth / 56)).map((us) => bottomMark(x(us), delayMark(us))),
      shown.map(({ fromUs, toUs, frames: count }) =>
        count === 0
          ? null
          : h('rect', {
              key: fromUs,
              class: Math.sqrt(fromUs * toUs) > targetUs ? 'late' : 'within',
              x: x(fromUs) + 0.75,
              width: Math.max(1, x(toUs) - x(fromUs) - 1.5),
              // A single frame must be seen.
              y: Math.min(y(count), TOP + PLOT_HEIGHT - 1.5),
              height: Math.max(1.5, TOP + PLOT_HEIGHT - y(count)),
            }),
      ),
      h('line', { class: 'target', x1: at, x2: at, y1: TOP - 6, y2: TOP + PLOT_HEIGHT }),
      h(
        'text',
        {
          class: 'target-text',
          x: isRight ? at - 6 : at + 6,
          y: TOP - 8,
          'text-anchor': isRight ? 'end' : 'start',
        },
        `target ${delay(targetUs)}`,
      ),
      frames === 0
        ? h(
            'text',
            { class: 'none', x: width / 2, y: HEIGHT / 2, 'text-anchor': 'middle' },
            'no frames in the last 10 s',
          )
        : null,
    ),
    h(DataTable, {
      caption: `Delays of ${name} in the last 10 s`,
      heads: ['Delay', 'Frames'],
      rows: shown
        .filter((each) => each.frames > 0)
        .map((each) => [`${delay(each.fromUs)} to ${delay(each.toUs)}`, short(each.frames)]),
    }),
  )
}

interface FrontierProps {
  readonly name: string
  readonly points: readonly Point[]
  readonly chosen: ReturnType<typeof chosenPoint>
  readonly targetUs: number
  readonly budget: number
}

/** Delay against processor share: the seconds of the past, the best of them joined, and where it is now. */
export function FrontierChart({ name, points, chosen, targetUs, budget }: FrontierProps): JSX.Element {
  const [box, width] = useWidth(420)
  const best = frontierOf(points)
  const most = Math.max(0.02, ...points.map((each) => each.share))
  // A budget that is far away would press all points together.
  const isNear = budget <= most * FAR
  const xTicks = linearTicks(Math.min(1.05, isNear ? Math.max(most, budget * 1.1) : most * 1.3), 5)
  const right = xTicks.at(-1) as number
  const low = Math.min(targetUs, ...points.map((each) => each.p99Us)) / 1.6
  const high = Math.max(targetUs, ...points.map((each) => each.p99Us)) * 1.6
  const plotWidth = width - LEFT - RIGHT
  const x = (share: number): number => LEFT + (Math.min(share, right) / right) * plotWidth
  const y = (us: number): number => TOP + (Math.log(high / us) / Math.log(high / low)) * PLOT_HEIGHT
  const summary = chosen
    ? `${name}: p99 ${delay(chosen.p99Us)} at ${percent(chosen.share)} of a processor now; target ${delay(targetUs)}, budget ${percent(budget)}`
    : `${name}: no frames lately`
  const path = best.map(
    ({ share, p99Us }, i) => `${i === 0 ? 'M' : 'L'}${x(share).toFixed(1)} ${y(p99Us).toFixed(1)}`,
  )
  return h(
    'div',
    { class: 'drawing', ref: box },
    h(
      'svg',
      { role: 'img', 'aria-label': summary, width, height: HEIGHT },
      h('rect', {
        class: 'promised',
        x: LEFT,
        width: x(budget) - LEFT,
        y: y(targetUs),
        height: Math.max(0, TOP + PLOT_HEIGHT - y(targetUs)),
      }),
      logTicks(low, high, 6).map((us) => leftMark(y(us), width, delayMark(us))),
      xTicks.map((share) => bottomMark(x(share), `${Number((share * 100).toFixed(1))} %`)),
      h('line', { class: 'target', x1: LEFT, x2: width - RIGHT, y1: y(targetUs), y2: y(targetUs) }),
      isNear
        ? h('line', { class: 'budget', x1: x(budget), x2: x(budget), y1: TOP - 6, y2: TOP + PLOT_HEIGHT })
        : null,
      h(
        'text',
        { class: 'budget-text', x: Math.min(x(budget) - 5, width - RIGHT), y: TOP - 8, 'text-anchor': 'end' },
        `budget ${percent(budget)}${isNear ? '' : ' →'}`,
      ),
      points.map(({ share, p99Us, ageS }) =>
        h('circle', {
          key: ageS,
          class: 'second',
          cx: x(share),
          cy: y(p99Us),
          r: 3,
          opacity: Math.max(0.15, 0.75 - ageS / 400),
        }),
      ),
      h('path', { class: 'frontier', d: path.join('') }),
      chosen ? h('circle', { class: 'now', cx: x(chosen.share), cy: y(chosen.p99Us), r: 6 }) : null,
      points.length === 0
        ? h('text', { class: 'none', x: width / 2, y: HEIGHT / 2, 'text-anchor': 'middle' }, 'no frames yet')
        : null,
    ),
    h(DataTable, {
      caption: `Best seconds of ${name}: processor share and p99`,
      heads: ['Processor', 'p99', 'When'],
      rows: best.map(({ share, p99Us, ageS }) => [percent(share), delay(p99Us), `${Math.round(ageS)} s ago`]),
    }),
  )
}

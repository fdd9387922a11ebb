/** One port in full: its target and verdict, why, its delays, and what became of its frames. */
import { h, type JSX } from 'preact'
import { AdaptiveButton, TargetForm } from './changes.js'
import { DelayChart, FrontierChart } from './charts.js'
import type { Bar } from './delay-histogram.js'
import { delay, delayMark, duration, percent, sentence, short, words } from './format.js'
import { chosenPoint, pointsOf } from './frontier.js'
import { recent, type Second } from './history.js'
import { BarList, Card, type ListedBar, Verdict } from './parts.js'
import type { PortRow } from './port-rows.js'
import { TimeChart } from './time-chart.js'

const RECENT_S = 10
/** "No limit" of hold limits. */
const NO_LIMIT = 2 ** 31 - 1

/** Why publications happen; docs/theory.md. */
const REASONS: Readonly<Record<string, string>> = {
  full: 'no buffer left',
  frames: 'most frames',
  bytes: 'most bytes',
  'no-hold': 'burst over',
  polling: 'guest polls',
  urgent: 'must not wait',
  deadline: 'held long enough',
  gap: 'sender paused',
}

export interface PortPanelProps {
  readonly row: PortRow
  readonly seconds: readonly Second[]
  readonly delays: readonly Bar[]
  readonly budget: number
  readonly theme: string
}

const fact = (name: string, value: string): JSX.Element =>
  h('div', { key: name }, h('dt', null, name), h('dd', null, value))

function Facts({ row }: { readonly row: PortRow }): JSX.Element {
  const { promise, tuning, rates, status } = row
  const limit = (value: number, text: (value: number) => string): string =>
    value >= NO_LIMIT ? 'no limit' : text(value)
  const facts = [
    fact('In', `${short(rates.ingressFps)} f/s, ${short(rates.ingressMbps)} Mb/s`),
    fact('Out', `${short(rates.egressFps)} f/s, ${short(rates.egressMbps)} Mb/s`),
  ]
  if (promise)
    facts.push(
      fact('p99, 10 s', delay(promise.last10s.p99Us)),
      fact('p99, 5 min', delay(promise.last300s.p99Us)),
      fact('Within target, 10 s', percent(promise.last10s.withinShare)),
      fact('Queue p99', delay(promise.queueP99Us)),
      fact('Hold p99', delay(promise.holdP99Us)),
      fact('Frames a batch', promise.batchFrames?.toFixed(1) ?? '–'),
      fact('Calls saved', percent(promise.callsSavedShare)),
      fact('Processor saved', percent(promise.cpuSavedShare)),
    )
  if (tuning)
    facts.push(
      fact('Hold limit', limit(tuning.limits.holdUs, delay)),
      fact('Frame limit', limit(tuning.limits.maxFrames, String)),
    )
  facts.push(fact('State', row.state), fact('Where', status.place))
  return h('dl', { class: 'facts' }, facts)
}

/** What is said of the target, in words first. */
function Promised({ row, budget }: { readonly row: PortRow; readonly budget: number }): JSX.Element | null {
  const { promise } = row
  if (!promise)
    return h('p', { class: 'hint' }, 'This port has no delay target: it is no guest of the switch.')
  const sinceS = (Date.now() - Date.parse(promise.since)) / 1000
  return h(
    'div',
    { class: 'promise' },
    h(
      'div',
      null,
      h(
        'p',
        { class: 'verdict-line' },
        h(Verdict, { state: promise.state }),
        h('span', { class: 'since' }, ` for ${duration(sinceS)}`),
      ),
      h('p', { class: 'why', id: 'why' }, sentence(promise.sentence)),
      promise.advice === ''
        ? null
        : h('p', { class: 'advice' }, h('b', null, 'What to do: '), sentence(promise.advice)),
      promise.state === 'missed' && promise.cause === 'budget'
        ? h(
            'p',
            { class: 'hint' },
            'The budget is ',
            percent(budget),
            '; ',
            h('a', { href: '#engine' }, 'change it below'),
            '.',
          )
        : null,
      promise.state === 'not-held' ? h(AdaptiveButton, null) : null,
    ),
    h(TargetForm, { name: row.name, targetUs: promise.targetUs }),
  )
}

function reasonsOf(seconds: readonly Second[], name: string): ListedBar[] {
  const last = seconds.at(-1)?.vifs.get(name)
  if (!last) return []
  return Object.keys(last.published)
    .map((reason) => ({
      name: words(reason),
      value: recent(seconds, RECENT_S, ({ vifs }) => vifs.get(name)?.published[reason] ?? 0),
      note: REASONS[reason] ?? '',
    }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .map((each) => ({ ...each, text: `${short(each.value)}/s` }))
}

function dropsOf(
  { row, seconds }: PortPanelProps,
  all: Readonly<Record<string, number | undefined>>,
): ListedBar[] {
  return Object.entries(all)
    .map(([reason, count = 0]) => {
      const rate = recent(seconds, RECENT_S, ({ ports }) => ports.get(row.name)?.drops[reason] ?? 0)
      return {
        name: words(reason),
        value: count,
        text: rate > 0 ? `${short(count)}, ${short(rate)}/s now` : short(count),
      }
    })
    .sort((a, b) => b.value - a.value)
}

interface WithDrops extends PortPanelProps {
  /** Dropped frames by reason since the port was added. */
  readonly drops: Readonly<Record<string, number | undefined>>
}

export function PortPanel(props: WithDrops): JSX.Element {
  const { row, seconds, delays, budget, theme } = props
  const { name, promise } = row
  const points = pointsOf(seconds, name)
  const times = seconds.map(({ timeS }) => timeS)
  const of = (read: (second: Second) => number | null | undefined): (number | null)[] =>
    seconds.map((second) => read(second) ?? null)
  const chart = (title: string, child: JSX.Element): JSX.Element =>
    h('div', { class: 'chart' }, h('h3', null, title), child)
  return h(
    Card,
    { id: 'port', title: name, class: 'whole' },
    h(Promised, { row, budget }),
    h(
      'div',
      { class: 'charts' },
      promise
        ? [
            chart('Delays, last 10 s', h(DelayChart, { name, bars: delays, targetUs: promise.targetUs })),
            chart(
              'p99 against target',
              h(TimeChart, {
                label: `p99 of ${name} against its target`,
                times,
                theme,
                format: delay,
                mark: delayMark,
                lines: [
                  { label: 'p99', colour: '--accent', values: of(({ vifs }) => vifs.get(name)?.p99Us) },
                  {
                    label: 'target',
                    colour: '--bad',
                    isDashed: true,
                    values: of(({ vifs }) => vifs.get(name)?.targetUs),
                  },
                ],
              }),
            ),
            chart(
              'What delay costs: p99 against processor, last 5 min',
              h(FrontierChart, {
                name,
                points,
                chosen: chosenPoint(points),
                targetUs: promise.targetUs,
                budget,
              }),
            ),
          ]
        : null,
      chart(
        'Rates',
        h(TimeChart, {
          label: `Rates of ${name}`,
          times,
          theme,
          format: (value) => `${short(value)} Mb/s`,
          lines: [
            { label: 'in', colour: '--second', values: of(({ ports }) => ports.get(name)?.ingressMbps) },
            { label: 'out', colour: '--accent', values: of(({ ports }) => ports.get(name)?.egressMbps) },
          ],
        }),
      ),
      row.tuning
        ? chart(
            'Why batches are published',
            h(BarList, {
              label: `Publications of ${name} a second, by reason`,
              bars: reasonsOf(seconds, name),
              empty: 'Nothing was published in the last 10 s.',
            }),
          )
        : null,
      chart(
        'Drops by reason',
        h(BarList, {
          label: `Dropped frames of ${name}, by reason`,
          bars: dropsOf(props, props.drops),
          empty: 'No frame was dropped.',
        }),
      ),
    ),
    h(Facts, { row }),
  )
}

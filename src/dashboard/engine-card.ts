/** What the switch itself uses of a processor, and for whom. */
import { h, type JSX } from 'preact'
import type { Live } from './api.js'
import { BudgetForm } from './changes.js'
import { percent } from './format.js'
import { recent, type Second } from './history.js'
import { BarList, Card, type ListedBar } from './parts.js'
import { TimeChart } from './time-chart.js'

const RECENT_S = 10
const MOST_VIFS = 8

/** Shares by vif, the largest first; the smallest are one. */
export function sharesOf(seconds: readonly Second[]): ListedBar[] {
  const names = [...(seconds.at(-1)?.vifs.keys() ?? [])]
  const shares = names
    .map((name) => ({
      name,
      value: recent(seconds, RECENT_S, ({ vifs }) => vifs.get(name)?.servedShare ?? 0),
    }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
  const whole = recent(seconds, RECENT_S, ({ engineShare }) => engineShare)
  const served = shares.reduce((all, { value }) => all + value, 0)
  const small = shares.slice(MOST_VIFS)
  const others = small.reduce((all, { value }) => all + value, 0)
  return [
    ...shares.slice(0, MOST_VIFS),
    ...(small.length > 0 ? [{ name: `${small.length} others`, value: others }] : []),
    { name: 'all else', value: Math.max(0, whole - served), note: 'wake-ups, spinning, host ports' },
  ].map((each) => ({ ...each, text: percent(each.value) }))
}

interface EngineCardProps {
  readonly live: Live
  readonly seconds: readonly Second[]
  readonly theme: string
}

export function EngineCard({ live, seconds, theme }: EngineCardProps): JSX.Element {
  return h(
    Card,
    { id: 'engine', title: 'Processor of the switch' },
    h(BudgetForm, { budget: live.status.budget }),
    h(TimeChart, {
      label: 'Processor share of the switch against its budget',
      times: seconds.map(({ timeS }) => timeS),
      theme,
      format: percent,
      lines: [
        {
          label: 'used',
          colour: '--accent',
          isFilled: true,
          values: seconds.map(({ engineShare }) => engineShare),
        },
        { label: 'budget', colour: '--warn', isDashed: true, values: seconds.map(({ budget }) => budget) },
      ],
    }),
    h('h3', null, 'By whose frames, last 10 s'),
    h(BarList, {
      label: 'Processor share of the switch by the vif that sent',
      bars: seconds.length === 0 ? [] : sharesOf(seconds),
      empty: 'Measuring …',
    }),
  )
}

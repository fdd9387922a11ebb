/** What happened, newest first. */
import { h, type JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { EventAnswer } from './api.js'
import { clock, sentence, words } from './format.js'
import { Card } from './parts.js'

const SHOWN = 60
const BAD = ['error', 'loop', 'policy-lost', 'target-missed', 'not-reloaded']
const GOOD = ['target-met', 'link-up']

const toneOf = (event: string): string =>
  BAD.includes(event) ? 'bad' : GOOD.includes(event) ? 'good' : 'idle'

interface EventsCardProps {
  readonly events: readonly EventAnswer[]
  readonly chosen: string | undefined
}

export function EventsCard({ events, chosen }: EventsCardProps): JSX.Element {
  const [isOnly, setOnly] = useState(false)
  const shown = events.filter(({ port }) => !isOnly || port === chosen).slice(0, SHOWN)
  return h(
    Card,
    {
      id: 'events',
      title: 'Events',
      aside:
        chosen === undefined
          ? null
          : h(
              'label',
              { class: 'check' },
              h('input', {
                type: 'checkbox',
                checked: isOnly,
                onChange: (event: Event) => setOnly((event.currentTarget as HTMLInputElement).checked),
              }),
              `only ${chosen}`,
            ),
    },
    shown.length === 0
      ? h('p', { class: 'empty' }, 'Nothing has happened.')
      : h(
          'ol',
          { class: 'events', tabIndex: 0, 'aria-label': 'Events, newest first' },
          shown.map(({ id, time, event, port, detail }) =>
            h(
              'li',
              { key: `${time} ${id}`, class: toneOf(event) },
              h('time', { dateTime: time, title: time }, clock(time)),
              h('b', null, port ?? 'switch'),
              h('span', { class: 'event-name' }, words(event)),
              detail === ''
                ? null
                : h('span', { class: 'detail' }, detail.includes(' ') ? sentence(detail) : detail),
            ),
          ),
        ),
  )
}

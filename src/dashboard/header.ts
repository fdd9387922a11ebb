/** The head of the page: the switch in a few numbers, and what the page itself can do. */
import { h, type JSX } from 'preact'
import { useContext } from 'preact/hooks'
import { AccessContext } from './changes.js'
import { duration, percent, sentence, short } from './format.js'
import { recent, type Second } from './history.js'
import type { Model } from './model.js'
import type { PortRow } from './port-rows.js'
import { THEMES, type Theme } from './theme.js'

const RECENT_S = 3

interface HeaderProps {
  readonly model: Model
  readonly theme: Theme
  setTheme(theme: Theme): void
}

export function Header({ model: { live, link }, theme, setTheme }: HeaderProps): JSX.Element {
  const { mayChange, ask } = useContext(AccessContext)
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] as Theme
  return h(
    'header',
    { class: 'top' },
    h('h1', null, h('img', { src: '/dashboard/icon.svg', alt: '', width: 26, height: 26 }), 'Ringferry'),
    h(
      'p',
      { class: 'about' },
      live
        ? `${live.status.version} · up ${duration(live.status.uptimeS)} · policy ${live.status.policy}`
        : '',
    ),
    h(
      'p',
      { class: `link ${link}`, role: 'status' },
      { connecting: 'connecting …', live: 'live', lost: 'connection lost, trying again …' }[link],
    ),
    h(
      'div',
      { class: 'tools' },
      mayChange
        ? h('span', { class: 'allowed' }, '✓ changes allowed')
        : h('button', { type: 'button', onClick: ask }, 'Read only: allow changes'),
      h(
        'button',
        {
          type: 'button',
          id: 'theme',
          onClick: () => setTheme(next),
          'aria-label': `Colours: ${theme}; change to ${next}`,
        },
        { auto: '◐', light: '☀', dark: '☾' }[theme],
        ` ${theme}`,
      ),
    ),
  )
}

interface TilesProps {
  readonly model: Model
  readonly rows: readonly PortRow[]
}

const sumOf = (
  seconds: readonly Second[],
  read: (port: { ingressFps: number; ingressMbps: number; dropsPerS: number }) => number,
): number =>
  recent(seconds, RECENT_S, ({ ports }) => [...ports.values()].reduce((all, port) => all + read(port), 0))

/** The switch in numbers. */
export function Tiles({ model: { live, history }, rows }: TilesProps): JSX.Element | null {
  if (!live) return null
  const { seconds } = history
  const { targets, ports, portsUp, budget } = live.status
  const tile = (name: string, value: string, note: string, tone = ''): JSX.Element =>
    h(
      'div',
      { class: `tile ${tone}`, key: name },
      h('dt', null, name),
      h('dd', null, h('b', null, value), h('span', null, note)),
    )
  const used = recent(seconds, RECENT_S, ({ engineShare }) => engineShare)
  const drops = sumOf(seconds, ({ dropsPerS }) => dropsPerS)
  const held = targets.met + targets.missed
  return h(
    'dl',
    { class: 'tiles' },
    tile(
      'Targets met',
      held === 0 ? '–' : `${targets.met} of ${held}`,
      [
        targets.noLoad > 0 ? `${targets.noLoad} without load` : '',
        targets.notHeld > 0 ? `${targets.notHeld} not held` : '',
      ]
        .filter(Boolean)
        .join(', ') || 'with load',
      targets.missed > 0 ? 'bad' : targets.met > 0 ? 'good' : '',
    ),
    tile(
      'Throughput',
      `${short(sumOf(seconds, ({ ingressFps }) => ingressFps))} f/s`,
      `${short(sumOf(seconds, ({ ingressMbps }) => ingressMbps))} Mb/s into the switch`,
    ),
    tile('Processor', percent(used), `of one; budget ${percent(budget)}`, used > budget * 1.05 ? 'warn' : ''),
    tile(
      'Drops',
      `${short(drops)} f/s`,
      `${short(rows.reduce((all, row) => all + row.drops, 0))} since the start`,
      drops > 0 ? 'warn' : '',
    ),
    tile('Ports up', `${portsUp} of ${ports}`, `${live.status.addresses} addresses`),
  )
}

interface BannerProps {
  readonly rows: readonly PortRow[]
  choose(name: string): void
}

/** What is wrong at present, with the way to it. */
export function Banner({ rows, choose }: BannerProps): JSX.Element | null {
  const missed = rows.filter(({ promise }) => promise?.state === 'missed')
  const [first] = missed
  if (!first) return null
  return h(
    'section',
    { class: 'banner', 'aria-label': 'Targets that are missed' },
    h(
      'p',
      null,
      h(
        'b',
        null,
        missed.length === 1 ? `${first.name} misses its target. ` : `${missed.length} targets are missed. `,
      ),
      missed.length === 1 ? sentence(first.promise?.sentence ?? '') : '',
    ),
    h(
      'p',
      { class: 'banner-links' },
      missed
        .slice(0, 6)
        .map(({ name }) =>
          h('button', { key: name, type: 'button', onClick: () => choose(name) }, `Show ${name}`),
        ),
    ),
  )
}

/** The page: everything that is shown follows from the model and from the port that is chosen. */
import { h, type JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { fromHash, toHash } from './address.js'
import { AccessContext, useAccess } from './changes.js'
import { EngineCard } from './engine-card.js'
import { EventsCard } from './events-card.js'
import { Banner, Header, Tiles } from './header.js'
import { type Model, useModel } from './model.js'
import { firstChoice, rowsOf } from './port-rows.js'
import { PortTable } from './port-table.js'
import { useTheme } from './theme.js'
import { Topology } from './topology-view.js'
import { PortPanel } from './vif-panel.js'

/** Seconds after which rates and verdicts are worth choosing by. */
const SETTLED_S = 3
export function App({ model }: { readonly model: Model }): JSX.Element {
  useModel(model)
  const [asked, setAsked] = useState(() => fromHash(location.hash, 'port'))
  const [theme, setTheme, colours] = useTheme()
  const { live, history } = model
  const { access, form } = useAccess(typeof live?.status.configFile === 'string')
  const rows = live ? rowsOf(live, history.seconds.at(-1)) : []
  // Nobody chose: the choice stands once there are rates to choose by.
  const kept = asked ?? (history.seconds.length >= SETTLED_S ? model.watched : undefined)
  const found = rows.find(({ name }) => name === kept) ?? rows.find(({ name }) => name === firstChoice(rows))
  const chosen = found?.name
  useEffect(() => model.watch(chosen), [chosen])
  const choose = (name: string): void => {
    keepInAddress(name)
    setAsked(name)
  }
  const show = (name: string): void => {
    choose(name)
    document.getElementById('port-title')?.scrollIntoView({ block: 'start' })
  }
  return h(
    AccessContext.Provider,
    { value: access },
    h('a', { class: 'skip', href: '#ports' }, 'To the ports'),
    h(Header, { model, theme, setTheme }),
    form,
    h(
      'div',
      { class: 'sr', 'aria-live': 'polite', id: 'announced' },
      model.announced.map((text, at) => h('p', { key: `${at} ${text}` }, text)),
    ),
    live
      ? h(
          'main',
          { class: model.link === 'lost' ? 'stale' : '' },
          h(Tiles, { model, rows }),
          h(Banner, { rows, choose: show }),
          h(Topology, { rows, chosen, choose }),
          h(PortTable, { rows, chosen, choose }),
          found
            ? h(PortPanel, {
                key: found.name,
                row: found,
                seconds: history.seconds,
                delays: model.delays,
                budget: live.status.budget,
                theme: colours,
                drops: live.stats.find(({ name }) => name === chosen)?.drops ?? {},
              })
            : null,
          h(EngineCard, { live, seconds: history.seconds, theme: colours }),
          h(EventsCard, { events: model.events, chosen }),
        )
      : h('main', null, h('p', { class: 'empty' }, 'Waiting for the switch …')),
  )
}

/** The chosen port is in the address, so that it can be sent to somebody. */
function keepInAddress(name: string): void {
  window.history.replaceState(null, '', toHash('port', name))
}

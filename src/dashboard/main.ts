/** The dashboard: a page that the switch serves at GET / and that sees nothing but its API. */
import { h, render } from 'preact'
import { keepToken } from './api.js'
import { App } from './app.js'
import { Model } from './model.js'

/** A token that came in the address stays in neither the address nor the history. */
function takeToken(): void {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? []
  if (token === undefined) return
  keepToken(decodeURIComponent(token))
  history.replaceState(null, '', location.pathname)
}

takeToken()
const model = new Model()
model.start()
const root = document.getElementById('app')
if (root) render(h(App, { model }), root)

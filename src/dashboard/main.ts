/** The dashboard: a page that the switch serves at GET / and that sees nothing but its API. */
import { h, render } from 'preact'
import { fromHash } from './address.js'
import { keepToken } from './api.js'
import { App } from './app.js'
import { Model } from './model.js'

/** A token that came in the address stays in neither the address nor the history. */
function takeToken(): void {
  const token = fromHash(location.hash, 'token')
  if (token === undefined) return
  keepToken(token)
  history.replaceState(null, '', location.pathname)
}

takeToken()
const model = new Model()
model.start()
const root = document.getElementById('app')
if (root) render(h(App, { model }), root)

/** What `ringferry up --log-format json` says: lines of the log on standard error, and nothing on standard output. */
import type { Log } from '../daemon/log.js'
import { eventLine, targetLine, type View } from './up-view.js'

/** Events of ports that an operator is to look at. */
const WARNINGS: readonly string[] = ['error', 'loop', 'storm', 'unlearned', 'policy-lost']

export function logView(log: Log): View {
  return {
    begin: ({ status: { version, ports, configFile } }) =>
      log.info({ version, ports, configFile }, 'the switch is ready'),
    event(event) {
      const { port, event: name, detail } = event
      const level = WARNINGS.includes(name) ? 'warn' : 'info'
      log[level]({ port: port.name, event: name, detail }, eventLine(event))
    },
    changed(outcome) {
      const { by } = outcome
      if ('error' in outcome) log.warn({ by }, outcome.error)
      else log.info({ by, changes: outcome.changes }, 'the configuration has changed')
    },
    target(change) {
      const { event, verdict } = change
      const level = event === 'target-missed' ? 'warn' : 'info'
      log[level]({ port: verdict.name, event, cause: verdict.cause }, targetLine(change))
    },
    second: () => {},
    end: () => log.info('the switch is stopping'),
  }
}

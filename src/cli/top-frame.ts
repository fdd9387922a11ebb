/** What a live view is made of, from what a switch says. */
import type { PromiseVerdict } from '../control/promise-verdict.js'
import { totalDrops } from '../core/counters.js'
import type { PromiseAnswer } from '../daemon/api/routes/promises.js'
import type { Status } from '../daemon/api/routes/status.js'
import { ratesOf } from '../daemon/rates.js'
import type { PortSample } from './port-samples.js'
import { spanText } from './status.js'
import type { TopPort } from './top-ports.js'
import { shareText } from './tune-show.js'

/** One second of a switch. */
export interface Frame {
  readonly status: Status
  readonly samples: readonly PortSample[]
  readonly promises: readonly (PromiseVerdict | PromiseAnswer)[]
}

/** The ports of a frame as a live view shows them. */
export function topPorts({ samples, promises }: Frame): TopPort[] {
  const byName = new Map(promises.map((promise) => [promise.name, promise]))
  return samples.map(({ status, counters, counted, seconds }) => {
    const promise = byName.get(status.name)
    return {
      name: status.name,
      kind: status.kind,
      state: status.heldDown === undefined ? status.state : 'held',
      place: status.place,
      rates: ratesOf(counted, seconds),
      drops: totalDrops(counters),
      ...(promise ? { promise: { ...promise, p99Us: promise.last10s.p99Us } } : {}),
    }
  })
}

/** Makes the first line of a live view, with the share of a processor that the engine used since the frame before. */
export class Title {
  #before: Status | undefined

  text(status: Status): string {
    const { version, uptimeS, policy, budget, engineCpuS } = status
    const passedS = uptimeS - (this.#before?.uptimeS ?? uptimeS)
    const use = passedS > 0 ? (engineCpuS - (this.#before?.engineCpuS ?? 0)) / passedS : undefined
    this.#before = status
    return [
      `ringferry ${version}`,
      `policy ${policy}`,
      `budget ${budget}`,
      ...(use === undefined ? [] : [`engine ${shareText(use)}`]),
      `up ${spanText(uptimeS)}`,
    ].join(', ')
  }
}

import type { PromisedPort } from '../control/promise-reading.js'
import type { PlacedPort } from './switch-messages.js'

/** The ports that may have a delay target: those with rings, whose frames the plane counts by their delay. */
export function promisedPorts(ports: readonly PlacedPort[]): PromisedPort[] {
  return ports
    .filter(({ status }) => status.kind === 'vif' || status.kind === 'embedded')
    .map(({ row, status: { name, state, detachments } }) => {
      const isAttached = state === 'attached' || state === 'up'
      return { row, name, isAttached, guest: `${isAttached}/${detachments}` }
    })
}

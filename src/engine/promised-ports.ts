import type { PromisedPort } from '../control/promise-reading.js'
import type { PortKind } from '../port/config.js'
import type { PlacedPort } from './switch-messages.js'

const RING_KINDS: ReadonlySet<PortKind> = new Set(['vif', 'xen', 'embedded'])

/** The ports that may have a delay target: those with rings, whose frames the plane counts by their delay. */
export function promisedPorts(ports: readonly PlacedPort[]): PromisedPort[] {
  return ports
    .filter(({ status }) => RING_KINDS.has(status.kind))
    .map(({ row, status: { name, state, detachments } }) => {
      const isAttached = state === 'attached' || state === 'up'
      return { row, name, isAttached, guest: `${isAttached}/${detachments}` }
    })
}

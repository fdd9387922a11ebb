/**
 * Guests that outlive the switch: their connections lie in the service manager's store (FileDescriptorStoreMax=), which hands
 * them to the next process of the service.
 */
import type { PortConfig } from '../port/config.js'
import type { KeepingOptions } from '../port/kept-connections.js'
import { discardStored, storedFds } from '../sys/fd-store.js'

type Environment = Readonly<Record<string, string | undefined>>

export interface Keeping {
  /** undefined: nobody keeps anything. */
  readonly options: KeepingOptions | undefined
  /** Ports that are no more, whose guests were let go. */
  readonly lost: readonly string[]
}

/** What a switch with these ports finds in the store. Guests of other ports are let go. */
export function findKept(ports: readonly PortConfig[], environment: Environment = process.env): Keeping {
  const { NOTIFY_SOCKET: socket, FDSTORE: room } = environment
  // systemd says since version 254 how many descriptors it would keep.
  if (!socket || room === '0') return { options: undefined, lost: [] }
  const stored = new Map(storedFds())
  const lost = [...stored.keys()].filter(
    (name) => !ports.some((port) => port.kind === 'vif' && port.name === name),
  )
  for (const name of lost) {
    discardStored(socket, name, stored.get(name) ?? new Map())
    stored.delete(name)
  }
  return { options: { socket, stored }, lost }
}

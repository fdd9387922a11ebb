import { FdStore, type StoredFds } from '../sys/fd-store.js'

/** Where connections of ports are kept beyond the end of this process, and what the process before left there. */
export interface KeepingOptions {
  /** The service manager's socket (NOTIFY_SOCKET). */
  readonly socket: string
  /** By port. */
  readonly stored: ReadonlyMap<string, StoredFds>
}

/** The service manager's store, shared out among ports by their names. */
export class KeptConnections {
  readonly #socket: string
  readonly #stored: Map<string, StoredFds>
  /** Those that were asked for: what they have to tell may outlive guest and port. */
  readonly #stores = new Map<string, FdStore>()
  /** Whether this process ends: what is kept is left to the next one. */
  isLeft = false

  constructor({ socket, stored }: KeepingOptions) {
    this.#socket = socket
    this.#stored = new Map(stored)
  }

  /** A port's part of the store. */
  storeOf(name: string): FdStore {
    const store = this.#stores.get(name) ?? new FdStore(this.#socket, name)
    this.#stores.set(name, store)
    return store
  }

  /** Called some ten times a second. */
  tick(): void {
    for (const store of this.#stores.values()) store.tick()
  }

  /** Takes what was kept for a port, once; its descriptors are the caller's. */
  take(name: string): StoredFds | undefined {
    const fds = this.#stored.get(name)
    this.#stored.delete(name)
    return fds
  }
}

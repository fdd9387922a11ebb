import type { ModelChannel } from './event-channels.js'
import { ModelEventChannels } from './event-channels.js'
import { type ModelDomain, ModelGrantDevice } from './grant-table.js'

/** A machine under a modelled Xen: domains with memory, grants and channels, and devices for their backend. */
export class ModelXen {
  readonly grants: ModelGrantDevice
  readonly #offered = new Map<string, ModelChannel>()
  #channels = 1

  /** @param memory the linear memory of the backend's engine */
  constructor(memory: Uint8Array) {
    this.grants = new ModelGrantDevice(memory)
  }

  addDomain(id: number): ModelDomain {
    return this.grants.addDomain(id)
  }

  /** A channel that a domain offers to the backend: its number, and the frontend's end of it. */
  offerChannel(domain: number): { number: number; channel: ModelChannel } {
    const channel: ModelChannel = { events: 0, signal: () => {} }
    const number = this.#channels++
    this.#offered.set(`${domain}/${number}`, channel)
    return { number, channel }
  }

  /** A handle for one port of the backend. */
  openChannels(): ModelEventChannels {
    return new ModelEventChannels(this.#offered)
  }
}

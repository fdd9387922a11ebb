import { RingferryError } from '../../errors/errors.js'
import { createEventfd, drainEventfd, signalEventfd } from '../../sys/eventfd.js'
import { closeFd } from '../../sys/unix-socket.js'
import type { EventChannels } from '../../xen/devices.js'

/** One event channel: a frontend offers it, a backend binds it. */
export interface ModelChannel {
  /** Events that the frontend has got. */
  events: number
  /** Called when the frontend signals; set while the channel is bound. */
  signal: () => void
}

/** A model of event channels between the domains of one machine and one backend. */
export class ModelEventChannels implements EventChannels {
  readonly fd = createEventfd()
  readonly #offered: ReadonlyMap<string, ModelChannel>
  readonly #bound = new Map<number, ModelChannel>()
  readonly #pending = new Set<number>()
  readonly #masked = new Set<number>()
  #locals = 1

  /** @param offered channels by "domain/number" */
  constructor(offered: ReadonlyMap<string, ModelChannel>) {
    this.#offered = offered
  }

  bind(domain: number, remote: number): number {
    const channel = this.#offered.get(`${domain}/${remote}`)
    if (!channel) throw new RingferryError('UNSUPPORTED', `domain ${domain} offers no channel ${remote}`)
    const local = this.#locals++
    this.#bound.set(local, channel)
    channel.signal = () => {
      this.#pending.add(local)
      if (!this.#masked.has(local)) signalEventfd(this.fd)
    }
    return local
  }

  notify(local: number): void {
    const channel = this.#bound.get(local)
    if (channel) channel.events++
  }

  pending(): readonly number[] {
    drainEventfd(this.fd)
    const found = [...this.#pending].filter((local) => !this.#masked.has(local))
    for (const local of found) {
      this.#pending.delete(local)
      this.#masked.add(local)
    }
    return found
  }

  unmask(locals: readonly number[]): void {
    for (const local of locals) {
      this.#masked.delete(local)
      if (this.#pending.has(local)) signalEventfd(this.fd)
    }
  }

  unbind(local: number): void {
    const channel = this.#bound.get(local)
    if (channel) channel.signal = () => {}
    this.#bound.delete(local)
    this.#pending.delete(local)
    this.#masked.delete(local)
  }

  close(): void {
    for (const local of [...this.#bound.keys()]) this.unbind(local)
    closeFd(this.fd)
  }
}

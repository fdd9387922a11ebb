import { C_MUTED_KICKS } from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import { EPOLLIN } from '../../sys/epoll.js'
import type { EventChannels } from '../../xen/devices.js'
import type { PortHost } from '../port.js'

/**
 * Events in a row for which no ring moved. Beyond it the channels stay silent until the next tick, and the rings are
 * polled meanwhile: a frontend that only signals must not keep the engine awake.
 */
const MAX_IDLE_EVENTS = 64

/** The event channels of a frontend: its events wake the port, and the plane's calls go by them. */
export class NetifEvents {
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #channels: EventChannels
  readonly #progress: () => number
  /** Vrings with a channel, and local channels by remote ones. */
  #vringIds: number[] = []
  #locals = new Map<number, number>()
  #muted: readonly number[] = []
  #idle = 0
  #seen = 0

  /** @param progress a number that changes while the frontend makes requests */
  constructor(host: PortHost, row: PortRow, channels: EventChannels, progress: () => number) {
    this.#host = host
    this.#row = row
    this.#channels = channels
    this.#progress = progress
  }

  /** Binds the channels of vrings, and listens. Throws a RingferryError when one cannot be bound; unbind() must follow. */
  bind(domain: number, wanted: readonly { remote: number; vringId: number }[]): void {
    for (const { remote, vringId } of wanted) {
      const local = this.#locals.get(remote) ?? this.#channels.bind(domain, remote)
      this.#locals.set(remote, local)
      this.#vringIds.push(vringId)
      this.#host.setNotify(vringId, () => this.#channels.notify(local))
    }
    this.#host.watch(this.#channels.fd, EPOLLIN, () => this.#onEvents())
    // What the frontend and whoever served it before have signalled may have been lost.
    for (const local of this.#locals.values()) this.#channels.notify(local)
    this.#host.wake(this.#row.index)
  }

  #onEvents(): void {
    const pending = this.#channels.pending()
    if (pending.length === 0) return
    this.#host.plane.countKick(this.#row.index)
    this.#host.wake(this.#row.index)
    const progress = this.#progress()
    this.#idle = progress === this.#seen ? this.#idle + 1 : 0
    this.#seen = progress
    if (this.#idle < MAX_IDLE_EVENTS) {
      this.#channels.unmask(pending)
      return
    }
    this.#muted = [...this.#muted, ...pending]
    this.#row.count(C_MUTED_KICKS)
    this.#host.setPolled(this.#row.index, true)
  }

  /** Listens again. Called some ten times a second. */
  tick(): void {
    if (this.#muted.length === 0) return
    this.#idle = MAX_IDLE_EVENTS / 2
    this.#channels.unmask(this.#muted)
    this.#muted = []
    this.#host.setPolled(this.#row.index, false)
  }

  unbind(): void {
    for (const vringId of this.#vringIds) this.#host.setNotify(vringId, undefined)
    if (this.#vringIds.length > 0) this.#host.unwatch(this.#channels.fd)
    for (const local of this.#locals.values()) this.#channels.unbind(local)
    if (this.#muted.length > 0) this.#host.setPolled(this.#row.index, false)
    this.#vringIds = []
    this.#locals.clear()
    this.#muted = []
    this.#idle = 0
  }
}

import { Globals } from '../core/globals.js'
import { G_ASLEEP } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Port } from '../port/port.js'
import { Epoll } from '../sys/epoll.js'
import type { Containment, Work } from './containment.js'

interface Handler {
  /** On whose behalf the descriptor is watched; undefined: the engine's own. */
  readonly owner: Port | undefined
  readonly onEvents: (events: number) => void
  /** The same, as work on behalf of a port. */
  readonly work: Work
}

/** The descriptors that the engine watches, each on behalf of the port that was served when the watch began. */
export class Descriptors {
  readonly #globals: Globals
  readonly #containment: Containment
  readonly #onHandled: () => void
  readonly #epoll = new Epoll()
  readonly #handlers = new Map<number, Handler>()

  /** @param onHandled called after each handler */
  constructor(memory: LinearMemory, containment: Containment, onHandled: () => void) {
    this.#globals = new Globals(memory)
    this.#containment = containment
    this.#onHandled = onHandled
  }

  watch(fd: number, events: number, onEvents: (events: number) => void): void {
    this.#epoll.add(fd, events)
    const work: Work = (_, mask) => {
      onEvents(mask)
      return 0
    }
    this.#handlers.set(fd, { owner: this.#containment.serving, onEvents, work })
  }

  rewatch(fd: number, events: number): void {
    this.#epoll.modify(fd, events)
  }

  unwatch(fd: number): void {
    if (!this.#handlers.delete(fd)) return
    this.#epoll.remove(fd)
  }

  /** Polls the descriptors, or waits for them, and calls the handlers. A wait is announced to the watchdog. */
  poll(timeoutUs: number): void {
    this.#globals.set(G_ASLEEP, timeoutUs > 0 ? 1 : 0)
    const count = this.#epoll.wait(timeoutUs)
    this.#globals.set(G_ASLEEP, 0)
    for (let index = 0; index < count; index++) {
      const handler = this.#handlers.get(this.#epoll.fd(index))
      if (handler?.owner) this.#containment.run(handler.owner, handler.work, this.#epoll.events(index))
      else handler?.onEvents(this.#epoll.events(index))
      this.#onHandled()
    }
  }

  close(): void {
    this.#epoll.close()
  }
}

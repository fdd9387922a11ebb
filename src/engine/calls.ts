import { Globals } from '../core/globals.js'
import { CALLS_AT, G_CALLS, MAX_PORTS, VRINGS_PER_PORT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { portOfVring, vringId } from '../core/vring-row.js'
import { canSignal, signalEventfd } from '../sys/eventfd.js'
import { EINTR } from '../sys/libc.js'

/**
 * The calls to guests: the plane lists the rings whose guest wants one, and after each burst an eventfd is written for each.
 * A guest that makes such a write wait, because it owns the other end, is found by the watchdog's signal.
 */
export class Calls {
  readonly #globals: Globals
  readonly #onBlocked: (row: number) => void
  /** Descriptors by vring; -1: none. */
  readonly #fds = new Int32Array(MAX_PORTS * VRINGS_PER_PORT).fill(-1)
  /** What calls frontends that have no descriptor, by vring. */
  readonly #notify: ((() => void) | undefined)[] = new Array(MAX_PORTS * VRINGS_PER_PORT)
  /** Ports whose guest made a call wait: from then on it is asked first whether it can be made. */
  readonly #wary = new Uint8Array(MAX_PORTS)
  #anyWary = false

  /** @param onBlocked a call of the port in this row had to be interrupted; called in the middle of a burst */
  constructor(memory: LinearMemory, onBlocked: (row: number) => void) {
    this.#globals = new Globals(memory)
    this.#onBlocked = onBlocked
  }

  /** Sets the descriptor by which a vring's frontend is called; -1: none. */
  set(id: number, fd: number): void {
    this.#fds[id] = fd
  }

  /** Sets what is called instead of a descriptor; undefined: nothing. */
  setNotify(id: number, notify: (() => void) | undefined): void {
    this.#notify[id] = notify
  }

  /** A new port has the row. */
  trust(row: number): void {
    this.#wary[row] = 0
  }

  /** Makes the calls that the plane listed. */
  send(): void {
    const globals = this.#globals
    const count = globals.get(G_CALLS)
    if (count === 0) return
    globals.set(G_CALLS, 0)
    for (let index = 0; index < count; index++) {
      const id = globals.entry(CALLS_AT, index)
      const fd = this.#fds[id] as number
      if (fd < 0) {
        this.#notify[id]?.()
        continue
      }
      if (this.#anyWary && this.#wary[portOfVring(id)] === 1 && !canSignal(fd)) continue
      if (signalEventfd(fd) === EINTR) this.#blocked(id)
    }
  }

  /** A call waited until the watchdog interrupted it. The other calls of its port would, too. */
  #blocked(id: number): void {
    const row = portOfVring(id)
    this.#fds.fill(-1, vringId(row, 0), vringId(row + 1, 0))
    this.#wary[row] = 1
    this.#anyWary = true
    this.#onBlocked(row)
  }
}

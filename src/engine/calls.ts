import { CALLS_AT, G_CALLS, GLOBALS_AT, MAX_PORTS, VRINGS_PER_PORT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { canSignal, signalEventfd } from '../sys/eventfd.js'
import { EINTR } from '../sys/libc.js'

const COUNT = (GLOBALS_AT + G_CALLS) >>> 2
const LIST = CALLS_AT >>> 2

/**
 * The calls to guests: the plane lists the rings whose guest wants one, and after each burst an eventfd is written for each.
 * A guest that makes such a write wait, because it owns the other end, is found by the watchdog's signal.
 */
export class Calls {
  readonly #memory: LinearMemory
  readonly #onBlocked: (row: number) => void
  /** Descriptors by vring; -1: none. */
  readonly #fds = new Int32Array(MAX_PORTS * VRINGS_PER_PORT).fill(-1)
  /** Ports whose guest made a call wait: from then on it is asked first whether it can be made. */
  readonly #wary = new Uint8Array(MAX_PORTS)
  #anyWary = false

  /** @param onBlocked a call of the port in this row had to be interrupted; called in the middle of a burst */
  constructor(memory: LinearMemory, onBlocked: (row: number) => void) {
    this.#memory = memory
    this.#onBlocked = onBlocked
  }

  /** Sets the descriptor by which a vring's frontend is called; -1: none. */
  set(vringId: number, fd: number): void {
    this.#fds[vringId] = fd
  }

  /** A new port has the row. */
  trust(row: number): void {
    this.#wary[row] = 0
  }

  /** Makes the calls that the plane listed. */
  send(): void {
    const { u32 } = this.#memory
    const count = u32[COUNT] as number
    if (count === 0) return
    u32[COUNT] = 0
    for (let index = 0; index < count; index++) {
      const id = u32[LIST + index] as number
      const fd = this.#fds[id] as number
      if (fd < 0 || (this.#anyWary && this.#wary[(id / VRINGS_PER_PORT) | 0] === 1 && !canSignal(fd)))
        continue
      if (signalEventfd(fd) === EINTR) this.#blocked(id)
    }
  }

  /** A call waited until the watchdog interrupted it. The other calls of its port would, too. */
  #blocked(vringId: number): void {
    const row = Math.floor(vringId / VRINGS_PER_PORT)
    this.#fds.fill(-1, row * VRINGS_PER_PORT, (row + 1) * VRINGS_PER_PORT)
    this.#wary[row] = 1
    this.#anyWary = true
    this.#onBlocked(row)
  }
}

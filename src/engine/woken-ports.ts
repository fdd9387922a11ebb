import type { TuningSettings } from '../control/tuning-settings.js'
import { MAX_PORTS } from '../core/layout.js'

/** Ports whose guests do not kick are polled so often in the time that their frames may take. */
const POLLS_PER_TARGET = 2

/** The ports that ask to be served: woken by their descriptors, or after each pause because nobody kicks them. By row. */
export class WokenPorts {
  readonly #settings: TuningSettings
  readonly #woken = new Uint8Array(MAX_PORTS)
  #any = false
  /** Rows of ports whose guests do not kick. */
  readonly #polled = new Set<number>()

  constructor(settings: TuningSettings) {
    this.#settings = settings
  }

  get any(): boolean {
    return this.#any
  }

  wake(row: number): void {
    this.#woken[row] = 1
    this.#any = true
  }

  /** All that were woken are about to be asked for; what is woken from now on waits for the next time. */
  begin(): void {
    this.#any = false
  }

  /** Whether a port was woken; it no longer is. */
  take(row: number): boolean {
    if (this.#woken[row] === 0) return false
    this.#woken[row] = 0
    return true
  }

  setPolled(row: number, isPolled: boolean): void {
    if (isPolled) this.#polled.add(row)
    else this.#polled.delete(row)
  }

  /** Longest pause in microseconds that the ports allow whose guests do not kick. */
  get pollUs(): number {
    let us = Number.POSITIVE_INFINITY
    if (this.#polled.size > 0)
      for (const row of this.#polled) us = Math.min(us, this.#settings.target(row).targetUs)
    return us / POLLS_PER_TARGET
  }

  /** Serves the control queues of those ports, too. */
  wakePolled(): void {
    if (this.#polled.size > 0) for (const row of this.#polled) this.wake(row)
  }
}

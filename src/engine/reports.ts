import { MAX_PORTS } from '../core/layout.js'
import type { Port, PortEvent } from '../port/port.js'

/** Reports of one port between two ticks; of more, the last one is made at the tick. */
const MAX_REPORTS_PER_TICK = 32

export type Report = (port: Port, event: PortEvent, detail: string) => void

/** What ports report, at most so much of each that no peer floods whoever listens. */
export class Reports {
  readonly #report: Report
  /** Reports since the last tick, by row. */
  readonly #made = new Uint32Array(MAX_PORTS)
  /** The last report of each port that has made too many. */
  readonly #late = new Map<Port, readonly [PortEvent, string]>()

  constructor(report: Report) {
    this.#report = report
  }

  make(port: Port, event: PortEvent, detail: string): void {
    const made = (this.#made[port.index] as number) + 1
    this.#made[port.index] = made
    if (made <= MAX_REPORTS_PER_TICK) this.#report(port, event, detail)
    else this.#late.set(port, [event, detail])
  }

  /** Makes the last of the reports that were too many: the port's state is right again with it. */
  tick(): void {
    this.#made.fill(0)
    for (const [port, [event, detail]] of this.#late) this.#report(port, event, detail)
    this.#late.clear()
  }

  /** The port has gone. */
  forget(port: Port): void {
    this.#late.delete(port)
  }
}

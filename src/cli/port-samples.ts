/** What ports count from one second to the next. */
import { COUNTER_NAMES, countersSince, type PortCounters } from '../core/counters.js'
import type { PortStatus } from '../port/port.js'

/** One port in one interval. */
export interface PortSample {
  readonly status: PortStatus
  /** Since the port was added. */
  readonly counters: PortCounters
  /** In the interval. */
  readonly counted: PortCounters
  readonly seconds: number
}

/** A port with what it has counted since it was added. */
export interface CountedPort {
  readonly status: PortStatus
  readonly counters: PortCounters
}

/** Samples ports: what they counted since the sample before. */
export class Sampler {
  #before = new Map<string, PortCounters>()
  #lastS: number | undefined

  /** Ports that went, or came anew: their counters begin again. */
  forget(names: readonly string[]): void {
    for (const name of names) this.#before.delete(name)
  }

  /** @param nowS seconds on a clock that never goes back */
  take(ports: readonly CountedPort[], nowS: number): PortSample[] {
    const seconds = nowS - (this.#lastS ?? nowS)
    const before = this.#before
    this.#lastS = nowS
    this.#before = new Map(ports.map(({ status, counters }) => [status.name, counters]))
    return ports.map(({ status, counters }) => {
      const last = before.get(status.name)
      // A port that was removed and added in between has counted less of something.
      const isSame =
        last !== undefined && COUNTER_NAMES.every((name) => last.counts[name] <= counters.counts[name])
      return { status, counters, counted: countersSince(counters, isSame ? last : counters), seconds }
    })
  }
}

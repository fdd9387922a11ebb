/**
 * Delay histograms of a port as plain data. The plane counts every frame published to a guest once in each of
 * them, in the port's row of the shared linear memory; any thread reads them there while the engine runs.
 */

import { since } from './histogram.js'
import {
  HISTOGRAM_BUCKETS,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_QUEUE,
  P_HISTOGRAM_TOTAL,
  PORT_BYTES,
  PORTS_AT,
} from './layout.js'

/** Counts of frames by delay since the port was added, buckets as in src/core/histogram.ts; they wrap at 2^32. */
export interface PortDelays {
  /** Time that frames waited by decision. */
  readonly hold: Uint32Array
  /** Time that frames lay ready before the engine came to them, as far as it can know. */
  readonly queue: Uint32Array
  /** Both: from arrival to publication. */
  readonly total: Uint32Array
}

/**
 * A copy of the delay histograms of a port.
 * @param memory the engine's linear memory; @param index the port's row
 */
export function readDelays(memory: BigUint64Array, index: number): PortDelays {
  const row = memory.byteOffset + PORTS_AT + index * PORT_BYTES
  const read = (at: number): Uint32Array =>
    new Uint32Array(memory.buffer, row + at, HISTOGRAM_BUCKETS).slice()
  return {
    hold: read(P_HISTOGRAM_HOLD),
    queue: read(P_HISTOGRAM_QUEUE),
    total: read(P_HISTOGRAM_TOTAL),
  }
}

/** What was counted between two readings of one port. */
export function delaysSince(now: PortDelays, before: PortDelays): PortDelays {
  return {
    hold: since(now.hold, before.hold),
    queue: since(now.queue, before.queue),
    total: since(now.total, before.total),
  }
}

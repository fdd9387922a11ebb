/**
 * What the plane counts for one vif, read from its row of the port table: counters since the last sample, and the p99 of
 * its delay histograms over about the last 50 ms.
 */
import type { VifSample } from '../aggregation/policy.js'
import { portAt } from '../core/globals.js'
import { histogramQuantile, since } from '../core/histogram.js'
import {
  C_CROWDED,
  C_EGRESS_BURSTS,
  C_EGRESS_URGENT_BURSTS,
  C_INGRESS_BYTES,
  C_INGRESS_FRAMES,
  C_POLLS,
  C_PUBLISHED_BYTES,
  C_PUBLISHED_FRAMES,
  C_PUBLISHES,
  DROP_RING_FULL,
  HISTOGRAM_BUCKETS,
  P_COUNTERS,
  P_DROPS,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_QUEUE,
  P_HISTOGRAM_TOTAL,
  P_VRINGS,
  V_SIZE,
  VRING_BYTES,
} from '../core/layout.js'
import type { MemoryViews } from '../core/memory-views.js'
import { Row } from '../core/row.js'
import type { VifSettings } from './tuning-settings.js'

/** Microseconds between two readings of the histograms: a p99 needs some hundred frames. */
const HISTOGRAMS_US = 50_000
/** Those of the vifs are read at different times: all at once would stop the engine for longer than one decision. */
const HISTOGRAM_TURNS = 5
/** Bytes of a descriptor's buffer: more of a frame needs more descriptors, unless they are indirect. */
const BUFFER_BYTES = 4096
/** Assumed of a guest whose rings are not there yet. */
const DEFAULT_RING = 256

/** Offsets of the delay histograms in a port row: hold, queue, total. */
export const HISTOGRAMS = [P_HISTOGRAM_HOLD, P_HISTOGRAM_QUEUE, P_HISTOGRAM_TOTAL]
/** Offsets in a port row. */
const COUNTED = [
  ...[C_PUBLISHED_FRAMES, C_PUBLISHED_BYTES, C_EGRESS_BURSTS, C_EGRESS_URGENT_BURSTS, C_PUBLISHES].map(
    (at) => P_COUNTERS + at * 8,
  ),
  P_DROPS + DROP_RING_FULL * 8,
  ...[C_INGRESS_FRAMES, C_INGRESS_BYTES, C_POLLS, C_CROWDED].map((at) => P_COUNTERS + at * 8),
]

export class VifMeter {
  readonly #place: number
  readonly #vif: number
  readonly #row: Row
  /** The rings of the first queue pair: 0 receives, 1 transmits. */
  readonly #vrings: readonly Row[]
  readonly #before = new Float64Array(COUNTED.length)
  readonly #now = new Float64Array(COUNTED.length)
  readonly #histograms: readonly { readonly now: Uint32Array; readonly before: Uint32Array }[]
  /** p99 of hold, queue and total over about the last 50 ms, in microseconds; NaN without frames. */
  readonly p99: [number, number, number] = [Number.NaN, Number.NaN, Number.NaN]
  #readUs = Number.NEGATIVE_INFINITY

  /** @param row in the port table; @param vif the number that its samples have */
  constructor(memory: MemoryViews, row: number, vif: number) {
    this.#place = row
    this.#vif = vif
    this.#row = new Row(memory, portAt(row))
    this.#vrings = [0, 1].map((queue) => new Row(memory, portAt(row) + P_VRINGS + queue * VRING_BYTES))
    this.#histograms = HISTOGRAMS.map((field) => {
      const now = this.#row.words(field, HISTOGRAM_BUCKETS)
      return { now, before: now.slice() }
    })
    this.restart()
  }

  /** A counter of u64. Read as two u32: a BigInt would be garbage. */
  #count(at: number): number {
    const field = COUNTED[at] as number
    return this.#row.get(field) + this.#row.get(field + 4) * 2 ** 32
  }

  /** Frames published to the vif since it was added. */
  get frames(): number {
    return this.#count(0)
  }

  /** Begins a new sample. */
  restart(): void {
    for (let at = 0; at < COUNTED.length; at++) this.#before[at] = this.#count(at)
  }

  /** Entries of a ring of the first queue pair: 0 receives, 1 transmits. */
  #ringSize(ring: number): number {
    return this.#vrings[ring]?.get(V_SIZE) || DEFAULT_RING
  }

  #readHistograms(nowUs: number): void {
    if (nowUs - this.#readUs < HISTOGRAMS_US) return
    const isFirst = this.#readUs < 0
    this.#readUs = isFirst
      ? nowUs - ((this.#place % HISTOGRAM_TURNS) * HISTOGRAMS_US) / HISTOGRAM_TURNS
      : nowUs
    for (let at = 0; at < HISTOGRAMS.length; at++) {
      const { now, before } = this.#histograms[at]!
      this.p99[at] = histogramQuantile(since(now, before), 0.99)
      before.set(now)
    }
  }

  /** What was counted since the last sample, or since restart(). */
  sample(nowUs: number, { targetUs, weight }: VifSettings): VifSample {
    const now = this.#now
    const before = this.#before
    for (let at = 0; at < COUNTED.length; at++) {
      const count = this.#count(at)
      now[at] = count - before[at]!
      before[at] = count
    }
    this.#readHistograms(nowUs)
    const [sentFrames, sentBytes] = [now[6]!, now[7]!]
    const descriptors = sentFrames > 0 ? 1 + Math.floor(sentBytes / sentFrames / BUFFER_BYTES) : 1
    return {
      vif: this.#vif,
      targetUs,
      weight,
      arrivedFrames: now[0]! + now[5]!,
      arrivedBytes: now[1]!,
      arrivedBursts: now[2]!,
      urgentBursts: now[3]!,
      publications: now[4]!,
      publishedFrames: now[0]!,
      publishedBytes: now[1]!,
      sentFrames,
      sendRoom: this.#ringSize(1) / descriptors,
      receiveRoom: this.#ringSize(0),
      polls: now[8]!,
      crowdedPolls: now[9]!,
      holdP99Us: this.p99[0],
      queueP99Us: this.p99[1],
      totalP99Us: this.p99[2],
    }
  }
}

/** One port of rings as counts: where its frames lie, and its row in the plane's tables. */
import { NATURAL_LIMITS } from '../aggregation/policy.js'
import {
  HISTOGRAM_BUCKETS,
  P_COUNTERS,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_QUEUE,
  P_HISTOGRAM_TOTAL,
  V_AVAIL,
  V_HELD_BYTES,
  V_HELD_FIRST,
  V_HELD_FRAMES,
  V_HELD_LAST,
  V_HELD_URGENT,
  V_SIZE,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { PortRow } from '../core/port-row.js'
import { VringRow } from '../core/vring-row.js'
import { Fifo } from './fifo.js'

/** The ring that receives. */
export const RECEIVE = 0

const FIRST_BURSTS = 16

function doubled(from: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const to = new Float64Array(from.length * 2)
  to.set(from)
  return to
}

export class CountedPort {
  readonly index: number
  readonly isVm: boolean
  readonly size: number
  readonly row: PortRow
  readonly ring: VringRow
  readonly transmit = new Fifo(1024)
  readonly held = new Fifo(1024)
  /** Published in the present unit of work, not to be seen yet. */
  readonly published = new Fifo(1024)
  readonly shown = new Fifo(1024)
  readonly backlog = new Fifo(1024)
  readonly avail: number
  /** Histograms of hold, of the wait before it, and of both together. */
  readonly holds: Uint32Array
  readonly queues: Uint32Array
  readonly totals: Uint32Array
  maxFrames = NATURAL_LIMITS.maxFrames
  maxBytes = NATURAL_LIMITS.maxBytes
  watchesUrgency = false
  polledUs = 0
  heldBytes = 0
  backlogBytes = 0
  isDirty = false
  isListed = false
  isCalled = false
  /** Whether something was published in the present unit of work. */
  isChanged = false
  /** Bursts of the open batch: how many, when, after which wait, of how many frames. */
  bursts = 0
  burstUs = new Float64Array(FIRST_BURSTS)
  burstQueueUs = new Float64Array(FIRST_BURSTS)
  burstFrames = new Float64Array(FIRST_BURSTS)

  readonly #words: Uint32Array
  readonly #times: Float64Array
  /** Linear offsets of its row, and of its receive ring's. */
  readonly #at: number
  readonly #ringAt: number

  constructor(memory: LinearMemory, index: number, size: number, isVm: boolean) {
    this.#words = memory.u32
    this.#times = memory.f64
    this.index = index
    this.isVm = isVm
    this.size = size
    this.row = new PortRow(memory, index)
    this.#at = this.row.at
    this.ring = new VringRow(memory, index, RECEIVE)
    this.#ringAt = this.ring.at
    this.ring.identify()
    this.ring.set(V_SIZE, size)
    new VringRow(memory, index, 1).set(V_SIZE, size)
    this.avail = memory.allocate(4096)
    this.ring.set(V_AVAIL, this.avail)
    this.holds = this.row.words(P_HISTOGRAM_HOLD, HISTOGRAM_BUCKETS)
    this.queues = this.row.words(P_HISTOGRAM_QUEUE, HISTOGRAM_BUCKETS)
    this.totals = this.row.words(P_HISTOGRAM_TOTAL, HISTOGRAM_BUCKETS)
  }

  get room(): number {
    return this.size - this.held.size - this.published.size - this.shown.size
  }

  /** A frame joins the open batch. Returns whether a burst begins with it. */
  joinBurst(nowUs: number, queueUs: number): boolean {
    const last = this.bursts - 1
    if (last >= 0 && this.burstUs[last] === nowUs) {
      this.burstFrames[last]!++
      return false
    }
    const at = this.bursts++
    if (at === this.burstUs.length) {
      this.burstUs = doubled(this.burstUs)
      this.burstQueueUs = doubled(this.burstQueueUs)
      this.burstFrames = doubled(this.burstFrames)
    }
    this.burstUs[at] = nowUs
    this.burstQueueUs[at] = queueUs
    this.burstFrames[at] = 1
    return true
  }

  /** A frame of so many bytes joins the open batch, for the hold rule. */
  hold(frame: number, bytes: number, nowUs: number): void {
    const at = this.#ringAt
    if (this.held.size === 0) this.#times[(at + V_HELD_FIRST) >>> 3] = nowUs
    this.held.push(frame)
    this.heldBytes += bytes
    this.#words[(at + V_HELD_FRAMES) >>> 2] = this.held.size
    this.#words[(at + V_HELD_BYTES) >>> 2] = this.heldBytes
    this.#times[(at + V_HELD_LAST) >>> 3] = nowUs
  }

  /** The open batch is published. */
  publish(): void {
    const at = this.#ringAt
    this.held.moveTo(this.published)
    this.heldBytes = 0
    this.#words[(at + V_HELD_FRAMES) >>> 2] = 0
    this.#words[(at + V_HELD_BYTES) >>> 2] = 0
    this.#words[(at + V_HELD_URGENT) >>> 2] = 0
  }

  /** Adds to a u64 of the row. @param field its offset */
  count(field: number, by: number): void {
    const words = this.#words
    const at = (this.#at + field) >>> 2
    const low = words[at]! + by
    words[at] = low
    if (low >= 2 ** 32) words[at + 1]!++
  }

  /** Adds to a counter. @param counter C_* */
  add(counter: number, by = 1): void {
    this.count(P_COUNTERS + counter * 8, by)
  }
}

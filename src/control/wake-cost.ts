/**
 * What a wake-up costs on this machine, measured while the engine runs. Nobody tells when a kick was sent, so some of the
 * engine's sleeps are probes that end after a known time. How much later it runs is the cost: the processor leaves its idle
 * state and the kernel changes to the thread, as after a kick. Once a second a few follow each other: the first find the
 * engine's code cold, which it is not while frames come, and do not count.
 *
 * All times in microseconds.
 */

/** A sleep of this length is a probe. */
export const PROBE_US = 1_000
/** Probes that follow each other, and how many of them come first. */
export const PROBES = 8
const COLD_PROBES = 3
/** Samples that are kept, and how many there must be before anything is known. */
const KEPT = 31
export const LEAST_SAMPLES = PROBES - COLD_PROBES

export class WakeCost {
  readonly #samples = new Float64Array(KEPT)
  readonly #sorted = new Float64Array(KEPT)
  #count = 0
  #medianUs = Number.NaN
  #isStale = false

  /**
   * A probe ended.
   * @param place which of those that follow each other, from 0
   * @param tookUs how long it lasted
   * @param waitedUs how much of it others had the processor: that is no cost of waking up
   */
  probed(place: number, tookUs: number, waitedUs: number): void {
    // What ended before its time was woken: nobody knows when.
    if (place < COLD_PROBES || tookUs < PROBE_US) return
    this.#samples[this.#count % KEPT] = Math.max(0, tookUs - PROBE_US - waitedUs)
    this.#count++
    this.#isStale = true
  }

  /** Median of the last samples: others that have the processor for a while do not move it. NaN: not known yet. */
  get us(): number {
    if (!this.#isStale || this.#count < LEAST_SAMPLES) return this.#medianUs
    this.#isStale = false
    const count = Math.min(this.#count, KEPT)
    this.#sorted.set(this.#samples)
    this.#medianUs = this.#sorted.subarray(0, count).sort()[count >> 1] as number
    return this.#medianUs
  }
}

/** The bound on spinning while nothing is known, and never less. */
export const LEAST_SPIN_US = 20
/** However much a wake-up costs, the engine spins no longer. */
export const LONGEST_SPIN_US = 200
/** A guest that was just called wakes up as slowly as the engine: its answer comes after one wake-up, and its own work. */
const WAKES_PER_ANSWER = 2

/**
 * The longest spin that pays where a wake-up costs so much: long enough for the answer of a guest that had to wake up for
 * it, so that a round trip costs the guests' wake-ups and not the engine's.
 */
export function spinBoundUs(wakeUs: number): number {
  if (Number.isNaN(wakeUs)) return LEAST_SPIN_US
  return Math.min(LONGEST_SPIN_US, Math.max(LEAST_SPIN_US, Math.round(WAKES_PER_ANSWER * wakeUs)))
}

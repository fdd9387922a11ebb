import { PEAK_DEPTH_BYTES, type RateLimits } from '../../src/port/rate-limits.js'

/**
 * The plane's rate limits in a few lines, to hold plane/bridge/policer.ts against: test/plane/policer.test.ts compares
 * the two frame by frame, test/plane/rate-limiter-model.test.ts shows what the rule gives.
 *
 * Rate limits in libvirt's units. A bucket fills at `rate` up to `depth`. A frame may go while every bucket of its
 * direction holds at least one unit, and then takes what it costs, into debt if need be; so between any two instants t
 * apart no more than rate x t + depth + one frame passes, and no less than rate x t while frames wait.
 *
 * All arithmetic is on integers: tokens are counted in millionths of a unit, so a microsecond adds exactly `rate` and a
 * unit costs a million. Values stay below 2^53 (an i64 in the data plane) for depths up to 9e9 units: the time taken
 * into account ends when the bucket is full.
 */
const MICRO = 1_000_000
/** Who serves a queue may be this late with it: tokens that came meanwhile are not lost to a full bucket. */
export const MAX_LATE_US = 20_000

/** A bucket that begins full. Times are integer microseconds that never go back. */
export class TokenBucket {
  readonly #rate: number
  readonly #depth: number
  #tokens: number
  #atUs: number

  /** @param rate units (bytes, frames) per second, integer @param depth units that may pass at once, integer */
  constructor(rate: number, depth: number, nowUs: number) {
    this.#rate = rate
    this.#depth = depth * MICRO
    this.#tokens = this.#depth
    this.#atUs = nowUs
  }

  /**
   * Microseconds until the bucket holds a unit; 0 when it does.
   * @param lateUs for how long a frame has waited although it might go: what came meanwhile is kept beyond the depth
   */
  untilUnit(nowUs: number, lateUs = 0): number {
    this.#fill(nowUs, Math.min(lateUs, MAX_LATE_US))
    return Math.max(0, Math.ceil((MICRO - this.#tokens) / this.#rate))
  }

  /** Takes units, also those that are not there. */
  take(units: number): void {
    this.#tokens -= units * MICRO
  }

  #fill(nowUs: number, lateUs: number): void {
    if (nowUs <= this.#atUs) return
    const depth = Math.max(this.#depth, MICRO + lateUs * this.#rate)
    // Bounded before it is multiplied, so that a long silence cannot overflow.
    const untilFullUs = Math.max(0, Math.ceil((depth - this.#tokens) / this.#rate))
    this.#tokens = Math.min(depth, this.#tokens + Math.min(nowUs - this.#atUs, untilFullUs) * this.#rate)
    this.#atUs = nowUs
  }
}

/** The buckets of one direction. A frame pays all of them. Source of the units: libvirt domain XML, bandwidth. */
export class RateLimiter {
  readonly #byteBuckets: TokenBucket[] = []
  readonly #frames: TokenBucket | undefined
  /** Since when tokens are there for a frame that waits, or will be; 0: none waits. */
  #openAtUs = 0

  constructor({ averageKiB, peakKiB, burstKiB, framesPerSecond }: RateLimits, nowUs: number) {
    if (averageKiB !== undefined)
      this.#byteBuckets.push(new TokenBucket(averageKiB * 1024, (burstKiB ?? averageKiB) * 1024, nowUs))
    if (peakKiB !== undefined)
      this.#byteBuckets.push(new TokenBucket(peakKiB * 1024, PEAK_DEPTH_BYTES, nowUs))
    if (framesPerSecond !== undefined)
      this.#frames = new TokenBucket(framesPerSecond, Math.max(1, Math.floor(framesPerSecond / 10)), nowUs)
  }

  /** Whether a frame that is there may go at `nowUs` (integer microseconds); it waits when not. */
  mayGo(nowUs: number): boolean {
    const lateUs = this.#openAtUs === 0 ? 0 : Math.max(0, nowUs - this.#openAtUs)
    const until = [...this.#byteBuckets, ...(this.#frames ? [this.#frames] : [])].map((bucket) =>
      bucket.untilUnit(nowUs, lateUs),
    )
    const untilUs = Math.max(0, ...until)
    if (untilUs > 0) this.#openAtUs = nowUs + untilUs
    return untilUs === 0
  }

  /** Takes what a frame costs that goes. @param frames that it is on the wire */
  charge(bytes: number, frames = 1): void {
    for (const bucket of this.#byteBuckets) bucket.take(bytes)
    this.#frames?.take(frames)
  }

  /** No frame waits any more. */
  waitsNoMore(): void {
    this.#openAtUs = 0
  }

  /** mayGo() and charge() of a frame that does not wait: whether it went. */
  admit(bytes: number, nowUs: number): boolean {
    if (!this.mayGo(nowUs)) {
      this.waitsNoMore()
      return false
    }
    this.charge(bytes)
    return true
  }
}

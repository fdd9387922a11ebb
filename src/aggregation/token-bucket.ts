/**
 * Rate limits in libvirt's units. A bucket fills at `rate` up to `depth` and a frame passes when the bucket has what it
 * costs; so between any two instants t apart no more than rate x t + depth passes.
 *
 * All arithmetic is on integers: tokens are counted in millionths of a unit, so a microsecond adds exactly `rate` and a
 * unit costs a million. Values stay below 2^53 (an i64 in the data plane) for depths up to 9e9 units: the time taken
 * into account ends when the bucket is full.
 */
const MICRO = 1_000_000

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

  /** Whether `units` may pass now. Takes nothing. */
  has(units: number, nowUs: number): boolean {
    this.#fill(nowUs)
    return this.#tokens >= units * MICRO
  }

  /** Take what `has` granted. */
  take(units: number): void {
    this.#tokens -= units * MICRO
  }

  #fill(nowUs: number): void {
    // Bounded before it is multiplied, so that a long silence cannot overflow.
    const untilFullUs = Math.ceil((this.#depth - this.#tokens) / this.#rate)
    const elapsedUs = Math.max(0, Math.min(nowUs - this.#atUs, untilFullUs))
    this.#tokens = Math.min(this.#depth, this.#tokens + elapsedUs * this.#rate)
    this.#atUs = Math.max(nowUs, this.#atUs)
  }
}

/**
 * The largest frame that can cross in one piece: 65,535 bytes of IP with Ethernet and two VLAN headers. No bucket of
 * bytes is shallower, or such a frame would never pass.
 */
export const MAX_FRAME_BYTES = 65_557

/** Limits of one direction of a vif. Left out = not limited. */
export interface RateLimits {
  /** Average rate in KiB per second. */
  readonly averageKiB?: number
  /** Highest rate while a burst lasts, in KiB per second. */
  readonly peakKiB?: number
  /** Amount that may pass at peak rate, in KiB; one second of the average when left out, as in libvirt. */
  readonly burstKiB?: number
  /** Frames per second; a tenth of a second's worth may come at once. */
  readonly framesPerSecond?: number
}

/** The buckets of one direction. A frame passes all of them or none. Source of the units: libvirt domain XML, bandwidth. */
export class RateLimiter {
  readonly #byteBuckets: TokenBucket[] = []
  readonly #frames: TokenBucket | undefined

  constructor({ averageKiB, peakKiB, burstKiB, framesPerSecond }: RateLimits, nowUs: number) {
    if (averageKiB !== undefined) {
      const depth = Math.max(MAX_FRAME_BYTES, (burstKiB ?? averageKiB) * 1024)
      this.#byteBuckets.push(new TokenBucket(averageKiB * 1024, depth, nowUs))
    }
    if (peakKiB !== undefined) {
      this.#byteBuckets.push(new TokenBucket(peakKiB * 1024, MAX_FRAME_BYTES, nowUs))
    }
    if (framesPerSecond !== undefined) {
      this.#frames = new TokenBucket(framesPerSecond, Math.max(1, Math.floor(framesPerSecond / 10)), nowUs)
    }
  }

  /** Whether one frame of `bytes` may pass at `nowUs` (integer microseconds); takes its tokens when it may. */
  admit(bytes: number, nowUs: number): boolean {
    if (this.#frames && !this.#frames.has(1, nowUs)) return false
    for (const bucket of this.#byteBuckets) if (!bucket.has(bytes, nowUs)) return false
    for (const bucket of this.#byteBuckets) bucket.take(bytes)
    this.#frames?.take(1)
    return true
  }
}

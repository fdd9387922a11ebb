/**
 * A player of streamed media, without clock or network. It plays what it has, asks for the next segment as soon as
 * there is room for one in its buffer, and stops when the buffer runs dry until it is full again.
 *
 *     level   bufferS |    /|  /|  /|  /|           /|
 *                     |   / | / | / | / |          / |     a segment arrives: + segmentS at once
 *                     |  /  |/  |/  |/  |         /        in between: - 1 s a second while it plays
 *                   0 +-----------------\--------/---->
 *                      fill    play       stalled
 *
 * Start, and start after a stall, wait for as many whole segments as the buffer holds, as HTTP players do.
 */

export interface PlayoutCount {
  /** Seconds since the first request in which nothing was played. */
  readonly stalledS: number
  /** How often the buffer ran dry while playing. */
  readonly rebuffers: number
}

/** All times in seconds on the caller's clock; they must not go back. */
export class Playout {
  readonly #segmentS: number
  readonly #bufferS: number
  readonly #startLevelS: number
  #levelS = 0
  #playing = false
  #atS: number
  #stalledS = 0
  #rebuffers = 0

  /** @param bufferS at least one segment */
  constructor(segmentS: number, bufferS: number, nowS: number) {
    this.#segmentS = segmentS
    this.#bufferS = bufferS
    // The quotient of, say, 0.6 and 0.2 may lie a hair below 3.
    this.#startLevelS = Math.floor(bufferS / segmentS + 1e-9) * segmentS
    this.#atS = nowS
  }

  #advance(nowS: number): void {
    const passedS = Math.max(0, nowS - this.#atS)
    this.#atS += passedS
    if (!this.#playing) {
      this.#stalledS += passedS
      return
    }
    if (passedS <= this.#levelS) {
      this.#levelS -= passedS
      return
    }
    this.#stalledS += passedS - this.#levelS
    this.#levelS = 0
    this.#playing = false
    this.#rebuffers++
  }

  /** A whole segment has come. */
  arrive(nowS: number): void {
    this.#advance(nowS)
    this.#levelS += this.#segmentS
    if (this.#levelS >= this.#startLevelS - 1e-9) this.#playing = true
  }

  /** When the next segment is to be asked for, seen from the last arrival. */
  get dueS(): number {
    return this.#atS + Math.max(0, this.#levelS + this.#segmentS - this.#bufferS)
  }

  /** What was counted up to now. */
  count(nowS: number): PlayoutCount {
    this.#advance(nowS)
    return { stalledS: this.#stalledS, rebuffers: this.#rebuffers }
  }
}

/**
 * Jitter of one flow: the mean of |D| over neighbours, D being the difference of their transit times, each from the
 * moment a segment was due to be asked for until it was there. This is what the estimator of RFC 3550 6.4.1 tends
 * to; its filter J += (|D| - J) / 16 is left out, because a window has too few segments for it to settle.
 * Same unit as the transits; undefined for fewer than two.
 */
export function jitter(transits: readonly number[]): number | undefined {
  if (transits.length < 2) return undefined
  let sum = 0
  for (let i = 1; i < transits.length; i++)
    sum += Math.abs((transits[i] as number) - (transits[i - 1] as number))
  return sum / (transits.length - 1)
}

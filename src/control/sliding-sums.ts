type StepArray = Float64ArrayConstructor | Uint32ArrayConstructor

/**
 * Sums over a sliding window of so many steps of time; time is an argument.
 *
 *     steps    | 3 | 0 | 5 | 1 |        values of a step are added up where it lies in the ring;
 *                        ^ now          a step that the window leaves is taken off the sums
 */
export class SlidingSums {
  /** What was added in the window, place by place. To be read only. */
  readonly sums: Float64Array
  readonly #stepMs: number
  /** By step modulo their number; made when they are first needed. */
  readonly #steps: (Float64Array | Uint32Array | undefined)[]
  readonly #StepArray: StepArray
  #step = Number.NaN

  /**
   * @param size values a step; @param stepMs length of a step in ms; @param steps how many the window has
   * @param stepArray how a step is kept; Uint32Array, half as large, for whole numbers below 2^32
   */
  constructor(size: number, stepMs: number, steps: number, stepArray: StepArray = Float64Array) {
    this.#StepArray = stepArray
    this.sums = new Float64Array(size)
    this.#stepMs = stepMs
    this.#steps = new Array(steps).fill(undefined)
  }

  /** Forgets all. */
  clear(): void {
    this.sums.fill(0)
    for (const values of this.#steps) values?.fill(0)
  }

  /** Moves the window to a time, and adds values to the step of it. The time never goes back. */
  add(nowMs: number, values: ArrayLike<number>): void {
    this.#moveTo(Math.floor(nowMs / this.#stepMs))
    const place = this.#step % this.#steps.length
    const step = this.#steps[place] ?? new this.#StepArray(this.sums.length)
    this.#steps[place] = step
    for (let at = 0; at < values.length; at++) {
      const value = values[at] as number
      if (value === 0) continue
      step[at] = (step[at] as number) + value
      this.sums[at] = (this.sums[at] as number) + value
    }
  }

  #moveTo(now: number): void {
    const passed = Number.isNaN(this.#step) ? 0 : now - this.#step
    this.#step = now
    if (passed >= this.#steps.length) this.clear()
    else for (let back = 0; back < passed; back++) this.#takeOff((now - back) % this.#steps.length)
  }

  #takeOff(place: number): void {
    const step = this.#steps[place]
    if (!step) return
    for (let at = 0; at < step.length; at++) this.sums[at] = (this.sums[at] as number) - (step[at] as number)
    step.fill(0)
  }
}

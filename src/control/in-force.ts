import type { HoldLimits } from '../aggregation/hold-limits.js'
import type { PaceLimits } from './pace.js'
import { TuningReader } from './tuning-reader.js'
import type { TuningSettings } from './tuning-settings.js'

/** What the engine goes by: the last decision that was made for the present settings, by a controller in whatever thread. */
export class DecisionInForce implements PaceLimits {
  readonly #settings: TuningSettings
  readonly #reader: TuningReader
  #taken: number
  #restUs = 0
  #workUs = Number.POSITIVE_INFINITY
  /** Whether spinning is rationed. */
  #isRationed = false

  constructor(settings: TuningSettings) {
    this.#settings = settings
    this.#reader = new TuningReader(settings.buffer)
    this.#taken = this.#reader.decided
  }

  /** How long the engine sleeps between two polls without asking for kicks, in microseconds; 0 while nothing is delayed. */
  get restUs(): number {
    return this.#restUs
  }

  /** How long the engine works at a stretch before it rests all the same, in microseconds. */
  get workUs(): number {
    return this.#workUs
  }

  /**
   * Whether an engine that has spun for `spunUs` microseconds since its start may poll for a while before it sleeps:
   * nothing is delayed, and its budget has not been used up by work and by spinning.
   */
  maySpin(spunUs: number): boolean {
    return this.#restUs === 0 && (!this.#isRationed || spunUs < this.#reader.spinUntilUs)
  }

  /** Ticks of the controller so far. */
  get ticks(): number {
    return this.#reader.ticks
  }

  /** Whether something was decided since take(). Asked once a turn. */
  get isNew(): boolean {
    return this.#reader.decided !== this.#taken
  }

  /**
   * Goes by the last decision from now on. One that is being written, or was made for other settings, is not taken: the next
   * one is on its way.
   * @param setLimits for the port in a row
   */
  take(setLimits: (row: number, limits: HoldLimits) => void): void {
    const decided = this.#reader.decided
    const orders = this.#reader.orders()
    if (!orders) return
    this.#taken = decided
    if (orders.version !== this.#settings.version) return
    this.#isRationed = true
    if (!orders.applied) {
      this.#rest(0, Number.POSITIVE_INFINITY)
      return
    }
    this.#rest(orders.restUs, orders.workUs)
    for (const { row, limits } of orders.vifs) setLimits(row, limits)
  }

  /** Nobody decides: nothing is delayed, and spinning is not rationed. */
  clear(): void {
    this.#isRationed = false
    this.#rest(0, Number.POSITIVE_INFINITY)
  }

  #rest(restUs: number, workUs: number): void {
    this.#restUs = restUs
    this.#workUs = workUs
    this.#settings.restUs = restUs
  }
}

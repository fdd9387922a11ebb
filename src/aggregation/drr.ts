/**
 * Deficit round robin over measured CPU time: which vif is served next. The cost of serving a vif is known only after
 * the fact, so a vif is served while its deficit is above zero, is charged what it really took, and starts its next turn
 * with what it overdrew. Any two vifs that both have work get CPU time in the ratio of their weights, whatever their
 * frames cost. Source: Shreedhar and Varghese 1995; charging afterwards as in surplus round robin (Adiseshu 1996).
 *
 * State is plain arrays, so that the data plane can hold the same in its tables.
 */

/** A turn costs at least this much: a clock that did not advance must not make service free. */
const MIN_CHARGE_US = 0.05

/** Scheduler over vifs numbered 0 .. size - 1. */
export class DeficitRoundRobin {
  /** Share of each vif relative to the others, > 0. */
  readonly weights: Float64Array
  /** CPU time each vif may still use in this turn, in microseconds; debt when negative. */
  readonly deficitUs: Float64Array
  readonly active: Uint8Array
  readonly #quantumUs: number
  readonly #maxDebtUs: number
  #cursor = 0

  /**
   * @param quantumUs CPU time per turn at weight 1
   * @param maxDebtUs debt above this is forgiven, so that one turn in which the host took the core away does not
   *   starve the vif afterwards
   */
  constructor(size: number, quantumUs: number, maxDebtUs: number) {
    this.weights = new Float64Array(size).fill(1)
    this.deficitUs = new Float64Array(size)
    this.active = new Uint8Array(size)
    this.#quantumUs = quantumUs
    this.#maxDebtUs = maxDebtUs
  }

  /** The vif has work. It keeps its debt and joins without credit. */
  activate(vif: number): void {
    this.active[vif] = 1
  }

  /** The vif has no work left. Credit is not saved up; debt stays. */
  deactivate(vif: number): void {
    this.active[vif] = 0
    this.deficitUs[vif] = Math.min(0, this.deficitUs[vif]!)
  }

  /** The vif to serve now, or -1 when none has work. The caller charges or deactivates it before asking again. */
  next(): number {
    const size = this.active.length
    if (this.active[this.#cursor] && this.deficitUs[this.#cursor]! > 0) return this.#cursor
    for (let pass = 0; pass < 3; pass++) {
      for (let step = 1; step <= size; step++) {
        const vif = (this.#cursor + step) % size
        if (!this.active[vif]) continue
        this.deficitUs[vif] = this.deficitUs[vif]! + this.#quantumUs * this.weights[vif]!
        if (this.deficitUs[vif]! > 0) {
          this.#cursor = vif
          return vif
        }
      }
      if (!this.#skipRounds()) return -1
    }
    return -1
  }

  /** Charge measured CPU time to a vif. */
  charge(vif: number, usedUs: number): void {
    const left = this.deficitUs[vif]! - Math.max(MIN_CHARGE_US, usedUs)
    this.deficitUs[vif] = Math.max(-this.#maxDebtUs, left)
  }

  /** All are in debt: grant at once the rounds in which nobody could be served. False when none has work. */
  #skipRounds(): boolean {
    let rounds = Number.POSITIVE_INFINITY
    for (let vif = 0; vif < this.active.length; vif++) {
      if (!this.active[vif]) continue
      const perRound = this.#quantumUs * this.weights[vif]!
      rounds = Math.min(rounds, Math.floor(-this.deficitUs[vif]! / perRound))
    }
    if (rounds === Number.POSITIVE_INFINITY) return false
    for (let vif = 0; vif < this.active.length; vif++) {
      if (!this.active[vif]) continue
      this.deficitUs[vif] = this.deficitUs[vif]! + rounds * this.#quantumUs * this.weights[vif]!
    }
    return true
  }
}

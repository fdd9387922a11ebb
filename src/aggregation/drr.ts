/**
 * Deficit round robin over measured CPU time: which vif is served next. The cost of serving a vif is known only after
 * the fact, so a vif is served while its deficit is above zero, is charged what it really took, and starts its next turn
 * with what it overdrew. Any two vifs that both have work get CPU time in the ratio of their weights, whatever their
 * frames cost. Source: Shreedhar and Varghese 1995; charging afterwards as in surplus round robin (Adiseshu 1996).
 *
 * Those with work are found by a bit each: others cost nothing, however many there are.
 */

/** A turn costs at least this much: a clock that did not advance must not make service free. */
const MIN_CHARGE_US = 0.05

const WORD_BITS = 32

/** Scheduler over vifs numbered 0 .. size - 1. */
export class DeficitRoundRobin {
  /** Share of each vif relative to the others, > 0. */
  readonly weights: Float64Array
  /** CPU time each vif may still use in this turn, in microseconds; debt when negative. */
  readonly deficitUs: Float64Array
  /** Vifs that have work: a bit each, and how many. */
  readonly #active: Int32Array
  #actives = 0
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
    this.#active = new Int32Array(Math.ceil(size / WORD_BITS))
    this.#quantumUs = quantumUs
    this.#maxDebtUs = maxDebtUs
  }

  /** The vif has work. It keeps its debt and joins without credit. */
  activate(vif: number): void {
    if (this.isActive(vif)) return
    this.#active[vif >>> 5]! |= 1 << (vif & 31)
    this.#actives++
  }

  /** Whether the vif has work. */
  isActive(vif: number): boolean {
    return ((this.#active[vif >>> 5]! >>> (vif & 31)) & 1) === 1
  }

  /** The vif has no work left. Credit is not saved up; debt stays. */
  deactivate(vif: number): void {
    if (this.isActive(vif)) {
      this.#active[vif >>> 5]! &= ~(1 << (vif & 31))
      this.#actives--
    }
    this.deficitUs[vif] = Math.min(0, this.deficitUs[vif]!)
  }

  /** The vif to serve now, or -1 when none has work. The caller charges or deactivates it before asking again. */
  next(): number {
    if (this.#actives === 0) return -1
    if (this.isActive(this.#cursor) && this.deficitUs[this.#cursor]! > 0) return this.#cursor
    for (let pass = 0; pass < 3; pass++) {
      let vif = this.#cursor
      for (let left = this.#actives; left > 0; left--) {
        vif = this.#following(vif)
        this.deficitUs[vif] = this.deficitUs[vif]! + this.#quantumUs * this.weights[vif]!
        if (this.deficitUs[vif]! > 0) {
          this.#cursor = vif
          return vif
        }
      }
      this.#skipRounds()
    }
    return -1
  }

  /** The next vif with work behind this one, in a circle; there is one. */
  #following(vif: number): number {
    const words = this.#active
    let word = vif >>> 5
    let bits = words[word]! & (-2 << (vif & 31))
    while (bits === 0) {
      word = word + 1 < words.length ? word + 1 : 0
      bits = words[word]!
    }
    return word * WORD_BITS + 31 - Math.clz32(bits & -bits)
  }

  /** Charge measured CPU time to a vif. */
  charge(vif: number, usedUs: number): void {
    const left = this.deficitUs[vif]! - Math.max(MIN_CHARGE_US, usedUs)
    this.deficitUs[vif] = Math.max(-this.#maxDebtUs, left)
  }

  /** All are in debt: grant at once the rounds in which nobody could be served. */
  #skipRounds(): void {
    let rounds = Number.POSITIVE_INFINITY
    for (let vif = 0; vif < this.weights.length; vif++) {
      if (!this.isActive(vif)) continue
      const perRound = this.#quantumUs * this.weights[vif]!
      rounds = Math.min(rounds, Math.floor(-this.deficitUs[vif]! / perRound))
    }
    for (let vif = 0; vif < this.weights.length; vif++) {
      if (!this.isActive(vif)) continue
      this.deficitUs[vif] = this.deficitUs[vif]! + rounds * this.#quantumUs * this.weights[vif]!
    }
  }
}

/** A queue of integers of 32 bits, first in, first out. It grows by doubling and never shrinks. */
export class Fifo {
  #items: Int32Array
  #head = 0
  #size = 0

  /** @param capacity at first; a power of two */
  constructor(capacity = 64) {
    this.#items = new Int32Array(capacity)
  }

  get size(): number {
    return this.#size
  }

  push(item: number): void {
    if (this.#size === this.#items.length) this.#grow()
    this.#items[(this.#head + this.#size++) & (this.#items.length - 1)] = item
  }

  /** The oldest one, which leaves. The queue must not be empty. */
  shift(): number {
    const item = this.#items[this.#head]!
    this.#head = (this.#head + 1) & (this.#items.length - 1)
    this.#size--
    return item
  }

  /** All of them leave for another queue, in their order. */
  moveTo(other: Fifo): void {
    if (this.#size === 0) return
    const items = this.#items
    if (other.#size === 0) {
      // Into an empty one nothing need be copied.
      this.#items = other.#items
      other.#items = items
      other.#head = this.#head
      other.#size = this.#size
      this.#head = 0
      this.#size = 0
      return
    }
    const mask = items.length - 1
    let head = this.#head
    for (let left = this.#size; left > 0; left--) {
      other.push(items[head]!)
      head = (head + 1) & mask
    }
    this.#head = head
    this.#size = 0
  }

  /** The one at a place, 0 the oldest. */
  at(place: number): number {
    return this.#items[(this.#head + place) & (this.#items.length - 1)]!
  }

  #grow(): void {
    const items = new Int32Array(this.#items.length * 2)
    for (let at = 0; at < this.#size; at++) items[at] = this.at(at)
    this.#items = items
    this.#head = 0
  }
}

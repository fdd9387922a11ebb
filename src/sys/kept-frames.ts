/** Frames that were read ahead and wait, oldest first: slots and bytes, on a circle. */
export class KeptFrames {
  readonly slots: number
  readonly keeps = true
  readonly #slotsRead: Uint16Array
  readonly #bytesRead: Uint32Array
  #first = 0
  #waiting = 0

  /** @param slots a power of two */
  protected constructor(slots: number) {
    this.slots = slots
    this.#slotsRead = new Uint16Array(slots)
    this.#bytesRead = new Uint32Array(slots)
  }

  get waiting(): number {
    return this.#waiting
  }

  protected keep(slot: number, bytes: number): void {
    const at = (this.#first + this.#waiting++) & (this.slots - 1)
    this.#slotsRead[at] = slot
    this.#bytesRead[at] = bytes
  }

  slot(index: number): number {
    return this.#slotsRead[(this.#first + index) & (this.slots - 1)] as number
  }

  bytes(index: number): number {
    return this.#bytesRead[(this.#first + index) & (this.slots - 1)] as number
  }

  protected forget(count: number): void {
    this.#first = (this.#first + count) & (this.slots - 1)
    this.#waiting -= count
  }
}

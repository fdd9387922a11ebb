/**
 * Reference model: the device's side of one split ring, over a snapshot of guest memory.
 * Source: virtio 1.3, 2.7.6 to 2.7.10.
 */
import type { ChainRules, Snapshot } from './chain.js'

export interface RingPlace extends ChainRules {
  readonly avail: number
  readonly used: number
  readonly eventIdx: boolean
}

export class DeviceRing {
  readonly place: RingPlace
  /** Free-running u16 indices: the next chain to take, the next used entry to write, used as published. */
  nextAvail: number
  nextUsed: number
  published: number
  calls = 0
  memory: Snapshot

  constructor(place: RingPlace, memory: Snapshot, base = 0) {
    this.place = place
    this.memory = memory
    this.nextAvail = this.nextUsed = this.published = base
  }

  #u16(at: number): number {
    return this.memory.data.getUint16(at, true)
  }

  /** Chains that the driver has made available and the device has not taken. */
  waiting(): number {
    return (this.#u16(this.place.avail + 2) - this.nextAvail) & 0xffff
  }

  /** Head of the chain `ahead` of the next one. */
  head(ahead = 0): number {
    return this.#u16(this.place.avail + 4 + ((this.nextAvail + ahead) % this.place.size) * 2)
  }

  /** Takes the next chain and gives it back with the bytes written; the driver sees it after publish(). */
  complete(bytes: number): void {
    const at = this.place.used + 4 + (this.nextUsed % this.place.size) * 8
    this.memory.data.setUint32(at, this.head(), true)
    this.memory.data.setUint32(at + 4, bytes, true)
    this.nextAvail = (this.nextAvail + 1) & 0xffff
    this.nextUsed = (this.nextUsed + 1) & 0xffff
  }

  /** Publishes what was completed. Returns whether the driver must be called. */
  publish(): boolean {
    let wanted = false
    const event = this.#u16(this.place.avail + 4 + this.place.size * 2)
    const suppressed = (this.#u16(this.place.avail) & 1) !== 0
    while (this.published !== this.nextUsed) {
      if (this.place.eventIdx ? this.published === event : !suppressed) wanted = true
      this.published = (this.published + 1) & 0xffff
    }
    this.memory.data.setUint16(this.place.used + 2, this.published, true)
    if (wanted) this.calls++
    return wanted
  }
}

import { P_QUEUE_PAIRS, P_STARTED_PAIRS } from '../../core/layout.js'
import type { Plane } from '../../core/plane.js'
import type { PortRow } from '../../core/port-row.js'
import type { VifRings } from './rings.js'

/**
 * Which queue pairs of a vif are in use: as many as have a live receive ring, and no more than the driver has asked
 * for, which is one at first. A frontend that serves the control queue itself (QEMU, Cloud Hypervisor) never starts that
 * ring here: it enables the rings that its driver asks for. Source: virtio 1.3, 5.1.6.5.6.
 */
export class QueuePairs {
  readonly #plane: Plane
  readonly #row: PortRow
  readonly #rings: VifRings
  readonly #max: number
  /** Whether the driver's control queue has run here, and how many pairs it has asked for there. */
  #followsControl = false
  #asked = 1

  /** @param max pairs offered */
  constructor(plane: Plane, row: PortRow, rings: VifRings, max: number) {
    this.#plane = plane
    this.#row = row
    this.#rings = rings
    this.#max = max
  }

  /** The driver speaks by the control queue from now on. Returns whether it did not before. */
  followControl(): boolean {
    const isFirst = !this.#followsControl
    this.#followsControl = true
    return isFirst
  }

  /**
   * The driver asks for pairs. What is held on pairs that go out of use is published before it has its answer.
   * Returns false when so many were not offered.
   */
  ask(pairs: number): boolean {
    if (pairs < 1 || pairs > this.#max) return false
    this.#rings.settle()
    this.#asked = pairs
    this.update()
    return true
  }

  /** Rings were started, stopped or enabled: counts anew, and hands the backlog of pairs that went to those left. */
  update(): void {
    const rings = this.#rings
    const wanted = this.#followsControl ? this.#asked : this.#max
    let pairs = 1
    while (pairs < wanted && rings.isRunning(pairs * 2) && rings.isEnabled(pairs * 2)) pairs++
    const fewer = pairs < this.#row.get(P_QUEUE_PAIRS)
    this.#row.set(P_QUEUE_PAIRS, pairs)
    if (fewer) this.#plane.moveBacklog(this.#row.index, pairs)
    let started = this.#max
    while (started > 1 && !rings.isRunning(started * 2 - 1) && !rings.isRunning(started * 2 - 2)) started--
    this.#row.set(P_STARTED_PAIRS, started)
  }

  /** A driver negotiates: it has asked for nothing yet. */
  newDriver(): void {
    this.#asked = 1
  }

  /** The device was reset. */
  reset(): void {
    this.#followsControl = false
    this.#asked = 1
    this.#row.set(P_QUEUE_PAIRS, 1)
    this.#row.set(P_STARTED_PAIRS, 1)
  }
}

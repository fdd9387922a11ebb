/** What the driver domain's units of work cost, in cycles: polls, frames by their way, publications and calls. */
import { BURST } from '../aggregation/policy.js'
import { type Costs, type FrameCycles, frameCycles } from './architecture.js'
import type { Frames } from './frames.js'
import type { Moved } from './rings.js'

export interface DriverWorkParts {
  readonly costs: Costs
  readonly frames: Frames
  /** Cycles that a byte costs beside, because it is not in the cache. */
  readonly missCycles: number
  readonly isNic: (port: number) => boolean
  /**
   * Whether frames are published one by one, each in a unit of its own, because a receiver on this processor may run between two. Those
   * of one poll pay for it once.
   */
  readonly publishesEach: boolean
}

export class DriverWork {
  readonly #parts: DriverWorkParts
  /** Cycles of a frame by its way, and of the NIC's driver beside. */
  readonly #toVm: FrameCycles
  readonly #fromVm: FrameCycles
  readonly #across: FrameCycles
  readonly #receiveCycles: number
  readonly #transmitCycles: number
  /** Of a poll that is paid for, frame by frame: how many are left, and whose they are. */
  #pollLeft = 0
  #polled = -1

  constructor(parts: DriverWorkParts) {
    this.#parts = parts
    const { toVm, fromVm, across } = parts.costs.driver
    this.#toVm = frameCycles(toVm, parts.missCycles, false)
    this.#fromVm = frameCycles(fromVm, parts.missCycles, false)
    this.#across = frameCycles(across, parts.missCycles, false)
    this.#receiveCycles = toVm.nic
    this.#transmitCycles = fromVm.nic
  }

  get publishesEach(): boolean {
    return this.#parts.publishesEach
  }

  /** Whether the next frame of a port belongs to a poll that is paid for. */
  continues(port: number): boolean {
    return this.#parts.publishesEach && this.#polled === port && this.#pollLeft > 0
  }

  /** A burst of a port, with what it published; 1 at least. */
  burst(port: number, moved: Moved): number {
    const { isNic, frames } = this.#parts
    const { from, to, bytes } = frames
    let cycles = this.#poll(port, moved) + this.publication(moved)
    for (let at = 0; at < moved.count; at++) {
      const frame = moved.frames[at]!
      const isToNic = isNic(to[frame]!)
      if (isNic(from[frame]!)) {
        cycles += this.#toVm.frame + this.#toVm.byte * bytes[frame]!
        cycles += this.#receiveCycles
      } else if (isToNic) cycles += this.#fromVm.frame + this.#fromVm.byte * bytes[frame]!
      else cycles += this.#across.frame + this.#across.byte * bytes[frame]!
      if (isToNic) cycles += this.#transmitCycles
    }
    return Math.max(1, cycles)
  }

  /** One call into the plane: a burst, which a call that is due at once ends. */
  #poll(port: number, moved: Moved): number {
    const { costs, publishesEach } = this.#parts
    const { poll } = costs.driver.across
    if (!publishesEach) return poll
    if (!moved.continues) this.#pollLeft = BURST
    this.#polled = port
    this.#pollLeft = moved.calls > 0 ? 0 : this.#pollLeft - 1
    return moved.continues ? 0 : poll
  }

  publication({ publications, calls }: Moved): number {
    const { toVm } = this.#parts.costs.driver
    return publications * toVm.publication + calls * toVm.call
  }
}

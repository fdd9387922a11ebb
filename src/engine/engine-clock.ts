import { G_GENERATION, G_NOW_S, G_NOW_US, GLOBALS_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { nowUs } from '../sys/clock.js'

const CLOCK = (GLOBALS_AT + G_NOW_US) >>> 3
const SECOND = (GLOBALS_AT + G_NOW_S) >>> 2
const GENERATION = (GLOBALS_AT + G_GENERATION) >>> 2

/**
 * The engine's clock: read once a burst. The time lives in the plane's globals, where the plane sees it and it is no heap
 * number. With each second the plane's generation changes, by which forwarding decisions grow stale.
 */
export class EngineClock {
  readonly #memory: LinearMemory
  #second = -1

  constructor(memory: LinearMemory) {
    this.#memory = memory
    this.read()
  }

  /** Microseconds, when last read. */
  get now(): number {
    return this.#memory.f64[CLOCK] as number
  }

  read(): void {
    const us = nowUs()
    this.#memory.f64[CLOCK] = us
    const second = Math.floor(us / 1e6)
    if (second === this.#second) return
    this.#second = second
    this.#memory.u32[SECOND] = second
    this.#memory.u32[GENERATION] = (this.#memory.u32[GENERATION] as number) + 1
  }
}

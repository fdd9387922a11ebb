import { Globals } from '../core/globals.js'
import { G_NOW_S } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { nowUs } from '../sys/clock.js'

/**
 * The engine's clock: read once a burst. The time lives in the plane's globals, where the plane sees it and it is no heap
 * number.
 */
export class EngineClock {
  readonly #globals: Globals
  #second = -1

  constructor(memory: LinearMemory) {
    this.#globals = new Globals(memory)
    this.read()
  }

  /** Microseconds, when last read. */
  get now(): number {
    return this.#globals.nowUs
  }

  read(): void {
    const us = nowUs()
    this.#globals.nowUs = us
    const second = Math.floor(us / 1e6)
    if (second === this.#second) return
    this.#second = second
    this.#globals.set(G_NOW_S, second)
  }
}

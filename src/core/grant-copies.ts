import type { GrantDevice } from '../xen/devices.js'
import { G_COPY_BASE, GLOBALS_AT } from './layout.js'
import type { LinearMemory } from './linear-memory.js'

/**
 * Where the plane's lists of grant copies go: to the device of the ports that have netif rings. All of an engine's share
 * one, because a list holds copies of several ports.
 */
export class GrantCopies {
  readonly #memory: LinearMemory
  #device: GrantDevice | undefined

  constructor(memory: LinearMemory) {
    this.#memory = memory
  }

  /** Has lists carried out by a device from now on. */
  use(device: GrantDevice): void {
    this.#device = device
    this.#memory.u64[(GLOBALS_AT + G_COPY_BASE) >>> 3] = device.base
  }

  /** Carries out a list; without a device nothing is done, and no copy is. */
  copy(at: number, count: number): void {
    this.#device?.copy(at, count)
  }
}

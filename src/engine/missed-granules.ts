import { G_MISSES, GLOBALS_AT, MAX_PORTS, MISSES_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { RingPort } from '../port/port.js'
import { nowUs } from '../sys/clock.js'
import type { Containment, Work } from './containment.js'
import type { PortTable } from './port-table.js'

/** Granules mapped for one port in one turn, and the longest time that a turn spends on mapping them. */
const MAX_MAPPED_PER_TURN = 64
const MAPPING_US = 1_000

const MISSES = (GLOBALS_AT + G_MISSES) >>> 2
const LIST = MISSES_AT >>> 2

const MAP: Work<RingPort> = (port, granule) => {
  port.mapMissed(granule)
  return 0
}

/** Maps the granules of guest memory that the plane missed in a burst. */
export class MissedGranules {
  readonly #memory: LinearMemory
  readonly #containment: Containment
  readonly #table: PortTable
  /** Granules mapped in this turn, by row. */
  readonly #mapped = new Uint8Array(MAX_PORTS)

  constructor(memory: LinearMemory, containment: Containment, table: PortTable) {
    this.#memory = memory
    this.#containment = containment
    this.#table = table
  }

  /** @param turn number of the turn: each begins at another place, so that no port always comes last */
  map(turn: number): void {
    const { u32 } = this.#memory
    const count = u32[MISSES] as number
    if (count === 0) return
    u32[MISSES] = 0
    this.#mapped.fill(0)
    const endUs = nowUs() + MAPPING_US
    // What is left is missed again.
    for (let step = 0; step < count; step++) {
      const at = LIST + ((step + turn) % count) * 2
      const row = u32[at] as number
      const mapped = (this.#mapped[row] as number) + 1
      if (mapped > MAX_MAPPED_PER_TURN) continue
      this.#mapped[row] = mapped
      const port = this.#table.at(row)
      if (port?.hasRings) this.#containment.run(port, MAP, u32[at + 1] as number)
      if (nowUs() > endUs) break
    }
  }
}

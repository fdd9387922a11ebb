import { Globals } from '../core/globals.js'
import { G_MISSES, MAX_PORTS, MISSES_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { RingPort } from '../port/port.js'
import { nowUs } from '../sys/clock.js'
import type { Containment, Work } from './containment.js'
import type { PortTable } from './port-table.js'

/** Granules mapped for one port in one turn, and the longest time that a turn spends on mapping them. */
const MAX_MAPPED_PER_TURN = 64
const MAPPING_US = 1_000

const MAP: Work<RingPort> = (port, granule) => {
  port.mapMissed(granule)
  return 0
}

/** Maps the granules of guest memory that the plane missed in a burst. */
export class MissedGranules {
  readonly #globals: Globals
  readonly #containment: Containment
  readonly #table: PortTable
  /** Granules mapped in this turn, by row. */
  readonly #mapped = new Uint8Array(MAX_PORTS)

  constructor(memory: LinearMemory, containment: Containment, table: PortTable) {
    this.#globals = new Globals(memory)
    this.#containment = containment
    this.#table = table
  }

  /** @param turn number of the turn: each begins at another place, so that no port always comes last */
  map(turn: number): void {
    const globals = this.#globals
    const count = globals.get(G_MISSES)
    if (count === 0) return
    globals.set(G_MISSES, 0)
    this.#mapped.fill(0)
    const endUs = nowUs() + MAPPING_US
    // What is left is missed again.
    for (let step = 0; step < count; step++) {
      const at = ((step + turn) % count) * 2
      const row = globals.entry(MISSES_AT, at)
      const mapped = (this.#mapped[row] as number) + 1
      if (mapped > MAX_MAPPED_PER_TURN) continue
      this.#mapped[row] = mapped
      const port = this.#table.at(row)
      if (port?.hasRings) this.#containment.run(port, MAP, globals.entry(MISSES_AT, at + 1))
      if (nowUs() > endUs) break
    }
  }
}

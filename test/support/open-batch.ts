import type { HoldLimits } from '../../src/aggregation/hold-limits.js'
import { Globals } from '../../src/core/globals.js'
import {
  V_AVAIL,
  V_HELD_BYTES,
  V_HELD_FIRST,
  V_HELD_FRAMES,
  V_HELD_LAST,
  V_HELD_URGENT,
} from '../../src/core/layout.js'
import { LinearMemory, MIN_MEMORY_BYTES } from '../../src/core/linear-memory.js'
import { instantiatePlane } from '../../src/core/plane.js'
import { PortRow } from '../../src/core/port-row.js'
import { VringRow } from '../../src/core/vring-row.js'
import { planeModule } from '../../src/engine/plane-module.js'

const RING = 0
/** The flag of an available ring whose guest polls. Source: virtio 1.3, 2.7.6. */
const NO_INTERRUPT = 1

/** What is held unpublished for a guest. Times in microseconds. */
export interface OpenBatch {
  readonly frames: number
  readonly bytes: number
  readonly firstUs: number
  readonly lastUs: number
  readonly urgent?: boolean
  /** The guest asked for no calls. */
  readonly polling?: boolean
}

/** The plane's hold rule for a receive ring: the batch is the test's, the decision the plane's. */
export class HoldRule {
  readonly #memory = new LinearMemory(MIN_MEMORY_BYTES)
  readonly #plane = instantiatePlane(this.#memory, planeModule())
  readonly #globals = new Globals(this.#memory)
  readonly #port = new PortRow(this.#memory, 0)
  readonly #ring = new VringRow(this.#memory, 0, RING)
  readonly #avail = this.#memory.allocate(4096)

  constructor() {
    this.#ring.identify()
    this.#ring.set(V_AVAIL, this.#avail)
  }

  set limits(limits: HoldLimits) {
    this.#port.setHoldLimits(limits)
  }

  #write({ frames, bytes, firstUs, lastUs, urgent = false, polling = false }: OpenBatch): void {
    this.#ring.set(V_HELD_FRAMES, frames)
    this.#ring.set(V_HELD_BYTES, bytes)
    this.#ring.setF64(V_HELD_FIRST, firstUs)
    this.#ring.setF64(V_HELD_LAST, lastUs)
    this.#ring.set(V_HELD_URGENT, urgent ? 1 : 0)
    this.#memory.u8[this.#avail] = polling ? NO_INTERRUPT : 0
  }

  /** Why the batch must be published now that its burst is over, REASON_HOLD when it may wait. */
  reason(batch: OpenBatch, nowUs: number): number {
    this.#write(batch)
    this.#globals.nowUs = nowUs
    return this.#plane.holdReason(this.#port.index, RING)
  }

  /** When the batch must be published if no frame comes; infinite when it is empty. */
  dueUs(batch: OpenBatch): number {
    this.#write(batch)
    return batch.frames === 0 ? Number.POSITIVE_INFINITY : this.#plane.holdDue(this.#port.index, RING)
  }
}

import {
  G_ASLEEP,
  G_NOW_US,
  G_SPIN_US,
  G_SPUN_US,
  G_WAKE_US,
  G_WAKES,
  GLOBALS_AT,
  P_FLAGS,
  PORT_BYTES,
  PORTS_AT,
} from './layout.js'
import type { MemoryViews } from './memory-views.js'
import { Row } from './row.js'

/** The plane's globals (G_*), and the lists beside them. */
export class Globals extends Row {
  constructor(memory: MemoryViews) {
    super(memory, GLOBALS_AT)
  }

  /** Microseconds on the engine's clock, as of the burst. */
  get nowUs(): number {
    return this.getF64(G_NOW_US)
  }

  set nowUs(us: number) {
    this.setF64(G_NOW_US, us)
  }

  /** The u32 at a place of a list of the layout (ACTIVE_AT, CALLS_AT, MISSES_AT ...). */
  entry(list: number, place: number): number {
    return this.memory.u32[(list >>> 2) + place] as number
  }

  setEntry(list: number, place: number, value: number): void {
    this.memory.u32[(list >>> 2) + place] = value
  }
}

/** What any thread sees of an engine's progress in its memory. */
export class EngineSigns {
  readonly #u32: Uint32Array
  readonly #u64: BigUint64Array
  readonly #f64: Float64Array

  constructor(memory: SharedArrayBuffer) {
    this.#u32 = new Uint32Array(memory)
    this.#u64 = new BigUint64Array(memory)
    this.#f64 = new Float64Array(memory)
  }

  /** Whether it sleeps by its own will. */
  get isAsleep(): boolean {
    return this.#u32[(GLOBALS_AT + G_ASLEEP) >>> 2] !== 0
  }

  /** The bits of its clock: they stand still while it does. */
  get clock(): bigint {
    return this.#u64[(GLOBALS_AT + G_NOW_US) >>> 3] as bigint
  }

  /** How long it has polled and found nothing since its start, in microseconds. */
  get spunUs(): number {
    return this.#f64[(GLOBALS_AT + G_SPUN_US) >>> 3] as number
  }

  /** Pauses that have ended, on the u32 circle. */
  get wakes(): number {
    return this.#u32[(GLOBALS_AT + G_WAKES) >>> 2] as number
  }

  /** What a wake-up costs, in microseconds; NaN: not known. */
  get wakeUs(): number {
    return this.#f64[(GLOBALS_AT + G_WAKE_US) >>> 3] as number
  }

  /** The longest spin at present, in microseconds. */
  get spinUs(): number {
    return this.#f64[(GLOBALS_AT + G_SPIN_US) >>> 3] as number
  }
}

/** Linear offset of a row of the port table. */
export function portAt(index: number): number {
  return PORTS_AT + index * PORT_BYTES
}

/** Whether flags (PORT_*) of a port are set, read by any thread. @param memory the engine's linear memory; @param index the port's row */
export function hasPortFlag(memory: BigUint64Array, index: number, flags: number): boolean {
  const words = new Uint32Array(memory.buffer, memory.byteOffset + portAt(index) + P_FLAGS, 1)
  return ((words[0] as number) & flags) !== 0
}

/** The port whose row is at a linear offset. */
export function portIndex(at: number): number {
  return (at - PORTS_AT) / PORT_BYTES
}

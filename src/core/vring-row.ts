import { portAt } from './globals.js'
import {
  BATCH_BYTES,
  C_CALLS,
  C_TX_CALLS,
  CONTROL_VRING,
  LISTED_BYTES,
  M_CHAINS,
  M_LIST,
  P_BATCHES,
  P_VRINGS,
  V_AVAIL,
  V_AVAIL_SEEN,
  V_BACKLOG,
  V_BATCH,
  V_CALL_COUNTER,
  V_CALLED,
  V_DESC,
  V_FLAGS,
  V_HEADER_BYTES,
  V_HELD_BURSTS,
  V_HELD_BYTES,
  V_HELD_FRAMES,
  V_HELD_URGENT,
  V_ID,
  V_LAST_AVAIL,
  V_LISTED,
  V_MERGE,
  V_PORT,
  V_SIZE,
  V_USED,
  V_USED_COLLECTED,
  V_USED_NEXT,
  V_USED_PUBLISHED,
  VRING_BYTES,
  VRING_READY,
  VRINGS_PER_PORT,
} from './layout.js'
import type { LinearMemory } from './linear-memory.js'
import { Row } from './row.js'

/** What is 0 in a ring that holds nothing and is not served. */
const STATE = [
  ...[V_FLAGS, V_MERGE, V_BACKLOG, V_LISTED, V_CALLED, V_CALLED + 4],
  ...[V_HELD_FRAMES, V_HELD_BYTES, V_HELD_BURSTS, V_HELD_URGENT],
]

/** Where a ring lies: linear offsets, and entries. */
export interface VringPlace {
  readonly desc: number
  readonly avail: number
  readonly used: number
  readonly size: number
  /** Of the net header before each frame. */
  readonly headerBytes: number
}

/** The number of a ring in the plane's call list. */
export function vringId(port: number, queue: number): number {
  return port * VRINGS_PER_PORT + queue
}

/** The port of a ring in the call list. */
export function portOfVring(id: number): number {
  return Math.floor(id / VRINGS_PER_PORT)
}

/** One vring of a port, as the TypeScript side writes it. Queues: even ones receive, odd ones transmit, then control. */
export class VringRow extends Row {
  declare readonly memory: LinearMemory
  readonly queue: number
  readonly #port: number

  /** @param port index of the port's row */
  constructor(memory: LinearMemory, port: number, queue: number) {
    super(memory, portAt(port) + P_VRINGS + queue * VRING_BYTES)
    this.queue = queue
    this.#port = port
  }

  get id(): number {
    return vringId(this.#port, this.queue)
  }

  get isReceive(): boolean {
    return (this.queue & 1) === 0 && this.queue !== CONTROL_VRING
  }

  get isRunning(): boolean {
    return (this.get(V_FLAGS) & VRING_READY) !== 0
  }

  /** Says where the ring lies, and whose it is. */
  place({ desc, avail, used, size, headerBytes }: VringPlace): void {
    this.set(V_DESC, desc)
    this.set(V_AVAIL, avail)
    this.set(V_USED, used)
    this.set(V_SIZE, size)
    this.set(V_HEADER_BYTES, headerBytes)
    this.set(V_CALL_COUNTER, this.isReceive ? C_CALLS : C_TX_CALLS)
    this.identify()
  }

  /** Says whose ring it is, and where the bursts of its open batch are kept. */
  identify(): void {
    this.set(V_ID, this.id)
    this.set(V_PORT, portAt(this.#port))
    this.set(V_BATCH, this.isReceive ? portAt(this.#port) + P_BATCHES + (this.queue >> 1) * BATCH_BYTES : 0)
  }

  /**
   * Begins at an index of both rings, with nothing under way. A receive ring gets a merge table for as many chains as it has;
   * nothing is merged when there is no room for one.
   */
  begin(index: number): void {
    for (const field of [V_LAST_AVAIL, V_AVAIL_SEEN, V_USED_NEXT, V_USED_PUBLISHED, V_USED_COLLECTED])
      this.set(field, index)
    const size = this.get(V_SIZE)
    const table = this.isReceive ? this.memory.allocate(M_LIST + size * LISTED_BYTES) : 0
    if (table !== 0) this.memory.u32[(table + M_CHAINS) >>> 2] = size
    this.set(V_MERGE, table)
  }

  /**
   * Stops the ring: what was written but not published is void, its merge table and its backlog are given back.
   * @param keepBacklog the backlog belongs to the port
   */
  clear(keepBacklog: boolean): void {
    const [table, backlog] = [this.get(V_MERGE), this.get(V_BACKLOG)]
    if (table !== 0) this.memory.free(table)
    if (!keepBacklog && backlog !== 0) this.memory.free(backlog)
    this.set(V_USED_NEXT, this.get(V_USED_PUBLISHED))
    this.set(V_USED_COLLECTED, this.get(V_USED_PUBLISHED))
    for (const field of STATE) this.set(field, 0)
  }
}

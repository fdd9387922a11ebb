import { Globals } from '../core/globals.js'
import { G_BROKEN, PORT_BROKEN } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Port, RingPort } from '../port/port.js'
import { FaultGuard } from '../sys/fault-guard.js'
import type { Containment, Work } from './containment.js'
import type { PortTable } from './port-table.js'

const BLOCKED_CALL = 'its call descriptor blocks: O_NONBLOCK was cleared, and it is full'

const BREACH: Work<RingPort> = (port) => {
  port.breach()
  return 0
}

/** Detaches guests for what was found in the middle of a burst, when it is over. */
export class Detachments {
  readonly #globals: Globals
  readonly #containment: Containment
  readonly #table: PortTable
  readonly #faults: FaultGuard
  #faultsSeen = 0
  /** Ports whose guest makes a call wait. */
  #blocking: Port[] = []

  constructor(memory: LinearMemory, containment: Containment, table: PortTable) {
    this.#globals = new Globals(memory)
    this.#containment = containment
    this.#table = table
    this.#faults = new FaultGuard(memory.u8, memory.granules)
  }

  /** The guest of the port in this row makes a call wait. */
  blocksCalls(row: number): void {
    const port = this.#table.at(row)
    if (port && !this.#blocking.includes(port)) this.#blocking.push(port)
  }

  /** Detaches the guests whose memory went away under us: zero pages have taken its place. */
  whereMemoryIsLost(): void {
    if (this.#faults.counter[0] === this.#faultsSeen) return
    this.#faultsSeen = this.#faults.counter[0] as number
    for (const offset of this.#faults.take()) this.#table.vifs.some((port) => port.loseMemory(offset))
  }

  whereCallsBlock(): void {
    if (this.#blocking.length === 0) return
    for (const port of this.#blocking.splice(0)) port.fail(BLOCKED_CALL)
  }

  /** Detaches the guests that the plane found breaking the protocol. */
  whereProtocolIsBroken(): void {
    if (this.#globals.get(G_BROKEN) === 0) return
    this.#globals.set(G_BROKEN, 0)
    for (const port of this.#table.vifs)
      if (this.#table.row(port.index).has(PORT_BROKEN)) this.#containment.run(port, BREACH, 0)
  }

  close(): void {
    this.#faults.close()
  }
}

import { Globals } from '../core/globals.js'
import { C_REFUSED } from '../core/layout.js'
import type { PortRow } from '../core/port-row.js'
import { closeFd } from '../sys/unix-socket.js'
import type { Port, PortHost } from './port.js'

/** A peer that tries again and again is reported so often. */
const TELL_EVERY_US = 1_000_000
const SECOND_PEER = 'a second peer connected; a port has one at a time, so it was hung up on'

/** Hangs up on second peers of a port that has one; counts them all and tells of them at most once a second. */
export class Refusals {
  readonly #host: PortHost
  readonly #port: Port
  readonly #row: PortRow
  readonly #globals: Globals
  #nextUs = 0

  constructor(host: PortHost, port: Port, row: PortRow) {
    this.#host = host
    this.#port = port
    this.#row = row
    this.#globals = new Globals(row.memory)
  }

  /** @param fd the second peer's connection, closed here */
  refuse(fd: number): void {
    closeFd(fd)
    this.tell(SECOND_PEER)
  }

  /** Counts a peer that is refused for a reason, and tells of it. */
  tell(reason: string): void {
    this.#row.count(C_REFUSED)
    const { nowUs } = this.#globals
    if (nowUs < this.#nextUs) return
    this.#nextUs = nowUs + TELL_EVERY_US
    this.#host.report(this.#port, 'refused', reason)
  }
}

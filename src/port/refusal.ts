import { C_REFUSED, G_NOW_US, GLOBALS_AT } from '../core/layout.js'
import { closeFd } from '../sys/unix-socket.js'
import { count } from './host-output.js'
import type { Port, PortHost } from './port.js'
import type { PortRow } from './row.js'

/** A peer that tries again and again is told of so often. */
const TELL_EVERY_US = 1_000_000
const SECOND_PEER = 'a second peer connected; a port has one at a time, so it was hung up on'

/** Hangs up on second peers of a port that has one; counts them all and tells of them at most once a second. */
export class Refusals {
  readonly #host: PortHost
  readonly #port: Port
  readonly #row: PortRow
  #nextUs = 0

  constructor(host: PortHost, port: Port, row: PortRow) {
    this.#host = host
    this.#port = port
    this.#row = row
  }

  /** @param fd the second peer's connection, closed here */
  refuse(fd: number): void {
    closeFd(fd)
    count(this.#row, C_REFUSED)
    const nowUs = this.#host.memory.f64[(GLOBALS_AT + G_NOW_US) >>> 3] as number
    if (nowUs < this.#nextUs) return
    this.#nextUs = nowUs + TELL_EVERY_US
    this.#host.report(this.#port, 'refused', SECOND_PEER)
  }
}

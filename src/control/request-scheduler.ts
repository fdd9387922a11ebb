/**
 * When the requests of the ports' peers are served: vhost-user messages, connections, control commands. Their number
 * and what each of them takes is the peer's choice, so they are served one at a time and paid for in time:
 *
 *   among ports : deficit round robin, so that a port with long requests waits for those with short ones
 *   in a turn   : TURN_US for all of them together, and one more request at most
 *   under load  : while frames move, LOADED_SHARE of the engine's time
 *   each port   : `share` of the engine's time in the long run, and PORT_BURST_US at once (a frontend's start)
 *
 * A port that has used up its share waits; its messages wait in its socket.
 */
import { DeficitRoundRobin } from '../aggregation/drr.js'

/** Longest time in microseconds that one turn spends on requests before it goes back to frames. */
export const TURN_US = 500
/** Part of the engine's time that requests get while there are frames to move. */
const LOADED_SHARE = 0.25
/** Time in microseconds that a port may use at once: many times what a frontend needs to start. */
export const PORT_BURST_US = 20_000
const QUANTUM_US = 20
/** Debt above this is forgiven. */
const MAX_DEBT_US = 1e6

export interface RequestSchedulerOptions {
  /** Ports, numbered from 0. */
  readonly ports: number
  /** Part of the engine's time that the requests of one port may take in the long run, above 0 to 1. */
  readonly share: number
  /** Serves one request of a port. Returns whether more may wait. */
  readonly serve: (port: number) => boolean
  /** Microseconds. */
  readonly clock: () => number
  /** Microseconds of processor time used: what a request is charged, whoever had the processor meanwhile. */
  readonly used: () => number
}

export class RequestScheduler {
  readonly #options: RequestSchedulerOptions
  readonly #order: DeficitRoundRobin
  readonly #waiting: Uint8Array
  /** Time that each port may still use, and when that was true. */
  readonly #creditUs: Float64Array
  readonly #creditAtUs: Float64Array
  #count = 0
  #loadedUs = TURN_US
  #loadedAtUs = 0

  constructor(options: RequestSchedulerOptions) {
    this.#options = options
    this.#order = new DeficitRoundRobin(options.ports, QUANTUM_US, MAX_DEBT_US)
    this.#waiting = new Uint8Array(options.ports)
    this.#creditUs = new Float64Array(options.ports).fill(PORT_BURST_US)
    this.#creditAtUs = new Float64Array(options.ports)
  }

  /** A port's peer has requests. May be said again. */
  ask(port: number): void {
    if (this.#waiting[port] === 1) return
    this.#waiting[port] = 1
    this.#count++
  }

  /** The port has gone; whoever gets its number starts with what it left of its share. */
  forget(port: number): void {
    this.#withdraw(port)
    this.#order.deactivate(port)
  }

  #withdraw(port: number): void {
    if (this.#waiting[port] === 0) return
    this.#waiting[port] = 0
    this.#count--
  }

  /** Brings a port's credit up to date. Returns it. */
  #credit(port: number, nowUs: number): number {
    const elapsedUs = nowUs - (this.#creditAtUs[port] as number)
    const credit = Math.min(PORT_BURST_US, (this.#creditUs[port] as number) + elapsedUs * this.#options.share)
    this.#creditUs[port] = credit
    this.#creditAtUs[port] = nowUs
    return credit
  }

  /** In how many microseconds a port that waits may be served: 0 at once, infinity when none waits. */
  dueUs(nowUs: number): number {
    let due = Number.POSITIVE_INFINITY
    if (this.#count === 0) return due
    for (let port = 0; port < this.#waiting.length; port++) {
      if (this.#waiting[port] === 0) continue
      const credit = this.#credit(port, nowUs)
      if (credit > 0) return 0
      due = Math.min(due, 1 - credit / this.#options.share)
    }
    return due
  }

  /**
   * Serves what waits, for one turn.
   * @param isLoaded whether the engine has frames to move
   * @returns requests served
   */
  run(isLoaded: boolean): number {
    if (this.#count === 0) return 0
    const { clock, used, serve } = this.#options
    const startUs = clock()
    this.#loadedUs = Math.min(TURN_US, this.#loadedUs + (startUs - this.#loadedAtUs) * LOADED_SHARE)
    this.#loadedAtUs = startUs
    if (isLoaded && this.#loadedUs <= 0) return 0
    const endUs = startUs + (isLoaded ? this.#loadedUs : TURN_US)
    this.#admit(startUs)
    let served = 0
    let usedUs = used()
    while (clock() < endUs) {
      const port = this.#order.next()
      if (port < 0) break
      // Before it is served: it may ask anew meanwhile.
      this.#withdraw(port)
      if (serve(port)) this.ask(port)
      served++
      const before = usedUs
      usedUs = used()
      this.#order.charge(port, usedUs - before)
      this.#creditUs[port] = (this.#creditUs[port] as number) - (usedUs - before)
      if (this.#waiting[port] === 0 || (this.#creditUs[port] as number) <= 0) this.#order.deactivate(port)
    }
    this.#loadedUs -= clock() - startUs
    return served
  }

  /** Lets the ports that wait and have credit take part in the turn. */
  #admit(nowUs: number): void {
    for (let port = 0; port < this.#waiting.length; port++) {
      if (this.#waiting[port] === 0) continue
      if (this.#credit(port, nowUs) > 0) this.#order.activate(port)
      else this.#order.deactivate(port)
    }
  }
}

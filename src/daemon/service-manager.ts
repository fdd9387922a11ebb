/**
 * What a service tells its manager: that it is ready, reloads, stops, how it is, and that it is alive.
 * Source: sd_notify(3), sd_watchdog_enabled(3).
 *
 *     start -> READY=1 -> (WATCHDOG=1, STATUS=...)* -> STOPPING=1
 *                 ^  |
 *                 |  v  SIGHUP
 *              RELOADING=1
 */

import { sendNotice } from '../sys/notify-socket.js'
import type { Daemon } from './daemon.js'

type Environment = Readonly<Record<string, string | undefined>>

const NS_PER_US = 1_000n
const US_PER_MS = 1_000
/** Half of the limit is what sd_watchdog_enabled(3) asks for; a third leaves room for one that came late. */
const WATCHDOG_PART = 3

/** How often the manager is to hear that the service is alive, in milliseconds; undefined: never, or it asks another process. */
export function watchdogMs(environment: Environment, pid: number): number | undefined {
  const { WATCHDOG_USEC: limit = '', WATCHDOG_PID: of } = environment
  if (!/^[1-9]\d*$/.test(limit) || (of !== undefined && Number(of) !== pid)) return undefined
  return Math.max(1, Math.floor(Number(limit) / US_PER_MS / WATCHDOG_PART))
}

/** A switch in a line: "2 of 3 ports up; targets: 1 missed, 1 met". */
export function statusLine({ switch: running, promises }: Pick<Daemon, 'switch' | 'promises'>): string {
  const ports = running.status()
  const up = ports.filter(({ state }) => state === 'up').length
  const states = promises.verdicts().map(({ state }) => state)
  const targets = (['missed', 'met'] as const)
    .map((state) => [state, states.filter((each) => each === state).length] as const)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
  return `${up} of ${ports.length} ports up${targets.length > 0 ? `; targets: ${targets.join(', ')}` : ''}`
}

/** One line of a notice: what is behind a line's end would be another assignment. */
const line = (text: string): string => text.replace(/\s+/g, ' ')

export class ServiceManager {
  readonly #environment: Environment
  readonly #send: (text: string) => void
  #watchdog: NodeJS.Timeout | undefined
  #status = ''

  /** Without NOTIFY_SOCKET nobody is told anything. */
  constructor(environment: Environment = process.env) {
    this.#environment = environment
    const { NOTIFY_SOCKET: socket } = environment
    this.#send = socket ? (text) => sendNotice(socket, text) : () => {}
  }

  /** Whether anybody listens. */
  get isThere(): boolean {
    return Boolean(this.#environment.NOTIFY_SOCKET)
  }

  /** The service has started, or has reloaded. */
  ready(): void {
    this.#send('READY=1')
  }

  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / NS_PER_US}`)
  }

  stopping(): void {
    clearInterval(this.#watchdog)
    this.#send('STOPPING=1')
  }

  /** How it is, in a line: `systemctl status` shows it. Said again only when it differs. */
  status(text: string): void {
    if (text === this.#status) return
    this.#status = text
    this.#send(`STATUS=${line(text)}`)
  }

  /**
   * Keeps the manager's watchdog quiet while the service answers.
   * @param answers asks it something that it can answer only while it works; one question at a time
   */
  watch(answers: () => Promise<unknown>): void {
    const ms = watchdogMs(this.#environment, process.pid)
    if (ms === undefined) return
    let isAsked = false
    const ask = (): void => {
      if (isAsked) return
      isAsked = true
      answers()
        .then(() => this.#send('WATCHDOG=1'))
        .catch(() => {})
        .finally(() => {
          isAsked = false
        })
    }
    this.#watchdog = setInterval(ask, ms).unref()
    ask()
  }
}

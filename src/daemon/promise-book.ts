import { type PromiseChange, PromiseJudge } from '../control/promise.js'
import type { PromiseReading } from '../control/promise-reading.js'
import type { PromiseVerdict } from '../control/promise-verdict.js'
import type { SwitchEvent } from '../engine/switch-types.js'
import { RingferryError } from '../errors/errors.js'
import { nowUs } from '../sys/clock.js'

const SECOND_MS = 1_000
const US_PER_MS = 1_000

/** What a book needs of a switch. */
export interface PromiseSource {
  /** Another one after each change of ports, guests or tuning. */
  readonly version: number
  promises(): PromiseReading
  subscribe(listener: (event: SwitchEvent) => void): () => void
}

/**
 * The verdicts about all delay targets of a running switch, kept by a timer of the control thread: it reads memory once a
 * second, and asks the engine nothing. Whoever reads verdicts makes no judgment, but for the first after a change.
 */
export class PromiseBook {
  readonly #source: PromiseSource
  readonly #judge = new PromiseJudge()
  readonly #listeners = new Set<(change: PromiseChange) => void>()
  readonly #timer: NodeJS.Timeout
  readonly #stopListening: () => void
  #verdicts: readonly PromiseVerdict[] = []
  #judgedVersion = -1

  constructor(source: PromiseSource) {
    this.#source = source
    this.#stopListening = source.subscribe(({ event, port }) => {
      if (event === 'attached') this.#judge.restart(port.name)
    })
    this.#read()
    this.#timer = setInterval(() => this.#read(), SECOND_MS).unref()
  }

  #read(): void {
    this.#judgedVersion = this.#source.version
    const { verdicts, changes } = this.#judge.take(nowUs() / US_PER_MS, new Date(), this.#source.promises())
    this.#verdicts = verdicts
    for (const change of changes) for (const listener of this.#listeners) listener(change)
  }

  /** Of every port that may have a target, as of the last second or the last change: a target that was just set is in it. */
  verdicts(): readonly PromiseVerdict[] {
    if (this.#source.version !== this.#judgedVersion) this.#read()
    return this.#verdicts
  }

  /** Throws NOT_FOUND for a port that is not there, or has no target. */
  verdict(name: string): PromiseVerdict {
    const verdict = this.verdicts().find((each) => each.name === name)
    if (verdict) return verdict
    throw new RingferryError('NOT_FOUND', `port ${name}: there is no such port with a delay target`)
  }

  /** Listens for targets that are missed from now on, or met again. Returns how to stop listening. */
  subscribe(listener: (change: PromiseChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#stopListening()
  }
}

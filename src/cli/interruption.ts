import { setMaxListeners } from 'node:events'
import { RingferryError } from '../errors/errors.js'
import { whenOutputFails } from './standard-output.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Turns the signals that end a program into an AbortSignal, so that what was made is removed first. Also ends
 * when standard output cannot be written any more. Further signals are ignored: cleaning up has time limits.
 */
export class Interruption {
  readonly #controller = new AbortController()
  readonly #handler = (): void => this.#controller.abort()

  /** @param signals those that end the program */
  constructor(signals: readonly NodeJS.Signals[] = SIGNALS) {
    // Every guest that boots waits for it, too.
    setMaxListeners(0, this.signal)
    for (const name of signals) process.on(name, this.#handler)
    whenOutputFails(this.#handler)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Resolves at the first signal. */
  get came(): Promise<void> {
    return new Promise((resolve) => {
      if (this.signal.aborted) resolve()
      else this.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Rejects with INTERRUPTED at the first signal; never resolves. */
  async rejects(): Promise<never> {
    await this.came
    throw new RingferryError('INTERRUPTED', 'interrupted; everything was cleaned up')
  }
}

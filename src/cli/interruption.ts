import { RingferryError } from '../errors/errors.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Turns the signals that end a program into an AbortSignal, so that what was made is removed first. Also ends
 * when nobody reads standard output any more. Further signals are ignored: cleaning up has time limits.
 */
export class Interruption {
  readonly #controller = new AbortController()
  readonly #handler = (): void => this.#controller.abort()
  readonly #onOutput = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error
    this.#controller.abort()
  }

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#handler)
    process.stdout.on('error', this.#onOutput)
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

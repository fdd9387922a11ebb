/** How a long run shows itself: on a terminal one line that changes, elsewhere plain lines. */

const SECOND_MS = 1000
const CLEAR = '\r\u001b[K'

/** "40 s", "3 min", "1 h 20 min". */
export function shortTime(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export class Progress {
  readonly #output: ProgressOutput
  readonly #now: () => number
  readonly #startMs: number
  #status = ''

  /** @param now milliseconds */
  constructor(output: ProgressOutput, now: () => number = () => performance.now()) {
    this.#output = output
    this.#now = now
    this.#startMs = now()
  }

  /** A line that stays. */
  line(text: string): void {
    const seconds = ((this.#now() - this.#startMs) / SECOND_MS).toFixed(1)
    this.#output.write(`${this.#output.isTTY ? CLEAR : ''}${seconds.padStart(7)} s  ${text}\n`)
    this.#draw()
  }

  /** What is going on now: shown on terminals only, in place of what was shown before. */
  status(text: string): void {
    this.#status = text
    this.#draw()
  }

  /** Removes the changing line. */
  end(): void {
    this.#status = ''
    if (this.#output.isTTY) this.#output.write(CLEAR)
  }

  #draw(): void {
    if (!this.#output.isTTY || this.#status === '') return
    this.#output.write(`${CLEAR}${this.#status.slice(0, (this.#output.columns ?? 80) - 1)}`)
  }
}

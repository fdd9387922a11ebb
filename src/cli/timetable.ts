import { setTimeout as sleep } from 'node:timers/promises'

/** Frames that are due within so long of each other go together: timers are no finer. */
const TOGETHER_MS = 1
const MS_PER_S = 1000
const NS_PER_MS = 1e6

/** How fast frames are replayed; by default with the times between them. */
export interface Speed {
  readonly rate?: number
  readonly fps?: number
  readonly topSpeed?: boolean
}

/** When each frame of a replay is due. */
export class Timetable {
  readonly #speed: Speed
  readonly #signal: AbortSignal
  readonly #nowMs: () => number
  readonly #startMs: number
  #firstNs: bigint | undefined
  #count = 0
  #dueMs = 0

  /** @param signal ends waiting; @param nowMs the clock */
  constructor(speed: Speed, signal: AbortSignal, nowMs = () => performance.now()) {
    this.#nowMs = nowMs
    this.#startMs = nowMs()
    this.#speed = speed
    this.#signal = signal
  }

  /** Takes the next frame's time. Returns whether its time is still to come; wait() waits for it. */
  isEarly(timeNs: bigint): boolean {
    const { rate = 1, fps, topSpeed } = this.#speed
    this.#firstNs ??= timeNs
    const sinceMs =
      fps === undefined ? Number(timeNs - this.#firstNs) / NS_PER_MS / rate : (this.#count * MS_PER_S) / fps
    this.#count++
    this.#dueMs = this.#startMs + sinceMs
    return topSpeed !== true && this.#dueMs - this.#nowMs() > TOGETHER_MS
  }

  async wait(): Promise<void> {
    await sleep(this.#dueMs - this.#nowMs(), undefined, { signal: this.#signal }).catch(() => {})
  }
}

import { Worker } from 'node:worker_threads'
import type { TuningReader } from '../control/tuning-reader.js'
import { builtFile } from '../sys/built-file.js'
import type { DeciderData } from './decider-data.js'

/** A thread that ended is started again after this time. */
const RESTART_MS = 1_000

/**
 * The thread beside an engine that decides for it: a decision takes as long as some hundred frames, which would wait for it.
 * It is no part of the control thread, because that is the program's that uses the library, and may be busy for as long as it
 * likes. One that dies is started again; what the engine does meanwhile is in src/engine/decisions.ts.
 */
export class Decider {
  readonly #data: DeciderData
  #worker: Worker | undefined
  #restart: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({ memory, tuning, thread, clockStartUs }: DeciderData) {
    this.#data = { memory, tuning, thread, clockStartUs }
  }

  /** Starts it, unless it runs or the policy measures nothing. */
  startFor(tuning: TuningReader): void {
    if (tuning.measures) this.#start()
  }

  /** Whether it was started and has not ended. */
  get runs(): boolean {
    return this.#worker !== undefined
  }

  #start(): void {
    if (this.#worker || this.#isClosed) return
    clearTimeout(this.#restart)
    const worker = new Worker(builtFile('engine/decider-worker.js'), { workerData: this.#data })
    this.#worker = worker
    worker.on('error', (error) => process.emitWarning(`the thread that decides ended: ${String(error)}`))
    worker.once('exit', () => {
      this.#worker = undefined
      if (this.#isClosed) return
      this.#restart = setTimeout(() => this.#start(), RESTART_MS)
      this.#restart.unref()
    })
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#restart)
    await this.#worker?.terminate()
  }
}

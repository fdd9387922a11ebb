import { Worker } from 'node:worker_threads'
import { counterAt } from '../control/tuning-layout.js'
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
  readonly #stop = new SharedArrayBuffer(4)
  #worker: Worker | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({ memory, tuning, thread, clockStartUs }: Omit<DeciderData, 'stop'>) {
    this.#data = { memory, tuning, thread, clockStartUs, stop: this.#stop }
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
    this.#ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.on('error', (error) => process.emitWarning(`the thread that decides ended: ${String(error)}`))
    worker.once('exit', () => {
      this.#worker = undefined
      if (this.#isClosed) return
      this.#restart = setTimeout(() => this.#start(), RESTART_MS)
      this.#restart.unref()
    })
  }

  /**
   * Has it end by itself, within its longest sleep. Nobody terminates it: that ends the whole process when it comes while the
   * thread loads native code (Node-API cannot throw in a thread that is being terminated).
   */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#restart)
    Atomics.store(new Int32Array(this.#stop), 0, 1)
    // A thread that was about to sleep does not hear it, and sleeps.
    Atomics.notify(counterAt(this.#data.tuning, 0), 0)
    await this.#ended
  }
}

/** Points run on threads of this machine. */
import { Worker } from 'node:worker_threads'
import { builtFile } from '../sys/built-file.js'
import type { SweepLine } from './sweep-job.js'
import { type FromSweepThread, LOADED, type SweepWorkerData } from './sweep-messages.js'
import type { SweepPoint } from './sweep-points.js'
import type { Carrier } from './sweep-run.js'

/** One thread: a point at a time. */
export class SweepThread {
  readonly #worker: Worker
  /** Whether it has loaded, or ended before. */
  readonly #loaded: Promise<unknown>

  constructor(data: SweepWorkerData) {
    const worker = new Worker(builtFile('experiment/sweep-worker.js'), { workerData: data })
    this.#worker = worker
    this.#loaded = new Promise((resolve) => worker.once('message', resolve).once('exit', resolve))
  }

  /** What it makes of a point; undefined when the sweep is interrupted meanwhile. Rejects when the thread dies. */
  run(point: SweepPoint, seed: number, signal: AbortSignal): Promise<SweepLine | undefined> {
    const worker = this.#worker
    return new Promise((resolve, reject) => {
      const onAbort = (): void => settle(() => resolve(undefined))
      const onMessage = (message: FromSweepThread): void => {
        if (message !== LOADED) settle(() => resolve(message))
      }
      const onError = (error: Error): void => settle(() => reject(error))
      const settle = (then: () => void): void => {
        signal.removeEventListener('abort', onAbort)
        worker.off('message', onMessage).off('error', onError)
        then()
      }
      signal.addEventListener('abort', onAbort)
      worker.on('message', onMessage).on('error', onError)
      worker.postMessage({ point, seed })
    })
  }

  /**
   * Ends it, in the middle of a point if need be; but not while it loads native code, because that ends the whole process
   * (Node-API cannot throw in a thread that is being terminated).
   */
  async end(): Promise<void> {
    await this.#loaded
    await this.#worker.terminate()
  }
}

/** Runs points on so many threads. */
export function onThreads(plane: WebAssembly.Module, threads: number): Carrier {
  return async (points, { seed, signal, onDone }) => {
    let next = 0
    const work = async (): Promise<void> => {
      if (next >= points.length) return
      const thread = new SweepThread({ plane })
      try {
        while (next < points.length && !signal.aborted) {
          const line = await thread.run(points[next++]!, seed, signal)
          if (!line) return
          onDone(line)
        }
      } finally {
        await thread.end()
      }
    }
    await Promise.all(Array.from({ length: Math.max(1, Math.min(threads, points.length)) }, work))
  }
}

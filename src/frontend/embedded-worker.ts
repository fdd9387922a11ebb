/**
 * An embedded guest in a thread of its own: a real vring over shared memory and eventfds, with a role in place
 * of an operating system. It is what measures on a machine without guest kernels, and what benches drive.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { RingferryError } from '../errors/errors.js'
import { histogramMean, histogramQuantile, total } from '../stats/histogram.js'
import {
  type EmbeddedThreadData,
  type EmbeddedWorkerOptions,
  type FromEmbedded,
  LIVE,
  SHARED_BYTES,
  SharedResults,
} from './embedded-worker-messages.js'

export type { EmbeddedRole, EmbeddedWorkerOptions } from './embedded-worker-messages.js'

/** What the guest has counted since its start; bytes without virtio-net headers. */
export interface EmbeddedCounters {
  readonly rxFrames: number
  readonly rxBytes: number
  readonly txFrames: number
  /** Round trips given up. */
  readonly lost: number
  /** Received frames that the device delivered broken. */
  readonly malformed: number
  /** How often it slept. */
  readonly sleeps: number
}

/** Round trip times in microseconds, each within 3.2 %; NaN when there was none. */
export interface RoundTrips {
  readonly count: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p90Us: number
  readonly p99Us: number
  readonly p999Us: number
}

/** The thread's program: beside this file, or in dist/ when the sources run. */
function threadFile(): URL {
  const beside = new URL('./embedded-worker-thread.js', import.meta.url)
  return existsSync(fileURLToPath(beside))
    ? beside
    : new URL('../../dist/frontend/embedded-worker-thread.js', import.meta.url)
}

export class EmbeddedWorker {
  readonly #worker: Worker
  readonly #results: SharedResults
  readonly #exited: Promise<void>
  #failure: Error | undefined

  private constructor(fd: number, options: EmbeddedWorkerOptions) {
    const shared = new SharedArrayBuffer(SHARED_BYTES)
    this.#results = new SharedResults(shared)
    const workerData: EmbeddedThreadData = { fd, shared, options }
    this.#worker = new Worker(threadFile(), { workerData })
    this.#worker.on('error', (error) => {
      this.#failure ??= error as Error
    })
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => resolve())
    })
  }

  /**
   * Starts a guest and waits until it is attached and works.
   * @param fd its end of a vhost-user socket, owned by the guest from here on
   * Throws UNSUPPORTED when the other end does not answer.
   */
  static async start(fd: number, options: EmbeddedWorkerOptions): Promise<EmbeddedWorker> {
    const made = new EmbeddedWorker(fd, options)
    const ready = new Promise<void>((resolve) => {
      made.#worker.on('message', (message: FromEmbedded) => {
        if (message.type === 'ready') resolve()
        else made.#failure ??= new RingferryError('UNSUPPORTED', `embedded guest: ${message.message}`)
      })
    })
    await Promise.race([ready, made.#exited])
    if (made.#failure) {
      await made.#exited
      throw made.#failure
    }
    return made
  }

  /** Why the guest ended by itself, if it did. */
  get failure(): Error | undefined {
    return this.#failure
  }

  counters(): EmbeddedCounters {
    const { live } = this.#results
    const at = (name: keyof typeof LIVE): number => live[LIVE[name]] as number
    return {
      rxFrames: at('rxFrames'),
      rxBytes: at('rxBytes'),
      txFrames: at('txFrames'),
      lost: at('lost'),
      malformed: at('malformed'),
      sleeps: at('sleeps'),
    }
  }

  /** The round trip times so far: the role `round-trip` fills them. */
  roundTrips(): RoundTrips {
    const counts = this.#results.roundTrips.slice()
    const at = (q: number): number => histogramQuantile(counts, q)
    return {
      count: total(counts),
      meanUs: histogramMean(counts),
      p50Us: at(0.5),
      p90Us: at(0.9),
      p99Us: at(0.99),
      p999Us: at(0.999),
    }
  }

  /** Ends the guest, which hangs up, and waits for its thread. May be called again. */
  async stop(): Promise<void> {
    Atomics.store(this.#results.stop, 0, 1)
    await this.#exited
  }
}

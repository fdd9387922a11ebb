/**
 * An embedded guest in a thread of its own: a real vring over shared memory and eventfds, with a role in place
 * of an operating system. It is what measures on a machine without guest kernels, and what benches drive.
 */

import { Worker } from 'node:worker_threads'
import {
  bucketStart,
  histogramMean,
  histogramQuantile,
  newCounts,
  since,
  TICKS_PER_US,
  total,
} from '../core/histogram.js'
import { RingferryError } from '../errors/errors.js'
import { builtFile } from '../sys/built-file.js'
import { ThreadTime } from '../sys/thread-time.js'
import {
  type EmbeddedThreadData,
  type EmbeddedWorkerOptions,
  type FromEmbedded,
  LIVE,
  ORDER,
  SHARED_BYTES,
  SharedResults,
} from './messages.js'

export type {
  Arrivals,
  EmbeddedRole,
  EmbeddedWorkerOptions,
  GeneratorRole,
} from './messages.js'

/** What the guest has counted since its start; bytes without virtio-net headers. */
export interface EmbeddedCounters {
  readonly rxFrames: number
  readonly rxBytes: number
  readonly txFrames: number
  readonly txBytes: number
  /** Round trips given up; for a meter the gaps in the sequence, between the first and the last frame received. */
  readonly lost: number
  /** Received frames that the device delivered broken. */
  readonly malformed: number
  /** How often it slept. */
  readonly sleeps: number
  /** Generator: due frames given up because the device had not made room, and because its thread came too late. */
  readonly refused: number
  readonly late: number
  /** Meter: frames after their successors, second copies, and frames of no generator or for somebody else. */
  readonly reordered: number
  readonly duplicated: number
  readonly others: number
  /** Meter: when the first frame after the last gap was meant to leave, on the host's clock (0: no gap). */
  readonly lastGapUs: number
}

/** What a generator does now: its rate, and since when on the host's clock in us. */
export interface GeneratorState {
  readonly rateFps: number
  readonly sinceUs: number
}

/** One-way delays in microseconds, each within 3.2 %, and their histogram (src/core/histogram.ts). */
export interface Delays extends RoundTrips {
  /** End of the highest bucket in use. */
  readonly maxUs: number
  readonly counts: Uint32Array
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

function roundTrips(counts: Uint32Array): RoundTrips {
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

/** An embedded guest in a thread of its own, in one role. */
export class EmbeddedWorker {
  readonly #worker: Worker
  readonly #results: SharedResults
  readonly #exited: Promise<void>
  readonly #onStopped: () => Promise<void>
  #failure: Error | undefined
  #time: ThreadTime | undefined
  #stopping: Promise<void> | undefined
  #baseline = newCounts()

  private constructor(fd: number, options: EmbeddedWorkerOptions, onStopped: () => Promise<void>) {
    this.#onStopped = onStopped
    const shared = new SharedArrayBuffer(SHARED_BYTES)
    this.#results = new SharedResults(shared)
    this.#results.orders[ORDER.limitFrames] = Number.POSITIVE_INFINITY
    const workerData: EmbeddedThreadData = { fd, shared, options }
    this.#worker = new Worker(builtFile('embedded/thread.js'), { workerData })
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
   * @param onStopped what is to be done after its thread has ended and before stop() resolves
   * Throws UNSUPPORTED when the other end does not answer.
   */
  static async start(
    fd: number,
    options: EmbeddedWorkerOptions,
    onStopped: () => Promise<void> = async () => {},
  ): Promise<EmbeddedWorker> {
    const made = new EmbeddedWorker(fd, options, onStopped)
    const ready = new Promise<void>((resolve) => {
      made.#worker.on('message', (message: FromEmbedded) => {
        if (message.type === 'ready') {
          made.#time = new ThreadTime(message.thread)
          resolve()
        } else made.#failure ??= new RingferryError('UNSUPPORTED', `embedded guest: ${message.message}`)
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
      txBytes: at('txBytes'),
      refused: at('refused'),
      late: at('late'),
      reordered: at('reordered'),
      duplicated: at('duplicated'),
      others: at('others'),
      lastGapUs: at('lastGapUs'),
    }
  }

  /** The round trip times so far: the role `round-trip` fills them. */
  roundTrips(): RoundTrips {
    return roundTrips(this.#results.times.slice())
  }

  /** Roles `meter` and `generator`: the one-way delays since `resetWindow`, or since the start. */
  delays(): Delays {
    const counts = since(this.#results.times, this.#baseline)
    let highest = counts.length - 1
    while (highest >= 0 && counts[highest] === 0) highest--
    const maxUs = highest < 0 ? Number.NaN : bucketStart(highest + 1) / TICKS_PER_US
    return { ...roundTrips(counts), maxUs, counts }
  }

  /** Starts a window: `delays` counts from here on. `counters` goes on from the start; subtract. */
  resetWindow(): void {
    this.#baseline = this.#results.times.slice()
  }

  /**
   * Role `generator`: sets its rate in frames a second; 0 pauses it, Infinity is as fast as the device takes them.
   * Obeyed within about 2 ms, see `generatorState`.
   * @param limitFrames at rate Infinity: so many more frames, then none
   */
  setRate(rateFps: number, limitFrames = Number.POSITIVE_INFINITY): void {
    const { orders, live } = this.#results
    // A burst that is under way must not go on between the two orders of a pause.
    if (rateFps > 0) orders[ORDER.limitFrames] = (live[LIVE.txFrames] as number) + limitFrames
    orders[ORDER.rateFps] = rateFps
  }

  /** Role `generator`: the rate that its thread goes by now. */
  generatorState(): GeneratorState {
    const { live } = this.#results
    return { rateFps: live[LIVE.rateFps] as number, sinceUs: live[LIVE.rateSinceUs] as number }
  }

  /** Processor seconds that its thread has used; after stop() what it had used by then. */
  cpuSeconds(): number {
    return this.#time?.seconds() ?? 0
  }

  /** Ends the guest, which hangs up, and waits for its thread. May be called again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.cpuSeconds()
    Atomics.store(this.#results.stop, 0, 1)
    await this.#exited
    await this.#onStopped()
  }
}

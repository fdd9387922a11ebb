/**
 * A running capture of one port, as who asked for it sees it: frames wait for it in a queue of bounded bytes. What comes
 * while the queue is full is lost and counted; nobody waits for a capture.
 */
import { compileFilter, type Filter } from '../capture/filter.js'
import type { CaptureStatistics, PcapngHead } from '../capture/pcapng.js'
import type { CapturedFrame } from '../core/capture-ring.js'
import { MAX_FRAME_BYTES } from '../core/layout.js'
import { RingferryError } from '../errors/errors.js'
import { ringferryVersion } from '../sys/version.js'

const QUEUE_BYTES = 4 * 1024 * 1024
/** What a queued frame costs beside its bytes. */
const FRAME_OVERHEAD_BYTES = 256
/** What a filter may look at: tags and headers, however little is kept of a frame. */
const FILTER_BYTES = 256

/** What is captured, and how much. */
export interface CaptureOptions {
  /** Which frames: an expression of docs/capture.md. Default: all. */
  readonly filter?: string
  /** Most bytes kept of a frame. Default: all. */
  readonly snapBytes?: number
  /** Frames after which it ends. Default: it does not. */
  readonly count?: number
}

/** Options of a capture, checked. */
export interface CapturePlan {
  readonly filter: string
  readonly wants: Filter
  readonly snapBytes: number
  readonly count: number
  /** Bytes of each frame that the capture must be offered. */
  readonly needsBytes: number
}

/** Checks what is asked for. Throws USAGE. */
export function planCapture(options: CaptureOptions): CapturePlan {
  const { filter = '', count = Number.POSITIVE_INFINITY } = options
  const snapBytes = Math.min(options.snapBytes ?? MAX_FRAME_BYTES, MAX_FRAME_BYTES)
  for (const [name, value] of Object.entries({ snapBytes, count }))
    if (!(value >= 1)) throw new RingferryError('USAGE', `${name} is ${value}; give a whole number above 0`)
  const wants = compileFilter(filter)
  const needsBytes = filter === '' ? snapBytes : Math.max(snapBytes, FILTER_BYTES)
  return { filter, wants, snapBytes, count, needsBytes }
}

/** A capture. Iterating takes its frames, in order, until it ends; close() ends it. */
export class Capture implements AsyncIterable<CapturedFrame> {
  readonly port: string
  /** Microseconds since 1970 that the times of frames count from. */
  readonly epochUs: number
  readonly #plan: CapturePlan
  readonly #onClose: (capture: Capture) => void
  #left: number
  #queue: CapturedFrame[] = []
  #queuedBytes = 0
  #seen = 0
  #taken = 0
  #missed = 0
  /** Lost since the newest frame of the queue. */
  #missedSince = 0
  /** Frames that the ring had lost before this capture began. */
  #before: number
  #endReason: string | undefined
  #wake: () => void = () => {}

  /**
   * @param feed the time that frames count from, what the ring of the port had lost before, who is told of the end
   */
  constructor(
    port: string,
    plan: CapturePlan,
    feed: {
      readonly epochUs: number
      readonly missedBefore: number
      readonly onClose: (capture: Capture) => void
    },
  ) {
    this.port = port
    this.#plan = plan
    this.epochUs = feed.epochUs
    this.#before = feed.missedBefore
    this.#onClose = feed.onClose
    this.#left = plan.count
  }

  /** What a file of it begins with. */
  get head(): PcapngHead {
    const { port, epochUs } = this
    const { snapBytes, filter } = this.#plan
    return { port, snapBytes, filter, epochUs, program: `ringferry ${ringferryVersion()}` }
  }

  /** Bytes of each frame that it must be offered. */
  get needsBytes(): number {
    return this.#plan.needsBytes
  }

  /** Frames since it began. */
  get statistics(): CaptureStatistics {
    return { seen: this.#seen + this.#missed, captured: this.#taken, missed: this.#missed }
  }

  /** Why it has ended; undefined while it runs. What is queued can still be taken. */
  get endReason(): string | undefined {
    return this.#endReason
  }

  /** Is given the next frame of the port. */
  offer(frame: CapturedFrame): void {
    if (this.#endReason !== undefined) return
    const missed = frame.missed - this.#before
    this.#before = 0
    this.#miss(missed)
    this.#seen++
    if (!this.#plan.wants(frame)) return
    const { data, ...rest } = frame
    const { snapBytes } = this.#plan
    const kept = data.length > snapBytes ? data.subarray(0, snapBytes) : data
    const bytes = kept.length + FRAME_OVERHEAD_BYTES
    if (this.#queuedBytes + bytes > QUEUE_BYTES) {
      this.#seen--
      this.#miss(1)
      return
    }
    this.#queue.push({ ...rest, data: kept, missed: this.#missedSince })
    this.#queuedBytes += bytes
    this.#missedSince = 0
    this.#wake()
    this.#left--
    if (this.#left <= 0) this.#end('it has as many frames as were asked for')
  }

  #miss(frames: number): void {
    this.#missed += frames
    this.#missedSince += frames
  }

  /** Nothing comes any more, for a reason. @param missed frames that were lost behind the last */
  end(reason: string, missed = this.#before): void {
    if (this.#endReason !== undefined) return
    this.#miss(missed - this.#before)
    this.#end(reason)
  }

  #end(reason: string): void {
    this.#endReason = reason
    this.#onClose(this)
    this.#wake()
  }

  /** Ends the capture; the frames that wait can still be taken. */
  close(): void {
    this.end('it was closed')
  }

  /** Takes all frames that wait. */
  take(): readonly CapturedFrame[] {
    const frames = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    this.#taken += frames.length
    return frames
  }

  /** Resolves when frames wait, when the capture has ended, or after a while. */
  async ready(limitMs?: number): Promise<void> {
    if (this.#queue.length > 0 || this.#endReason !== undefined) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (limitMs !== undefined) timer = setTimeout(resolve, limitMs)
    })
    this.#wake = () => {}
    clearTimeout(timer)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CapturedFrame> {
    try {
      for (;;) {
        await this.ready()
        const frames = this.take()
        yield* frames
        if (frames.length === 0 && this.#endReason !== undefined) return
      }
    } finally {
      this.close()
    }
  }
}

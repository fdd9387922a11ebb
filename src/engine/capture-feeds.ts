import { CaptureRingReader } from '../core/capture-ring.js'
import { RingferryError } from '../errors/errors.js'
import { Capture, type CaptureOptions, type CapturePlan, planCapture } from './capture.js'

/** Captures of one port at a time. */
const MAX_CAPTURES = 8
/** How often an idle ring is looked at: its frames reach the reader so late at most. */
const LOOK_MS = 5
/** Frames that are handed on at once, so that the control thread has time for others. */
const FRAMES_AT_ONCE = 2048

/** What the control side of a switch asks its engine for. */
export interface CaptureSource {
  /** The engine's linear memory. */
  readonly memory: () => ArrayBufferLike
  readonly open: (port: string, snapBytes: number) => Promise<number>
  readonly close: (ring: number) => Promise<unknown>
}

/** The ring of a captured port and those that it feeds. */
interface Feed {
  /** Its linear offset. */
  readonly ring: number
  readonly reader: CaptureRingReader
  readonly captures: Set<Capture>
  /** Its ring is given back: nobody reads it any more. */
  isOver: boolean
}

/**
 * The captures of a switch in its control thread. A captured port has one ring in the engine's memory, which is emptied here
 * every few milliseconds; the engine is asked when the first capture of a port begins and when the last ends.
 */
export class CaptureFeeds {
  readonly #source: CaptureSource
  /** By port. A port whose feed is being opened has a promise of it. */
  readonly #feeds = new Map<string, Promise<Feed>>()

  constructor(source: CaptureSource) {
    this.#source = source
  }

  /** Begins a capture. Rejects with USAGE, NOT_FOUND, BUSY or UNSUPPORTED. */
  async open(port: string, options: CaptureOptions): Promise<Capture> {
    return await this.#join(port, planCapture(options))
  }

  async #join(port: string, plan: CapturePlan): Promise<Capture> {
    const opening = this.#feeds.get(port) ?? this.#openFeed(port, plan.needsBytes)
    const feed = await opening
    // The last of its captures may have ended meanwhile.
    if (this.#feeds.get(port) !== opening) return await this.#join(port, plan)
    if (feed.captures.size >= MAX_CAPTURES)
      throw new RingferryError(
        'BUSY',
        `port ${port}: it is captured ${MAX_CAPTURES} times already; end one first`,
      )
    const capture = new Capture(port, plan, {
      epochUs: feed.reader.epochUs,
      missedBefore: feed.reader.missed,
      onClose: (ended) => this.#left(port, feed, ended),
    })
    feed.captures.add(capture)
    feed.reader.snapBytes = Math.max(...[...feed.captures].map(({ needsBytes }) => needsBytes))
    return capture
  }

  #openFeed(port: string, snapBytes: number): Promise<Feed> {
    const opening = this.#source.open(port, snapBytes).then((ring) => {
      const feed: Feed = {
        ring,
        reader: new CaptureRingReader(this.#source.memory(), ring),
        captures: new Set(),
        isOver: false,
      }
      this.#look(port, feed)
      return feed
    })
    this.#feeds.set(port, opening)
    opening.catch(() => this.#feeds.delete(port))
    return opening
  }

  /** Hands on what the ring holds, and looks again later. */
  #look(port: string, feed: Feed): void {
    if (feed.isOver) return
    const { reader, captures } = feed
    let taken = 0
    // Asked before the ring is read: what was written until then is read.
    const { hasEnded } = reader
    for (let frame = reader.take(); frame; frame = taken < FRAMES_AT_ONCE ? reader.take() : undefined) {
      taken++
      for (const capture of captures) capture.offer(frame)
    }
    if (hasEnded && taken === 0)
      for (const each of captures) each.end(`port ${port} was removed`, reader.missed)
    else if (taken >= FRAMES_AT_ONCE) setImmediate(() => this.#look(port, feed))
    else setTimeout(() => this.#look(port, feed), LOOK_MS).unref()
  }

  /** A capture has ended; the ring of a port without one is given back. */
  #left(port: string, feed: Feed, capture: Capture): void {
    feed.captures.delete(capture)
    if (feed.captures.size > 0 || feed.isOver) return
    feed.isOver = true
    this.#feeds.delete(port)
    this.#source.close(feed.ring).catch(() => {})
  }

  /** Ends all captures for a reason: the switch has ended, and its memory is nobody's. */
  async end(reason: string): Promise<void> {
    for (const opening of this.#feeds.values())
      for (const capture of (await opening.catch(() => undefined))?.captures ?? []) capture.end(reason)
  }
}

import { record } from '../core/histogram.js'
import type { NetDriver } from '../driver/net-driver.js'
import { nowUs } from '../sys/clock.js'
import { NET_HEADER } from '../virtio/virtio.js'
import { hostClockOffsetUs } from './clock.js'
import { FRAME_AT, isMeasured, STREAMS } from './frames.js'
import { LIVE, type SharedResults } from './messages.js'

/** Frames between two readings of the clock. */
const BURST = 64
/** How far back a late frame is told from a second copy. */
const WINDOW = 1024
const CACHE_LINE = 64
const UNKNOWN = -1
const HALF_CIRCLE = 0x80000000

/**
 * Receives what generators send: counts, follows the sequence of each stream from its first frame on, and records
 * the delay from the intended send time, read once for each burst of up to 64 frames. Allocates nothing a frame.
 */
export class Meter {
  readonly waitsForRoom = false
  readonly #driver: NetDriver
  readonly #results: SharedResults
  readonly #touch: boolean
  /** Where the buffer of each descriptor of the receive ring lies, as an offset of guest memory. */
  readonly #buffers: Float64Array
  readonly #macHigh: number
  readonly #macLow: number
  readonly #offsetUs = hostClockOffsetUs()
  /** By stream: the generator's epoch (UNKNOWN: no frame yet), the sequence expected, and which of the last came. */
  readonly #epochs = new Int32Array(STREAMS).fill(UNKNOWN)
  readonly #expected = new Uint32Array(STREAMS)
  readonly #seen = new Uint8Array(STREAMS * WINDOW)
  /** Further buffers of the frame at hand. */
  #rest = 0

  /** @param mac its own address; frames for others are counted as such */
  constructor(driver: NetDriver, results: SharedResults, mac: Uint8Array, touch: boolean) {
    this.#driver = driver
    this.#results = results
    this.#touch = touch
    const own = new DataView(mac.buffer, mac.byteOffset)
    this.#macHigh = own.getUint16(0)
    this.#macLow = own.getUint32(2)
    const ring = driver.rx()
    const { memory } = driver
    const table = memory.offsetOf(ring.desc)
    this.#buffers = Float64Array.from({ length: ring.size }, (_, head) =>
      memory.offsetOf(Number(memory.data.getBigUint64(table + head * 16, true))),
    )
  }

  restUs(): number {
    return Number.POSITIVE_INFINITY
  }

  turn(localUs: number): number {
    let moved = 0
    let now = localUs + this.#offsetUs
    for (;;) {
      const taken = this.#take(now)
      moved += taken
      if (taken < BURST) return moved
      now = nowUs() + this.#offsetUs
    }
  }

  /** Takes up to a burst of buffers at a time of the host's clock. Returns how many. */
  #take(hostUs: number): number {
    const driver = this.#driver
    const ring = driver.rx()
    const { u16, u32 } = driver.memory
    let taken = 0
    let touched = 0
    while (taken < BURST) {
      const head = ring.takeUsed()
      if (head < 0) break
      taken++
      const start = this.#buffers[head]!
      const length = ring.usedLength
      driver.rxBytes += length
      if (this.#rest > 0) this.#rest--
      else {
        driver.rxFrames++
        driver.rxBytes -= driver.headerBytes
        if (driver.mergeable) this.#rest = Math.max(0, u16[(start + NET_HEADER.NUM_BUFFERS) >>> 1]! - 1)
        this.#measure(start + driver.headerBytes, length - driver.headerBytes, hostUs)
      }
      if (this.#touch)
        for (let at = start, end = start + length; at < end; at += CACHE_LINE)
          touched = (touched + u32[at >>> 2]!) | 0
      ring.post(head)
    }
    if (taken > 0) driver.publish(0)
    driver.rxTouched = (driver.rxTouched + touched) | 0
    return taken
  }

  #measure(at: number, bytes: number, hostUs: number): void {
    const { data } = this.#driver.memory
    const { live, times } = this.#results
    const stream = isMeasured(data, at, bytes) ? data.getUint16(at + FRAME_AT.STREAM) : STREAMS
    if (
      stream >= STREAMS ||
      data.getUint32(at + 2) !== this.#macLow ||
      data.getUint16(at) !== this.#macHigh
    ) {
      live[LIVE.others]! += 1
      return
    }
    const intendedUs = data.getFloat64(at + FRAME_AT.INTENDED)
    this.#follow(
      stream,
      data.getUint16(at + FRAME_AT.EPOCH),
      data.getUint32(at + FRAME_AT.SEQUENCE),
      intendedUs,
    )
    record(times, hostUs - intendedUs)
  }

  #follow(stream: number, epoch: number, sequence: number, intendedUs: number): void {
    const { live } = this.#results
    const window = stream * WINDOW
    if (this.#epochs[stream] !== epoch) {
      this.#epochs[stream] = epoch
      // Nothing before the first frame is missed, and nothing of it may come later as lost.
      this.#seen.fill(1, window, window + WINDOW)
      this.#expected[stream] = sequence
    }
    const ahead = (sequence - this.#expected[stream]!) >>> 0
    const place = window + (sequence & (WINDOW - 1))
    if (ahead >= HALF_CIRCLE) {
      const back = 2 ** 32 - ahead
      if (back <= WINDOW && this.#seen[place] === 0) {
        live[LIVE.reordered]! += 1
        live[LIVE.lost]! -= 1
        this.#seen[place] = 1
      } else live[LIVE.duplicated]! += 1
      return
    }
    if (ahead > 0) {
      live[LIVE.lost]! += ahead
      live[LIVE.lastGapUs] = intendedUs
      if (ahead >= WINDOW) this.#seen.fill(0, window, window + WINDOW)
      else for (let i = 1; i <= ahead; i++) this.#seen[window + ((sequence - i) & (WINDOW - 1))] = 0
    }
    this.#seen[place] = 1
    this.#expected[stream] = sequence + 1
  }
}

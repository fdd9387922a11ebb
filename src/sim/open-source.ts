/** Frames that come whatever becomes of those before them. */
import { nextArrival } from './arrivals.js'
import type { OpenTraffic } from './model.js'
import { LEAST_FRAME_BYTES } from './nic.js'
import { type Network, type Program, Tally } from './program.js'
import type { Stream } from './streams.js'

/** Frame sizes of the Internet mix, checksums left out, and how often each comes of twelve. Source: RFC 6985, 4. */
const IMIX = [
  [60, 7],
  [590, 4],
  [1514, 1],
] as const
const IMIX_TOTAL = 12

/** Mean bytes of a frame of such traffic. */
export function meanFrameBytes({
  frameBytes,
  arrivals,
}: Pick<OpenTraffic, 'frameBytes' | 'arrivals'>): number {
  if (arrivals.kind === 'trace')
    return Array.from(arrivals.bytes).reduce((sum, bytes) => sum + bytes, 0) / arrivals.bytes.length
  if (frameBytes === 'imix')
    return IMIX.reduce((sum, [bytes, parts]) => sum + (bytes * parts) / IMIX_TOTAL, 0)
  return Math.max(LEAST_FRAME_BYTES, frameBytes)
}

export class OpenSource implements Program {
  readonly tally = new Tally()
  readonly #traffic: OpenTraffic
  readonly #network: Network
  readonly #flow: number
  readonly #from: number
  readonly #to: number
  readonly #next: () => number
  readonly #sizes: Stream
  readonly #event: number
  /** Bytes of every frame; 0: they differ. */
  readonly #everyBytes: number
  /** Exact time of the next frame: rounding must not change the rate. */
  #atNs = 0
  #count = 0

  /** @param flow number of the traffic; @param ports its two */
  constructor(traffic: OpenTraffic, network: Network, flow: number, [from, to]: readonly [number, number]) {
    this.#traffic = traffic
    this.#network = network
    this.#flow = flow
    this.#from = from
    this.#to = to
    const stream = network.streams.stream(`traffic ${traffic.label}`)
    this.#next = nextArrival(traffic.arrivals, traffic.rateFps, stream.split('arrivals'))
    this.#sizes = stream.split('sizes')
    const { frameBytes, arrivals } = traffic
    const differ = arrivals.kind === 'trace' || frameBytes === 'imix'
    this.#everyBytes = differ ? 0 : Math.max(LEAST_FRAME_BYTES, frameBytes)
    this.#event = network.events.register((_, nowNs) => this.#send(nowNs))
  }

  start(): void {
    this.#schedule()
  }

  #schedule(): void {
    this.#atNs += this.#next()
    this.#network.events.schedule(Math.round(this.#atNs), this.#event, 0)
  }

  #size(): number {
    if (this.#everyBytes > 0) return this.#everyBytes
    const { arrivals } = this.#traffic
    if (arrivals.kind === 'trace') return arrivals.bytes[this.#count % arrivals.bytes.length]!
    let drawn = this.#sizes.below(IMIX_TOTAL)
    for (const [bytes, parts] of IMIX) {
      if (drawn < parts) return bytes
      drawn -= parts
    }
    return LEAST_FRAME_BYTES
  }

  #send(nowNs: number): void {
    const { frames } = this.#network
    const { urgentShare } = this.#traffic
    const frame = frames.make(this.#flow, this.#from, this.#to, this.#size())
    frames.bornNs[frame] = nowNs
    if (urgentShare > 0 && this.#sizes.uniform() < urgentShare) {
      frames.urgent[frame] = 1
      frames.tcp[frame] = 1
    }
    this.#count++
    this.tally.offered++
    if (!this.#network.send(frame, nowNs)) {
      this.tally.refused++
      frames.release(frame)
    }
    this.#schedule()
  }

  deliver(frame: number, nowNs: number): void {
    const { frames } = this.#network
    this.tally.arrived(frames.bytes[frame]!, nowNs - frames.bornNs[frame]!)
    frames.release(frame)
  }
}
